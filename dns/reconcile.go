package dns

import (
	"slices"
	"strings"
)

// Options change what Reconcile allows.
type Options struct {
	LiftDeleteCap bool
	TakeOver      []string // names of somebody else that may be overwritten
	// Forget are regions and clusters that the topology does not have and whose names may go, and zones that it was in before.
	Forget []string
	// Gone are sets that were deleted lately by whoever asks: the delete cap counts them, too.
	Gone []RecordSet
}

// Obstacle is a wanted name that cannot be published, and why.
type Obstacle struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Edit is a name of ours whose records another hand has changed since they were written.
type Edit struct {
	Name  string      `json:"name"`
	Found []RecordSet `json:"found"`           // what the zone holds; empty where everything was deleted
	Stays bool        `json:"stays,omitempty"` // nothing is changed there now, such as while its cluster is not read
}

// Reconciliation is what Reconcile found.
type Reconciliation struct {
	Sets      []ChangeSet // sorted by name
	Obstacles []Obstacle  // sorted by name
	Edited    []Edit      // sorted by name; the changes put them right, but for those that stay
	// Kept are the names whose records stay although nothing stands behind them now, sorted: their pods are away,
	// their cluster could not be read, or the topology does not know it.
	Kept []string
}

// Changes are those of all sets, ownership records left out, sorted by name and type.
func (r Reconciliation) Changes() []Change {
	var out []Change
	for _, s := range r.Sets {
		for _, c := range s.Changes {
			if managed(c.Type) {
				out = append(out, c)
			}
		}
	}
	sortChanges(out)
	return out
}

// Reconcile is what to change so that a zone holds what is wanted, within every policy:
//
//   - Only names that carry our Ownership are changed, and of them only the types that quorate makes.
//   - A name beside a CNAME, below a DNAME, a delegation or a wildcard, or with more than MaxSet records of a type, is an Obstacle.
//   - A cluster that was not read or is not in the topology keeps its records, and so does a declared name whose pod is away.
//   - Deletes are capped for each cluster (DeleteCapPercent).
//
// Every change is conditional on what the snapshot holds. The error holds all problems together:
// names that cannot be published at all (CheckName, names outside of the zone), and each *DeleteCapError.
func Reconcile(w Wanted, actual Snapshot, o Options) (Reconciliation, error) {
	if err := w.check(); err != nil {
		return Reconciliation{}, err
	}
	r := newReconciler(w, actual, o)
	changes := r.within(KeepUnread(r.diff(), w.Zone, w.Names, r.managed(), r.unread...))
	if !o.LiftDeleteCap {
		if err := CheckDeletes(r.counted(changes), w.Zone, r.counting(), o.Gone...); err != nil {
			return Reconciliation{}, err
		}
	}
	out := Reconciliation{Obstacles: r.obstacles, Kept: r.kept(changes)}
	out.Sets = ChangeSets(append(changes, r.ownership(changes)...))
	out.Edited = r.edited(out.Sets)
	for i, s := range out.Sets {
		out.Sets[i].Fresh = !r.used[s.Name]
	}
	return out, nil
}

// reconciler holds what a zone has against what is wanted.
type reconciler struct {
	w         Wanted
	have      map[setKey]RecordSet
	used      map[string]bool      // names with any record
	owners    map[string]Ownership // names of this deployment, with records or without
	open      map[string]bool      // wanted names that may be published
	obstacles []Obstacle
	takeOver  []string
	forget    []string
	unread    []string // clusters whose records stay: not read, or not known
}

func newReconciler(w Wanted, actual Snapshot, o Options) *reconciler {
	r := &reconciler{w: w, have: index(actual.Sets), used: map[string]bool{}, owners: map[string]Ownership{}, open: map[string]bool{}, forget: o.Forget}
	for _, name := range o.TakeOver {
		r.takeOver = append(r.takeOver, Canonical(name))
	}
	for key, set := range r.have {
		r.used[key.Name] = true
		name, ok := ownedName(key.Name)
		if !ok || key.Type != TypeTXT || len(set.Values) != 1 { // two hands at one name: nobody's for sure
			continue
		}
		if owner, ours := ParseOwnership(set.Values[0]); ours && owner.Deployment == w.Deployment && r.writes(name, owner) {
			r.owners[name] = owner
		}
	}
	r.unread = slices.Clone(w.Unread)
	for _, owner := range r.owners {
		if owner.Cluster != "" && !r.knows(owner.Cluster) {
			r.unread = append(r.unread, owner.Cluster)
		}
	}
	r.judge()
	return r
}

