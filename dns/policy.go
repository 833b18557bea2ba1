package dns

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// The delete cap: a change of more than this share of a cluster's names is far
// likelier to be a mistake than a wish. Only deletes are capped, since a rolling
// restart rightly updates every name (octoDNS caps both, from the same number of names on).
const (
	DeleteCapPercent = 30
	DeleteCapFloor   = 10 // names of a cluster below which there is no cap
)

// KeepUnread takes out of the changes whatever would touch the records of clusters that could
// not be read: an unreachable API server says nothing about its pods. Names wholly
// of unread clusters are left as they are. A name that spans clusters loses only addresses
// which the zone holds for replicas of clusters that were read. A PTR record is of the cluster that it was written for; one that several
// had stays while any cluster is unread.
//
// Names are those of the topology (see Names), zone is its zone, actual is what the zone holds.
func KeepUnread(changes []Change, zone string, names []Name, actual []RecordSet, unread ...string) []Change {
	k := keeper{zone: zone, names: map[string][]string{}, unread: unread, actual: index(actual)}
	for _, n := range names {
		k.names[n.Name] = n.Clusters()
	}
	k.split()
	var kept []Change
	for _, c := range changes {
		if c, ok := k.keep(c); ok {
			kept = append(kept, c)
		}
	}
	return kept
}

type keeper struct {
	zone   string
	names  map[string][]string // name → clusters behind it
	unread []string
	actual map[setKey]RecordSet
	// addresses that the zone holds in names wholly of unread, and wholly of read clusters
	ofUnread, ofRead map[string]bool
}

// clusters are those behind a name: as the topology has it, else as the name itself says.
func (k *keeper) clusters(name, cluster string) []string {
	if clusters := k.names[Canonical(name)]; len(clusters) > 0 {
		return clusters
	}
	if cluster == "" {
		cluster = clusterLabel(k.zone, name)
	}
	if cluster == "" {
		return nil
	}
	return []string{cluster}
}

func (k *keeper) isUnread(cluster string) bool { return slices.Contains(k.unread, cluster) }

// touches tells whether any, and whether every one of the clusters could not be read.
func (k *keeper) touches(clusters []string) (anyUnread, allUnread bool) {
	anyUnread = slices.ContainsFunc(clusters, k.isUnread)
	allUnread = anyUnread && !slices.ContainsFunc(clusters, func(c string) bool { return !k.isUnread(c) })
	return anyUnread, allUnread
}

// split sorts the addresses in the zone by whether their cluster was read.
func (k *keeper) split() {
	k.ofUnread, k.ofRead = map[string]bool{}, map[string]bool{}
	for _, s := range k.actual {
		clusters := k.clusters(s.Name, s.Cluster)
		anyUnread, allUnread := k.touches(clusters)
		for _, v := range s.Values {
			k.ofUnread[v] = k.ofUnread[v] || allUnread
			k.ofRead[v] = k.ofRead[v] || len(clusters) > 0 && !anyUnread
		}
	}
}

// keep is the change as far as it may be made, and whether anything is left of it.
func (k *keeper) keep(c Change) (Change, bool) {
	if c.Type == TypePTR && k.pointsToUnread(c) {
		return c, false
	}
	clusters := k.clusters(c.Name, c.Cluster)
	if c.Type == TypeSRV {
		clusters = k.targetClusters(c)
	}
	anyUnread, allUnread := k.touches(clusters)
	if !anyUnread || allUnread {
		return c, !allUnread
	}
	after := slices.Clone(c.After)
	for _, v := range c.Before {
		if k.stays(c.Type, v) {
			after = append(after, v)
		}
	}
	c.After = normalValues(c.Type, after)
	held := k.actual[setKey{Canonical(c.Name), c.Type}]
	if c.Action == Delete && len(c.After) > 0 {
		c.Action, c.TTL = Update, held.TTL
	}
	same := slices.Equal(c.After, normalValues(c.Type, c.Before)) && c.TTL == held.TTL
	return c, c.Action != Update || !same
}

// pointsToUnread tells whether the pointers that the zone holds may be of a cluster that was not read: by the cluster that they
// were written for, since the names that they point to lie in another zone. Pods of another cluster may have that address by now.
func (k *keeper) pointsToUnread(c Change) bool {
	held, stands := k.actual[setKey{Canonical(c.Name), c.Type}]
	return stands && len(k.unread) > 0 && (held.Cluster == "" || k.isUnread(held.Cluster))
}

