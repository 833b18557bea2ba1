package dns

import (
	"slices"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/regions"
)

// Wanted is what a zone should hold, as far as it is known.
type Wanted struct {
	Deployment string
	// Zone is the one of the names: the topology's, or a reverse zone. The zone of the server may be a parent of it.
	Zone string
	// Forward is the zone of the names that a reverse zone points to; empty where Zone is that zone.
	Forward string
	// Names are those that the topology calls for (see Names): one whose pod is away for the moment keeps its records.
	Names []Name
	Sets  []RecordSet
	// Places are the regions and clusters that the topology has. Names of others are kept: another writer may know a
	// newer topology, and taking a cluster away is never an accident of a file (see Options.Forget).
	Places []string
	// Unread are the clusters of which nothing is known now. Their records stay as they are.
	Unread []string
	// Retired are the replicas that a reviewed plan takes away: the delete cap does not count them.
	Retired []regions.ReplicaID
}

// WantedOf is what a valid topology wants of its zone (see Desired), given which clusters could not be read.
func WantedOf(t *regions.Topology, slots []regions.ReplicaID, endpoints []Endpoint, unread []string, ports ...Port) Wanted {
	w := Wanted{
		Deployment: t.Metadata.Name, Zone: t.Spec.DNS.Zone, Unread: unread,
		Names: Names(t, slots), Sets: Desired(t, slots, endpoints, ports...),
	}
	for _, r := range t.Spec.Regions {
		w.Places = append(w.Places, r.Name)
		for _, c := range r.Clusters {
			w.Places = append(w.Places, c.Name)
		}
	}
	return w
}

// InReverse is what the same deployment wants of its reverse zones (see Reverse), by zone; a zone without any
// address is among them, since something may have to go from it.
func (w Wanted) InReverse(zones []string) map[string]Wanted {
	ptrs := Reverse(w.Sets, w.Zone, zones)
	out := map[string]Wanted{}
	for _, zone := range zones {
		zone = Canonical(zone)
		out[zone] = Wanted{Deployment: w.Deployment, Zone: zone, Forward: w.Zone, Places: w.Places, Unread: w.Unread, Sets: ptrs[zone]}
	}
	return out
}

// OwnerNames are all names that the caller of Provider.Read cares for, sorted.
func (w Wanted) OwnerNames() []string {
	var names []string
	for _, n := range w.Names {
		names = append(names, Canonical(n.Name))
	}
	for _, s := range w.Sets {
		names = append(names, Canonical(s.Name))
	}
	for _, id := range w.Retired {
		names = append(names, retiredName(w.Zone, id))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func retiredName(zone string, id regions.ReplicaID) string {
	return Canonical(id.Pod() + "." + id.Cluster + "." + zone)
}

// check reports what cannot be published whatever the zone holds.
func (w Wanted) check() error {
	var problems *multierror.Error
	for _, name := range w.OwnerNames() {
		if err := CheckName(name); err != nil {
			problems = multierror.Append(problems, err)
		}
		if !Within(name, w.Zone) {
			problems = multierror.Append(problems, &OutsideError{Name: name, Zone: w.Zone})
		}
	}
	return problems.ErrorOrNil()
}

// OutsideError says that a name does not lie in the zone that it was to be published in.
type OutsideError struct{ Name, Zone string }

// Error names both.
func (e *OutsideError) Error() string {
	return "name " + e.Name + " is outside zone " + Canonical(e.Zone) + ": correct spec.dns.zone or the zone of the publisher"
}
