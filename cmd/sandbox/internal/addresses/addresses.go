// Package addresses plans the addresses of a sandbox with real containers. Pure arithmetic: who is in
// the sandbox decides where it is, so that nothing but the block has to be remembered.
//
// All of it comes from 198.18.0.0/15, which RFC 2544 (section C.2.2) and RFC 6890 set aside for
// benchmarks of isolated networks, so it is never somebody's real network. Each sandbox has one of its eight /18
// blocks; by the number of the /24 within the block:
//
//	0        hosts on the bridge: .1 the bridge (the machine itself),
//	         .16·(c+1) the control plane of cluster c, .16·(c+1)+1+n its node n, .128+k outside place k
//	1+c      service addresses of cluster c; .1 is its API server, .10 its DNS
//	8+8c+n   pods of node n of cluster c; the /21 that holds them is the cluster's pod network
//
// So a sandbox has at most 7 clusters of 8 nodes, and the hosts of a cluster are one /28.
package addresses

import (
	"fmt"
	"net/netip"
)

// Limits of a block.
const (
	MaxClusters = 7
	MaxNodes    = 8 // of one cluster
	MaxOutside  = 100
)

const (
	blockBits    = 18
	blocks       = 8
	firstOutside = 128
)

// Range holds every address that a sandbox ever uses.
func Range() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, 0, 0}), 15) }

// Plan is one block and what lies where in it. The arguments of its methods must keep the limits above.
type Plan struct{ block netip.Prefix }

// Plans lists the blocks that a sandbox can have.
func Plans() []Plan {
	plans := make([]Plan, blocks)
	for i := range plans {
		third := i * 64
		address := netip.AddrFrom4([4]byte{198, byte(18 + third/256), byte(third % 256), 0})
		plans[i] = Plan{netip.PrefixFrom(address, blockBits)}
	}
	return plans
}

// Parse finds the plan of a block that was written down by Block.
func Parse(block string) (Plan, error) {
	for _, plan := range Plans() {
		if plan.Block().String() == block {
			return plan, nil
		}
	}
	return Plan{}, fmt.Errorf("%q is none of the eight /18 networks of %s", block, Range())
}

// Block is the /18 that the plan is about.
func (p Plan) Block() netip.Prefix { return p.block }

// at gives an address by the number of its /24 in the block and its last byte.
func (p Plan) at(subnet, last int) netip.Addr {
	bytes := p.block.Addr().As4()
	bytes[2] += byte(subnet)
	bytes[3] = byte(last)
	return netip.AddrFrom4(bytes)
}

// Hosts is the network on the bridge.
func (p Plan) Hosts() netip.Prefix { return netip.PrefixFrom(p.at(0, 0), 24) }

// Bridge is the machine's own address.
func (p Plan) Bridge() netip.Addr { return p.at(0, 1) }

// ControlPlane is where the API server of the cluster answers.
func (p Plan) ControlPlane(cluster int) netip.Addr { return p.at(0, 16*(cluster+1)) }

// Node is the host address of a node.
func (p Plan) Node(cluster, node int) netip.Addr { return p.at(0, 16*(cluster+1)+1+node) }

// HostsOf holds the control plane and the nodes of a cluster, and nobody else.
func (p Plan) HostsOf(cluster int) netip.Prefix {
	return netip.PrefixFrom(p.ControlPlane(cluster), 28)
}

// Outside is the address of a place that belongs to no cluster.
func (p Plan) Outside(place int) netip.Addr { return p.at(0, firstOutside+place) }

// Services is the range of a cluster's service addresses.
func (p Plan) Services(cluster int) netip.Prefix { return netip.PrefixFrom(p.at(1+cluster, 0), 24) }

// APIService is the service address of a cluster's API server: the first of the range.
func (p Plan) APIService(cluster int) netip.Addr { return p.at(1+cluster, 1) }

// DNS is the service address of a cluster's own DNS.
func (p Plan) DNS(cluster int) netip.Addr { return p.at(1+cluster, 10) }

// Pods is the pod network of a cluster.
func (p Plan) Pods(cluster int) netip.Prefix { return netip.PrefixFrom(p.at(8+8*cluster, 0), 21) }

// PodsOf is the part of the pod network that a node hands out.
func (p Plan) PodsOf(cluster, node int) netip.Prefix {
	return netip.PrefixFrom(p.at(8+8*cluster+node, 0), 24)
}