// targetClusters are the clusters of the replicas that an SRV set points at, before or after.
func (k *keeper) targetClusters(c Change) []string {
	var clusters []string
	for _, v := range slices.Concat(c.Before, c.After) {
		clusters = append(clusters, clusterLabel(k.zone, target(v)))
	}
	return clusters
}

// stays tells whether a value of a set that spans clusters may be of one that was not read.
func (k *keeper) stays(t Type, value string) bool {
	if t == TypeSRV {
		cluster := clusterLabel(k.zone, target(value))
		return cluster == "" || k.isUnread(cluster)
	}
	return k.ofUnread[value] || !k.ofRead[value]
}

// DeleteCapError says that too many names of one cluster would go at once.
type DeleteCapError struct {
	Cluster string
	Deleted int // names that would hold no record afterwards
	Earlier int // names that went lately and count with them
	Total   int // names that hold records now, and those that went lately
}

// Error says what was refused and what to do.
func (e *DeleteCapError) Error() string {
	after := ""
	if e.Earlier > 0 {
		after = fmt.Sprintf(", after %d that went lately", e.Earlier)
	}
	return fmt.Sprintf("refused to delete %d of %d names of cluster %s%s: the cap is %d %%; check that the topology and the cluster are the right ones, then allow it with --allow-deletes",
		e.Deleted, e.Total, e.Cluster, after, DeleteCapPercent)
}

// CheckDeletes refuses changes that delete more than DeleteCapPercent of the names of any
// cluster with at least DeleteCapFloor of them. Every cluster concerned is reported, each as a *DeleteCapError.
//
// Earlier are sets that were deleted lately. Those of names that are not back count with the names of now and
// with the deleted ones, so that several passes together do not delete what one may not. Alone they refuse nothing.
func CheckDeletes(changes []Change, zone string, actual []RecordSet, earlier ...RecordSet) error {
	n := counts{zone: zone, total: map[string]map[string]bool{}, gone: map[string]bool{}, earlier: map[string]bool{}}
	n.add(actual, n.gone)
	back := func(s RecordSet) bool { return n.gone[Canonical(s.Name)] }
	n.add(slices.DeleteFunc(slices.Clone(earlier), back), n.earlier)
	for _, s := range index(remaining(actual, changes)) {
		delete(n.gone, s.Name)
	}
	return n.errors()
}

// counts are names by what becomes of them.
type counts struct {
	zone          string
	total         map[string]map[string]bool // by cluster
	gone, earlier map[string]bool
}

func (n counts) add(sets []RecordSet, to map[string]bool) {
	for _, s := range index(sets) {
		cluster := s.Cluster
		if cluster == "" {
			cluster = clusterLabel(n.zone, s.Name)
		}
		if cluster == "" {
			continue
		}
		if n.total[cluster] == nil {
			n.total[cluster] = map[string]bool{}
		}
		n.total[cluster][s.Name] = true
		to[s.Name] = true
	}
}

func (n counts) errors() error {
	var refused *multierror.Error
	for _, c := range slices.Sorted(maps.Keys(n.total)) {
		deleted, earlier := 0, 0
		for name := range n.total[c] {
			switch {
			case n.earlier[name]:
				earlier++
			case n.gone[name]:
				deleted++
			}
		}
		total := len(n.total[c])
		if deleted > 0 && total >= DeleteCapFloor && (deleted+earlier)*100 > total*DeleteCapPercent {
			refused = multierror.Append(refused, &DeleteCapError{Cluster: c, Deleted: deleted, Earlier: earlier, Total: total})
		}
	}
	if refused != nil {
		refused.ErrorFormat = oneLine
	}
	return refused.ErrorOrNil()
}

// oneLine says several errors so that they can be part of another message.
func oneLine(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// remaining are the sets that the changes leave or make, preconditions aside.
func remaining(actual []RecordSet, changes []Change) []RecordSet {
	byKey := index(actual)
	for _, c := range changes {
		key := setKey{Canonical(c.Name), c.Type}
		delete(byKey, key)
		if c.Action != Delete {
			byKey[key] = RecordSet{Name: key.Name, Type: key.Type, Values: c.After}
		}
	}
	return sorted(byKey)
}

// clusterLabel is the cluster in <pod>.<cluster>.<zone>, empty for names of another shape.
func clusterLabel(zone, name string) string {
	below, ok := strings.CutSuffix(Canonical(name), "."+Canonical(zone))
	if !ok {
		return ""
	}
	pod, cluster, ok := strings.Cut(below, ".")
	if !ok || strings.Contains(cluster, ".") || strings.HasPrefix(pod, "_") || strings.HasPrefix(cluster, "_") {
		return ""
	}
	return cluster
}
