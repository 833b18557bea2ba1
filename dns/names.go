package dns

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/regions"
)

// Limits of a name in presentation form, without the final dot (RFC 1035 §2.3.4:
// 63 octets a label, 255 octets on the wire, hence 253 characters).
const (
	MaxLabel = 63
	MaxName  = 253
)

// Name is one owner name that a deployment should have, whether or not any
// address stands behind it yet.
type Name struct {
	Name     string              // absolute, lower case, with the final dot
	Replicas []regions.ReplicaID // whose addresses the name carries, sorted
}

// Clusters are the clusters whose pods stand behind the name, sorted.
func (n Name) Clusters() []string {
	clusters := make([]string, len(n.Replicas))
	for i, id := range n.Replicas {
		clusters[i] = id.Cluster
	}
	slices.Sort(clusters)
	return slices.Compact(clusters)
}

// Canonical is the form in which names are written and compared: absolute, with
// the final dot, ASCII letters in lower case (RFC 4343).
func Canonical(name string) string {
	if !strings.HasSuffix(name, ".") {
		name += "."
	}
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// ReplicaName is the stable name of a replica, <pod>.<cluster>.<zone>.
func ReplicaName(t *regions.Topology, id regions.ReplicaID) string {
	return Canonical(id.Pod() + "." + id.Cluster + "." + t.Spec.DNS.Zone)
}

// ClusterName is the name of all replicas of a cluster, <cluster>.<zone>.
func ClusterName(zone, cluster string) string { return Canonical(cluster + "." + zone) }

// RegionName is the name of all replicas of a region, <region>.<zone>.
func RegionName(zone, region string) string { return Canonical(region + "." + zone) }

// SlotName is the name of seed slot i, join-<i>.<zone>.
func SlotName(zone string, i int) string { return Canonical("join-" + strconv.Itoa(i) + "." + zone) }

// Names are all names that the topology and its slots (slot 0 first) call for,
// sorted by name, with the replicas behind each, also where none has an address yet.
func Names(t *regions.Topology, slots []regions.ReplicaID) []Name {
	return namesOf(t, slots, declared(t))
}

func declared(t *regions.Topology) []regions.ReplicaID {
	replicas := t.Replicas()
	ids := make([]regions.ReplicaID, len(replicas))
	for i, r := range replicas {
		ids[i] = r.ID
	}
	return ids
}

func namesOf(t *regions.Topology, slots, replicas []regions.ReplicaID) []Name {
	zone := t.Spec.DNS.Zone
	behind := map[string][]regions.ReplicaID{}
	add := func(name string, ids ...regions.ReplicaID) { behind[name] = append(behind[name], ids...) }
	regionOf := map[string]string{}
	for _, r := range t.Spec.Regions {
		add(RegionName(zone, r.Name))
		for _, c := range r.Clusters {
			add(ClusterName(zone, c.Name))
			regionOf[c.Name] = r.Name
		}
	}
	for _, id := range replicas {
		add(ReplicaName(t, id), id)
		add(ClusterName(zone, id.Cluster), id)
		add(RegionName(zone, regionOf[id.Cluster]), id)
	}
	for i, id := range slots {
		add(SlotName(zone, i), id)
	}
	return sortedNames(behind)
}

func sortedNames(behind map[string][]regions.ReplicaID) []Name {
	names := make([]Name, 0, len(behind))
	for name, ids := range behind {
		slices.SortFunc(ids, compareReplicas)
		names = append(names, Name{Name: name, Replicas: slices.Compact(ids)})
	}
	slices.SortFunc(names, func(a, b Name) int { return strings.Compare(a.Name, b.Name) })
	return names
}

func compareReplicas(a, b regions.ReplicaID) int {
	return cmp.Or(strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.Pool, b.Pool), cmp.Compare(a.Ordinal, b.Ordinal))
}

// CheckNames reports every name that cannot be published, all together.
func CheckNames(names []Name) error {
	var problems *multierror.Error
	for _, n := range names {
		if err := CheckName(n.Name); err != nil {
			problems = multierror.Append(problems, err)
		}
	}
	return problems.ErrorOrNil()
}

// CheckName tells why a name cannot be published: a label longer than 63
// octets or empty, the whole longer than 253, or a character other than letters,
// digits, hyphens (not at either end; RFC 1123 §2.1) and a leading underscore (RFC 8552).
// Wildcards fail too: they would turn a missing name into a wrong answer.
func CheckName(name string) error {
	bare := strings.TrimSuffix(name, ".")
	if len(bare) > MaxName {
		return fmt.Errorf("name %s is %d characters long, the most is %d (RFC 1035 §2.3.4): use a shorter zone, cluster or deployment name", name, len(bare), MaxName)
	}
	for label := range strings.SplitSeq(bare, ".") {
		if err := checkLabel(label); err != nil {
			return fmt.Errorf("name %s: %w", name, err)
		}
	}
	return nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("it has an empty label")
	case len(label) > MaxLabel:
		return fmt.Errorf("label %q is %d characters long, the most is %d (RFC 1035 §2.3.4)", label, len(label), MaxLabel)
	case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
		return fmt.Errorf("label %q begins or ends with a hyphen (RFC 1123 §2.1)", label)
	}
	for i, r := range label {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-'
		if !letter && (r != '_' || i != 0) {
			return fmt.Errorf("label %q holds %q, which no host name may (RFC 1123 §2.1)", label, r)
		}
	}
	return nil
}
