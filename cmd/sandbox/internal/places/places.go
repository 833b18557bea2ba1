// Package places knows who is in a sandbox with real containers, and what each may reach. Pure.
//
// A place is one set of namespaces (network, mount, pid, host name) with one address on the sandbox's
// bridge: the control plane of a cluster, one of its nodes, or an outside place where clients live.
package places

import (
	"fmt"
	"net/netip"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Kind tells what runs in a place.
type Kind string

// The kinds of places.
const (
	ControlPlane Kind = "control plane"
	Node         Kind = "node"
	Outside      Kind = "outside"
)

// Place is one set of namespaces.
type Place struct {
	Name    string
	Kind    Kind
	Side    string       // what a partition names: the cluster, or the outside place itself
	Index   int          // of the cluster in the sandbox, or of the outside place
	Number  int          // of the node in its cluster
	Zone    string       // of a node
	Address netip.Addr   // on the bridge
	Pods    netip.Prefix // what a node hands out
}

// Map is who is where in one sandbox.
type Map struct {
	Plan   addresses.Plan
	Places []Place // clusters in order, each its control plane and then its nodes; then outside places
	spec   *state.Spec
}

// Of lays out a sandbox.
func Of(spec *state.Spec) (Map, error) {
	plan, err := addresses.Parse(spec.Network)
	if err != nil {
		return Map{}, fmt.Errorf("read the network of sandbox %s: %w", spec.Name, err)
	}
	m := Map{Plan: plan, spec: spec}
	for c, cluster := range spec.Clusters {
		m.Places = append(m.Places, Place{
			Name: cluster.Name, Kind: ControlPlane, Side: cluster.Name, Index: c, Address: plan.ControlPlane(c),
		})
		for n := range spec.Nodes {
			m.Places = append(m.Places, Place{
				Name: NodeName(cluster.Name, n), Kind: Node, Side: cluster.Name, Index: c, Number: n,
				Zone: cluster.Zones[n%len(cluster.Zones)], Address: plan.Node(c, n), Pods: plan.PodsOf(c, n),
			})
		}
	}
	for k, name := range spec.Outside {
		m.Places = append(m.Places, Place{Name: name, Kind: Outside, Side: name, Index: k, Address: plan.Outside(k)})
	}
	return m, nil
}

// NodeName names node n of a cluster, in Kubernetes and in the sandbox.
func NodeName(cluster string, n int) string { return fmt.Sprintf("%s-n%d", cluster, n) }

// Of gives the places of one side of a partition: a whole cluster, or one outside place.
func (m Map) Of(side string) []Place {
	var found []Place
	for _, place := range m.Places {
		if place.Side == side {
			found = append(found, place)
		}
	}
	return found
}

// Find gives the place of that name; the error names those of the wanted kind.
func (m Map) Find(name string, kind Kind) (Place, error) {
	var known []string
	for _, place := range m.Places {
		if place.Kind != kind {
			continue
		}
		if place.Name == name {
			return place, nil
		}
		known = append(known, place.Name)
	}
	return Place{}, fmt.Errorf("sandbox %s has no %s %q; it has %v", m.spec.Name, kind, name, known)
}

// Route says through which address a network is reached.
type Route struct {
	To  netip.Prefix
	Via netip.Addr
}

// Routes are those to all pods, as seen from a place; the zero Place is the machine itself. The rest is
// on the bridge.
func (m Map) Routes(from Place) []Route {
	var routes []Route
	for _, place := range m.Places {
		if place.Kind == Node && place.Name != from.Name {
			routes = append(routes, Route{To: place.Pods, Via: place.Address})
		}
	}
	return routes
}

// sources are all addresses that packets of a side come from.
func (m Map) sources(side string) []netip.Prefix {
	for c, cluster := range m.spec.Clusters {
		if cluster.Name == side {
			return []netip.Prefix{m.Plan.HostsOf(c), m.Plan.Pods(c)}
		}
	}
	for k, name := range m.spec.Outside {
		if name == side {
			address := m.Plan.Outside(k)
			return []netip.Prefix{netip.PrefixFrom(address, address.BitLen())}
		}
	}
	return nil
}

// Filter is what a place takes from others while partitions last.
type Filter struct {
	Silent []netip.Prefix // nothing from here arrives
	Deaf   []netip.Prefix // no new connection from here is taken; answers arrive
}

// Filter gives what the sandbox's partitions mean at a place.
func (m Map) Filter(at Place) Filter {
	var filter Filter
	for _, partition := range m.spec.Partitions {
		switch {
		case at.Side == partition.To && partition.OneWay:
			filter.Deaf = append(filter.Deaf, m.sources(partition.From)...)
		case at.Side == partition.To:
			filter.Silent = append(filter.Silent, m.sources(partition.From)...)
		case at.Side == partition.From && !partition.OneWay:
			filter.Silent = append(filter.Silent, m.sources(partition.To)...)
		}
	}
	return filter
}

// Sides names what partitions can be between: clusters, then outside places.
func (m Map) Sides() []string {
	var sides []string
	for _, cluster := range m.spec.Clusters {
		sides = append(sides, cluster.Name)
	}
	return append(sides, m.spec.Outside...)
}
