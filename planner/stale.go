package planner

import (
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// Moved is one thing that is no longer as it was when a plan was saved.
type Moved struct {
	Code    string `json:"code"` // stable: topology, profile, rendered, cluster, database, replicas, object, field, disruption
	Cluster string `json:"cluster,omitempty"`
	Message string `json:"message"` // what it was and what it is now
}

// String is one line for people.
func (m Moved) String() string {
	if m.Cluster == "" {
		return m.Message
	}
	return m.Cluster + ": " + m.Message
}

// MovedOffline says what moved since the plan was saved, as far as the topology and what
// is rendered from it tell; no cluster is asked. The order follows the topology and the overlays.
func (s *Saved) MovedOffline(in Input) []Moved {
	var out []Moved
	for _, f := range diffObjects(s.Basis.Topology, plainTopology(in.Topology)) {
		out = append(out, Moved{Code: "topology", Message: "topology: " + f.String()})
	}
	if s.Basis.Profile != digestOf(in.Profile) {
		out = append(out, Moved{Code: "profile", Message: fmt.Sprintf("profile %s is defined otherwise (another version of quorate, or the profile was edited)", in.Profile.Name)})
	}
	for _, c := range in.Topology.OrderedClusters() {
		if saved := s.cluster(c.Name); saved != nil {
			out = append(out, movedObjects(c.Name, saved.Objects, renderedDigests(in.Desired[c.Name]))...)
		}
	}
	return out
}

// cluster is what the saved plan knows of a cluster; nil where it knows nothing.
func (s *Saved) cluster(name string) *ClusterBasis {
	for i := range s.Basis.Clusters {
		if s.Basis.Clusters[i].Name == name {
			return &s.Basis.Clusters[i]
		}
	}
	return nil
}

func movedObjects(cluster string, before, after []RenderedDigest) []Moved {
	was := map[regions.ObjectRef]string{}
	for _, o := range before {
		was[o.Object] = o.Digest
	}
	var out []Moved
	moved := func(ref regions.ObjectRef, what string) {
		out = append(out, Moved{Code: "rendered", Cluster: cluster, Message: fmt.Sprintf("%s %s", ref, what)})
	}
	for _, o := range after {
		digest, known := was[o.Object]
		delete(was, o.Object)
		switch {
		case !known:
			moved(o.Object, "is rendered now, and was not")
		case digest != o.Digest:
			moved(o.Object, "is rendered otherwise (the topology, or the base)")
		}
	}
	for _, o := range before {
		if _, gone := was[o.Object]; gone {
			moved(o.Object, "is no longer rendered")
		}
	}
	return out
}

// Continue makes the plan by which a run goes on with a saved one, whether none of it
// is true yet, as when it was saved, or a run of it was cut off anywhere. It is made from
// what is seen now; anything in it that the saved plan does not have is something that
// moved: another topology or rendering, another cluster behind a context, a field that is
// at neither its value before nor the one after, a replica taken down that the
// saved plan leaves alone. To mend what is down is free, as ever. While anything moved the plan may not run.
//
// The plan carries the saved plan's digest: it is what was reviewed.
func Continue(s *Saved, in Input) (*Plan, []Moved) {
	in.ForceManagers = s.Basis.ForceManagers
	moved := s.MovedOffline(in)
	fresh := Build(in)
	for _, site := range sites(in) {
		if !site.silent() {
			moved = append(moved, s.movedSite(site)...)
		}
	}
	if was, is := s.Basis.DatabaseID, in.databaseID(); was != "" && was != is {
		moved = append(moved, Moved{Code: "database", Message: fmt.Sprintf("the database on record was %s and is %s", was, orNone(is))})
	}
	if s.Promise.InForce && !fresh.Promise.InForce && len(fresh.Unreachable()) == 0 {
		moved = append(moved, Moved{Code: "database", Message: "a database held data when the plan was made, and none is found now"})
	}
	for _, change := range fresh.Objects {
		moved = append(moved, s.movedChange(change)...)
	}
	moved = append(moved, s.movedDisruptions(fresh, in)...)
	fresh.Digest = s.Digest
	return fresh, moved
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// movedSite holds a cluster's identity, and each pool's size between what it was and what
// the plan makes of it.
func (s *Saved) movedSite(now site) []Moved {
	name := now.cluster.Name
	was := s.cluster(name)
	switch {
	case was == nil:
		return nil // the topology says so
	case was.UID == "" && !s.Basis.Offline:
		return []Moved{{"cluster", name, "it did not answer when the plan was made, and does now"}}
	case was.UID != "" && was.UID != now.obs.State.UID:
		return []Moved{{"cluster", name, fmt.Sprintf("context %q reaches another cluster: its UID was %s and is %s", now.cluster.Context, was.UID, now.obs.State.UID)}}
	case now.emptied && !was.Emptied && s.Basis.Offline: // another plan's cluster is known by its StatefulSets
		return []Moved{{"cluster", name, "it held replicas, as the other clusters' records tell, and is empty now"}}
	}
	var out []Moved
	for _, p := range now.pools {
		for _, before := range was.Pools {
			if before.Name != p.name {
				continue
			}
			if what := movedPool(before, p); what != "" {
				out = append(out, Moved{"replicas", name, what})
			}
		}
	}
	return out
}

func movedPool(before PoolBasis, now pool) string {
	low, high := min(before.Replicas, before.Want), max(before.Replicas, before.Want)
	switch n := now.replicas(); {
	case before.UID != "" && now.live == nil:
		return fmt.Sprintf("StatefulSet %s is gone", now.name)
	case before.UID != "" && now.live.UID != before.UID:
		return fmt.Sprintf("StatefulSet %s was deleted and made anew", now.name)
	case n < low, n > high:
		return fmt.Sprintf("StatefulSet %s had %s and has %d%s", now.name, replicaCount(before.Replicas), n, ownersText(now.live.ReplicasManagers))
	}
	return ""
}

// change is what the saved plan does to an object; nil where it leaves it alone.
func (s *Saved) change(cluster string, ref regions.ObjectRef) *ObjectChange {
	for i, c := range s.Objects {
		if c.Cluster == cluster && refersTo(c.Object, ref) {
			return &s.Objects[i]
		}
	}
	return nil
}

// movedChange says what of a change to an object the saved plan does not have.
func (s *Saved) movedChange(now ObjectChange) []Moved {
	was := s.change(now.Cluster, now.Object)
	moved := func(code, format string, args ...any) []Moved {
		return []Moved{{code, now.Cluster, now.Object.String() + " " + fmt.Sprintf(format, args...)}}
	}
	switch {
	case now.Action == ActionCreate && was != nil && was.Action == ActionCreate:
		return nil
	case now.Action == ActionCreate:
		return moved("object", "is gone")
	case now.Action == ActionDelete && (was == nil || was.Action != ActionDelete):
		return moved("object", "is owned now and would be deleted")
	case now.Action == ActionDelete:
		return nil
	case now.Action == ActionTakeOver && !s.takesOver(now):
		return moved("object", "is shared now: %s", now.Note)
	}
	var out []Moved
	for _, f := range now.Fields {
		if text := movedField(was, f); text != "" {
			out = append(out, moved("field", "%s", text+changedBy(f))...)
		}
	}
	return out
}

func changedBy(f FieldChange) string {
	if f.By == "" {
		return ""
	}
	return " (" + f.By + ")"
}

// takesOver: the saved plan takes fields of the object over from others.
func (s *Saved) takesOver(now ObjectChange) bool {
	return slices.ContainsFunc(s.Steps, func(step Step) bool {
		return step.Cluster == now.Cluster && slices.ContainsFunc(step.Payload.TakeOver, func(ref regions.ObjectRef) bool { return refersTo(ref, now.Object) })
	})
}

// movedField says how a field change differs from the saved plan's; values compare as
// they are written, since one side comes from a file.
func movedField(was *ObjectChange, now FieldChange) string {
	if was != nil && was.Action == ActionCreate {
		return fmt.Sprintf("exists now, made by others: %s is %s and would become %s", now.Path, presentText(now.Before), presentText(now.After))
	}
	if was != nil {
		for _, f := range was.Fields {
			switch {
			case f.Path != now.Path:
			case compactJSON(f.After) != compactJSON(now.After):
				return fmt.Sprintf("%s would become %s; the plan makes it %s", f.Path, presentText(now.After), presentText(f.After))
			case compactJSON(f.Before) != compactJSON(now.Before):
				return fmt.Sprintf("%s was %s and is %s", f.Path, presentText(f.Before), presentText(now.Before))
			default:
				return ""
			}
		}
	}
	return fmt.Sprintf("%s was %s and is %s", now.Path, presentText(now.After), presentText(now.Before))
}

func presentText(v any) string {
	if v == nil {
		return "absent"
	}
	return valueText(v)
}

// movedDisruptions: a healthy replica would be taken down that the saved plan leaves alone.
func (s *Saved) movedDisruptions(fresh *Plan, in Input) []Moved {
	approved := map[regions.ReplicaID]bool{}
	for _, step := range s.Steps {
		for _, id := range step.Disrupts {
			approved[id] = true
		}
	}
	serving := map[regions.ReplicaID]bool{}
	for _, state := range in.states() {
		for _, pod := range state.Pods {
			serving[pod.ID] = pod.Up()
		}
	}
	var out []Moved
	for _, step := range fresh.Steps {
		for _, id := range step.Disrupts {
			if !approved[id] && serving[id] {
				out = append(out, Moved{"disruption", id.Cluster, fmt.Sprintf("%s would be restarted, and the plan leaves it alone: %s", id.Pod(), strings.TrimSuffix(step.Why, "."))})
			}
		}
	}
	return out
}

// Done counts the saved plan's steps that what is left to do does not have: they are
// true already.
func (s *Saved) Done(left *Plan) int {
	n := 0
	for _, step := range s.Steps {
		if !slices.ContainsFunc(left.Steps, func(other Step) bool { return other.ID == step.ID }) {
			n++
		}
	}
	return n
}
