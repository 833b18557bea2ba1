package state

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
)

// ErrNetworkInUse is what a claim of AssignNetwork wraps when the machine uses addresses of the block.
var ErrNetworkInUse = errors.New("the network is in use")

// runtime fills in what the runtime needs and checks what it allows. With Containers a cluster's zones
// are dealt over its nodes, and addresses come later, from AssignNetwork.
func (r Request) runtime(spec *Spec) error {
	switch r.Runtime {
	case "", Simulated:
		if r.Nodes != 0 {
			return fmt.Errorf("nodes: %d is for the runtime %s; the runtime %s has nodes per zone", r.Nodes, Containers, Simulated)
		}
		return nil
	case Containers:
	default:
		return fmt.Errorf("runtime %q: choose %s or %s", r.Runtime, Simulated, Containers)
	}
	spec.Runtime, spec.Nodes = Containers, max(r.Nodes, 1)
	var problems *multierror.Error
	if r.Nodes < 0 || r.Nodes > addresses.MaxNodes {
		problems = multierror.Append(problems, fmt.Errorf("1 to %d real nodes per cluster, not %d", addresses.MaxNodes, r.Nodes))
	}
	if len(r.Clusters) > addresses.MaxClusters {
		problems = multierror.Append(problems, fmt.Errorf("1 to %d clusters of real containers, not %d", addresses.MaxClusters, len(r.Clusters)))
	}
	for i := range spec.Clusters {
		cluster := &spec.Clusters[i]
		cluster.NodesPerZone, cluster.PodCIDR, cluster.ServiceCIDR, cluster.NodeCIDR = 0, "", "", ""
		for _, other := range spec.Clusters {
			if strings.HasPrefix(cluster.Name, other.Name+"-n") {
				problems = multierror.Append(problems, fmt.Errorf("cluster %q is named as a node of cluster %q could be", cluster.Name, other.Name))
			}
		}
	}
	for _, asked := range r.Clusters {
		if asked.NodesPerZone != 0 {
			problems = multierror.Append(problems, fmt.Errorf("cluster %q: nodes per zone is for the runtime %s; say nodes", asked.Name, Simulated))
		}
	}
	return problems.ErrorOrNil()
}

// AssignNetwork chooses a block of addresses for spec and saves it, so that no two sandboxes under p have
// the same. claim makes the block visible to others on this machine, or says ErrNetworkInUse; it runs
// under the lock that all sandboxes of the cache share.
func (p Paths) AssignNetwork(ctx context.Context, dir Dir, spec *Spec, claim func(addresses.Plan) error) error {
	unlock, err := LockFile(ctx, filepath.Join(p.Locks(), "ports.lock"), "another sandbox that chooses its addresses")
	if err != nil {
		return err
	}
	defer unlock()
	taken, err := p.takenNetworks()
	if err != nil {
		return err
	}
	for _, plan := range addresses.Plans() {
		if taken[plan.Block().String()] {
			continue
		}
		spec.setNetwork(plan)
		if err := dir.Save(spec); err != nil {
			return err
		}
		if err := claim(plan); !errors.Is(err, ErrNetworkInUse) {
			return err
		}
	}
	return fmt.Errorf("choose addresses for sandbox %s: all eight /18 networks of %s are in use; end another sandbox", spec.Name, addresses.Range())
}

// setNetwork writes the plan's networks into the description.
func (s *Spec) setNetwork(plan addresses.Plan) {
	s.Network = plan.Block().String()
	for i := range s.Clusters {
		s.Clusters[i].PodCIDR = plan.Pods(i).String()
		s.Clusters[i].ServiceCIDR = plan.Services(i).String()
		s.Clusters[i].NodeCIDR = plan.HostsOf(i).String()
	}
}

// takenNetworks are those of every sandbox under p.
func (p Paths) takenNetworks() (map[string]bool, error) {
	names, err := p.List()
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, name := range names {
		dir, err := p.Sandbox(name)
		if err != nil {
			return nil, err
		}
		if spec, err := dir.Load(); err == nil { // else being made or removed, or broken
			taken[spec.Network] = true
		}
	}
	return taken, nil
}

// CheckOutside refuses names of outside places that are no names, or taken by a cluster or its nodes.
func (s *Spec) CheckOutside(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("place %q: use lower-case letters, digits and '-', at most 32 characters", name)
	}
	for _, cluster := range s.Clusters {
		if name == cluster.Name || strings.HasPrefix(name, cluster.Name+"-n") {
			return fmt.Errorf("place %q is named as cluster %s, or as a node of it could be", name, cluster.Name)
		}
	}
	return nil
}
