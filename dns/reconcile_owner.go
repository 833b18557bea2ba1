package dns

import (
	"slices"
	"strings"
)

// ownership are the changes of ownership records that go with the changes of names: a name that has records
// afterwards has one that tells of them, and one without has none.
func (r *reconciler) ownership(changes []Change) []Change {
	after := r.setsAfter(changes)
	clusters := map[string]string{}
	for _, c := range changes {
		clusters[c.Name] = c.Cluster
	}
	var out []Change
	for _, name := range r.touched(changes) {
		var want []string
		if sets := after[name]; len(sets) > 0 {
			cluster, changed := clusters[name]
			if !changed {
				cluster = r.owners[name].Cluster
			}
			want = []string{Ownership{Deployment: r.w.Deployment, Cluster: cluster, Hash: HashSets(sets)}.Text()}
		}
		if c, differs := r.ownerChange(name, want); differs {
			out = append(out, c)
		}
	}
	return out
}

// touched are the names whose ownership may be written: those that change, and ours that stand as they are wanted.
// Those of clusters that were not read are let alone.
func (r *reconciler) touched(changes []Change) []string {
	var names []string
	for _, c := range changes {
		names = append(names, c.Name)
	}
	for name, owner := range r.owners {
		if (r.open[name] || !r.used[name]) && !slices.Contains(r.unread, owner.Cluster) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ownerChange turns the ownership record of the name into the wanted one, or none.
func (r *reconciler) ownerChange(name string, want []string) (Change, bool) {
	have := r.have[setKey{OwnerName(name), TypeTXT}].Values
	c := Change{Name: OwnerName(name), Type: TypeTXT, Before: have, After: want, TTL: OwnerTTL}
	switch {
	case slices.Equal(have, want):
		return Change{}, false
	case len(have) == 0:
		c.Action = Create
	case len(want) == 0:
		c.Action, c.TTL = Delete, 0
	default:
		c.Action = Update
	}
	return c, true
}

// setsAfter are the sets of each name once the changes are made.
func (r *reconciler) setsAfter(changes []Change) map[string][]RecordSet {
	byKey := index(r.managed())
	for _, c := range changes {
		key := setKey{c.Name, c.Type}
		delete(byKey, key)
		if c.Action != Delete {
			byKey[key] = RecordSet{Name: c.Name, Type: c.Type, TTL: c.TTL, Values: c.After}
		}
	}
	after := map[string][]RecordSet{}
	for _, s := range sorted(byKey) {
		after[s.Name] = append(after[s.Name], s)
	}
	return after
}

// edited are the names of ours that do not hold what was written there last.
func (r *reconciler) edited(changes []ChangeSet) []Edit {
	found := r.setsAfter(nil)
	changed := map[string]bool{}
	for _, set := range changes {
		changed[set.Name] = true
	}
	var out []Edit
	for name, owner := range r.owners {
		if HashSets(found[name]) != owner.Hash {
			out = append(out, Edit{Name: name, Found: found[name], Stays: !changed[name]})
		}
	}
	slices.SortFunc(out, func(a, b Edit) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// kept are the names of ours with records that are not wanted and stay.
func (r *reconciler) kept(changes []Change) []string {
	wanted, changed := map[string]bool{}, map[string]bool{}
	for _, s := range r.w.Sets {
		wanted[Canonical(s.Name)] = true
	}
	for _, c := range changes {
		changed[c.Name] = true
	}
	var out []string
	for name := range r.owners {
		if r.used[name] && !wanted[name] && !changed[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// counting are the sets of which the delete cap takes a share: those of ours that last longer than a pod. A PTR
// record goes with every restart.
func (r *reconciler) counting() []RecordSet {
	return slices.DeleteFunc(r.managed(), func(s RecordSet) bool { return s.Type == TypePTR })
}

// counted are the changes that the delete cap counts: a reviewed plan's scale-in is exempt.
func (r *reconciler) counted(changes []Change) []Change {
	var retired []string
	for _, id := range r.w.Retired {
		retired = append(retired, retiredName(r.w.Zone, id))
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return slices.Contains(retired, c.Name) })
}

// awayTargets tells the delete of an SRV set of which every target is a name that is kept while its pod is away: the
// set is kept with them.
func awayTargets(c Change, away map[string]bool) bool {
	return c.Action == Delete && c.Type == TypeSRV &&
		!slices.ContainsFunc(c.Before, func(v string) bool { return !away[target(v)] })
}

// writes tells whether this deployment may have written a name whose ownership bears its own name. Another one, of another zone
// below the same one of the server, may be called the same; zones that were given up count as our own.
func (r *reconciler) writes(name string, owner Ownership) bool {
	in := func(zone string) bool { return writtenIn(zone, name, owner) }
	if r.w.Forward != "" {
		in = func(zone string) bool { return Within(name, zone) && name != Canonical(zone) }
	}
	if CheckName(name) != nil || !in(r.w.Zone) && !slices.ContainsFunc(r.forget, in) {
		return false
	}
	pointers, ok := r.have[setKey{name, TypePTR}]
	if !ok || r.w.Forward == "" || HashSets([]RecordSet{pointers}) != owner.Hash { // not as it was written: anybody's edit
		return true
	}
	return !slices.ContainsFunc(pointers.Values, func(v string) bool { return !Within(v, r.w.Forward) })
}

// writtenIn tells whether the name is one that a deployment of the zone writes (see Names and ServiceName), by its labels below
// the zone. Of a zone that lies within this one, and of clusters that are called as ours are, each name has more of them, or
// another cluster's in the place of its own.
func writtenIn(zone, name string, owner Ownership) bool {
	below, ok := strings.CutSuffix(name, "."+Canonical(zone))
	if !ok {
		return false
	}
	labels := strings.Split(below, ".")
	if strings.HasPrefix(labels[0], "_") {
		return len(labels) == 2 || len(labels) == 3
	}
	return len(labels) == 1 || len(labels) == 2 && labels[1] == owner.Cluster
}
