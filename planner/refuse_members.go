package planner

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"quorate.dev/quorate/regions"
)

// refuseChangedMembers: a database whose replicas are started with a list of all
// members takes no other list once any of them has started. Applying one would change
// every pod's template, restart everybody and add nobody.
func (b *builder) refuseChangedMembers() {
	if !b.initialised && !b.blind() && !slices.ContainsFunc(b.sites, site.started) {
		return // nobody has read the list yet
	}
	for _, s := range b.sites {
		for _, p := range s.pools {
			added, removed := b.changedMembers(s, p)
			if len(added)+len(removed) == 0 {
				continue
			}
			b.refuse(Refusal{
				Code: "members-changed", Cluster: s.cluster.Name,
				Message: fmt.Sprintf("%s: the replicas of %s were started with a fixed list of members (%s), and the topology changes it (%s); adding and removing members of a running %s is not supported yet",
					s.cluster.Name, p.name, strings.TrimSuffix(b.in.Profile.Members.ListedIn, "="), changedList(added, removed), b.in.Profile.Name),
				Hint: "put the clusters, their replicas and the zone back as they were; other changes then go through",
			})
			return // the list is the same in every cluster
		}
	}
}

// refuseEmptiedMembers: a member of a static cluster that starts without its data takes
// its old identity, and with it votes that it has cast already (Raft, Ongaro and
// Ousterhout 2014, §5.2: a vote is kept on stable storage). It has to be removed and
// added under a new one.
func (b *builder) refuseEmptiedMembers(s site) {
	if !b.in.Topology.DeclaresMembers() {
		return
	}
	what, hint := "", ""
	if s.emptied {
		what = fmt.Sprintf("%s held members of %s before and is empty now", s.cluster.Name, b.plan.Deployment)
	}
	for _, p := range s.pools {
		if b.initialised && s.deleted(p) {
			what = fmt.Sprintf("%s: StatefulSet %s was made before and is gone, and so are its volumes", s.cluster.Name, p.name)
			hint = fmt.Sprintf("; only where none of its replicas ever started, remove it from inventory.json of ConfigMap %s", regions.RecordName(b.plan.Deployment))
		}
	}
	if what == "" {
		return
	}
	b.refuse(Refusal{
		Code: "member-lost-its-data", Cluster: s.cluster.Name,
		Message: fmt.Sprintf("%s: started without their data its members would vote under their old identity, and removing and adding members of a running %s is not supported yet",
			what, b.in.Profile.Name),
		Hint: "bring the volumes back, or replace the members by the database's own means" + hint,
	})
}

// deleted: the record says that the pool's StatefulSet was made, and neither it nor a volume
// of it is there. All sets are made before the first replica is started.
func (s site) deleted(p pool) bool {
	return p.live == nil && p.made == 0 && p.want > 0 && slices.ContainsFunc(s.obs.State.Record.Inventory, func(ref regions.ObjectRef) bool {
		return ref.Kind == "StatefulSet" && ref.Name == p.name
	})
}

// started: some replica of the site was made.
func (s site) started() bool {
	return slices.ContainsFunc(s.pools, func(p pool) bool { return p.made > 0 })
}

// changedMembers compares the list that a pool's live template has with the desired one.
func (b *builder) changedMembers(s site, p pool) (added, removed []string) {
	live := findObject(s.obs.Objects, "StatefulSet", p.name)
	if live == nil || live.Live == nil {
		return nil, nil
	}
	before, _ := b.in.Profile.Members.Listed(podTemplate(live.Live))
	var after []string
	for _, object := range s.desired {
		if ref := RefOf(object); ref.Kind == "StatefulSet" && ref.Name == p.name {
			after, _ = b.in.Profile.Members.Listed(podTemplate(object))
		}
	}
	return without(after, before), without(before, after)
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}

func changedList(added, removed []string) string {
	var parts []string
	if len(added) > 0 {
		parts = append(parts, "added: "+strings.Join(added, ", "))
	}
	if len(removed) > 0 {
		parts = append(parts, "taken away: "+strings.Join(removed, ", "))
	}
	return strings.Join(parts, "; ")
}

// noteUpgrade tells what the profile knows of going to a higher minor version, once.
func (b *builder) noteUpgrade() {
	words := b.in.Profile.Upgrade.Minor
	if words == "" {
		return
	}
	for _, change := range b.plan.Objects {
		for _, f := range change.Fields {
			before, after := minorVersion(f.Before), minorVersion(f.After)
			if !strings.HasSuffix(f.Path, ".image") || before == "" || after == "" || semver.Compare(before, after) >= 0 {
				continue
			}
			b.note(fmt.Sprintf("%s %s → %s: %s", b.in.Profile.Name, before, after, words))
			return
		}
	}
}

// minorVersion is the v<major>.<minor> of an image's tag, empty where it is no version.
func minorVersion(image any) string {
	tag := imageTag(image)
	if !strings.HasPrefix(tag, "v") {
		tag = "v" + tag
	}
	return semver.MajorMinor(tag)
}