// knows tells whether the topology has the region or cluster, or the user says that it is gone.
func (r *reconciler) knows(place string) bool {
	return slices.Contains(r.w.Places, place) || slices.Contains(r.forget, place)
}

// mayGo tells whether a name that is not wanted may be deleted: not where it is of a region that the topology does not have.
func (r *reconciler) mayGo(name string) bool {
	below, ok := strings.CutSuffix(name, "."+Canonical(r.w.Zone))
	if service := strings.HasPrefix(below, "_"); r.owners[name].Cluster != "" && !service || !ok {
		return true // a matter of its cluster, or of a zone that may be forgotten
	}
	if r.w.Forward != "" { // an address that replicas of several clusters had, see KeepUnread
		return true
	}
	place := below[strings.LastIndex(below, ".")+1:]
	return r.knows(place) || strings.HasPrefix(place, "_") || strings.HasPrefix(place, "join-")
}

// judge sorts the wanted names into those that may be published and obstacles.
func (r *reconciler) judge() {
	ways := newWays(r.have)
	names := map[string][]RecordSet{}
	for _, s := range index(r.w.Sets) {
		names[s.Name] = append(names[s.Name], s)
	}
	for name, sets := range names {
		_, ours := r.owners[name]
		why := ways.blocked(name, sets, ours && r.used[name])
		if why == "" && !r.mayWrite(name) {
			why = r.whose(name)
		}
		if why != "" {
			r.obstacles = append(r.obstacles, Obstacle{Name: name, Why: why})
			continue
		}
		r.open[name] = true
	}
	slices.SortFunc(r.obstacles, func(a, b Obstacle) int { return strings.Compare(a.Name, b.Name) })
}

// mayWrite tells whether the name is ours, or nobody's, or was given to us.
func (r *reconciler) mayWrite(name string) bool {
	_, ours := r.owners[name]
	return ours || !r.used[name] && !r.used[OwnerName(name)] || slices.Contains(r.takeOver, name)
}

// whose says who holds a name that is not ours.
func (r *reconciler) whose(name string) string {
	set, ok := r.have[setKey{OwnerName(name), TypeTXT}]
	if !ok {
		return "it has records that quorate did not write; delete them, or take the name over"
	}
	owner, quorates := ParseOwnership(set.Values[0])
	switch {
	case !quorates || len(set.Values) != 1:
	case owner.Deployment == r.w.Deployment:
		return "it belongs to another deployment that is called " + owner.Deployment + ", too; use another zone, or take the name over"
	default:
		return "it belongs to the deployment " + owner.Deployment + "; use another zone, or take the name over"
	}
	return "the ownership record " + OwnerName(name) + " is not ours: " + strings.Join(set.Values, ", ") + "; delete it, or take the name over"
}

// managed are the sets in the zone that are ours to change, each with the cluster whose truth it is.
func (r *reconciler) managed() []RecordSet {
	var out []RecordSet
	for key, set := range r.have {
		owner, ours := r.owners[key.Name]
		if !managed(key.Type) || !ours && !r.open[key.Name] {
			continue
		}
		if ours {
			set.Cluster = owner.Cluster
		}
		out = append(out, set)
	}
	return sorted(index(out))
}

// diff is what differs, but for declared names whose pods are away: negative answers of a zone that is not ours
// may be cached for long, so a name is kept through a restart.
func (r *reconciler) diff() []Change {
	var wanted []RecordSet
	has := map[string]bool{}
	for _, s := range r.w.Sets {
		if name := Canonical(s.Name); r.open[name] {
			wanted = append(wanted, s)
			has[name] = true
		}
	}
	away := r.away(has)
	return slices.DeleteFunc(Diff(wanted, r.managed(), nil), func(c Change) bool {
		return away[c.Name] || awayTargets(c, away) || r.blocked(c.Name) || !has[c.Name] && !r.mayGo(c.Name)
	})
}

func (r *reconciler) blocked(name string) bool {
	return slices.ContainsFunc(r.obstacles, func(o Obstacle) bool { return o.Name == name })
}

// away are the declared names for which nothing is wanted now, retired ones aside.
func (r *reconciler) away(has map[string]bool) map[string]bool {
	away := map[string]bool{}
	for _, n := range r.w.Names {
		if name := Canonical(n.Name); !has[name] {
			away[name] = true
		}
	}
	for _, id := range r.w.Retired {
		delete(away, retiredName(r.w.Zone, id))
	}
	return away
}
