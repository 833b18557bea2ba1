package view

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// Status is what is where now, in the order of the topology's rollout.
type Status struct {
	FormatVersion string                 `json:"format_version"`
	Deployment    string                 `json:"deployment"`
	Time          time.Time              `json:"time"`
	DatabaseID    string                 `json:"database_id,omitempty"`
	Promise       regions.Failure        `json:"promise"`
	WhileUpdating regions.Failure        `json:"while_updating"`
	Exposure      regions.Exposure       `json:"exposure"` // with the replicas that are down now
	Zone          string                 `json:"zone"`
	Authority     string                 `json:"authority"`
	Clusters      []ClusterStatus        `json:"clusters"`
	topology      *regions.Topology      // for names
	states        []regions.ClusterState // of clusters that answered
	podIPs        map[string][]string    // replica name → its pod's addresses
}

// ClusterStatus is one cluster.
type ClusterStatus struct {
	Name      string       `json:"name"`
	Region    string       `json:"region"`
	Reachable bool         `json:"reachable"`
	Error     string       `json:"error,omitempty"`
	Version   string       `json:"version,omitempty"`
	Lease     *LeaseStatus `json:"lease,omitempty"`
	Pools     []PoolStatus `json:"pools"`
}

// LeaseStatus is who keeps other runs out.
type LeaseStatus struct {
	Held bool `json:"held"`
	// Expired: the holder has not renewed it for its whole duration, by this
	// machine's clock, so that run is probably dead.
	Expired bool      `json:"expired,omitempty"`
	Holder  string    `json:"holder,omitempty"`
	Renewed time.Time `json:"renewed,omitzero"`
}

// PoolStatus is one StatefulSet.
type PoolStatus struct {
	Name      string          `json:"name"`
	Want      int             `json:"want"`
	Replicas  int             `json:"replicas"`
	Partition int             `json:"partition"`
	Hold      string          `json:"hold"` // held | updating | not held | released | not installed
	Members   []ReplicaStatus `json:"members"`
}

// ReplicaStatus is one replica.
type ReplicaStatus struct {
	ID       regions.ReplicaID `json:"id"`
	Ready    bool              `json:"ready"`
	Trouble  string            `json:"trouble,omitempty"`
	Zone     string            `json:"zone,omitempty"`
	Node     string            `json:"node,omitempty"`
	Image    string            `json:"image,omitempty"`
	Revision string            `json:"revision,omitempty"`
	Updated  bool              `json:"updated"` // runs the newest template
	Name     string            `json:"name"`
	NameOK   string            `json:"name_state"` // right | wrong | unknown
	Answer   []string          `json:"answer,omitempty"`
	// NameError is why the authority could not be asked.
	NameError string `json:"name_error,omitempty"`
}

// The states of a replica's name.
const (
	nameRight   = "right"
	nameWrong   = "wrong"
	nameUnknown = "unknown"
)

// NewStatus gathers what was observed.
func NewStatus(t *regions.Topology, observed []planner.Observation, now time.Time) *Status {
	s := &Status{
		FormatVersion: planner.FormatVersion, Deployment: t.Metadata.Name, Time: now.UTC(),
		Promise: t.Spec.Survive.Failure, WhileUpdating: t.Spec.Survive.WhileUpdating,
		Zone: t.Spec.DNS.Zone, topology: t, podIPs: map[string][]string{},
	}
	for _, c := range t.OrderedClusters() {
		o := find(observed, c.Name)
		s.Clusters = append(s.Clusters, s.cluster(c, o))
		if o.Unreachable != "" {
			continue
		}
		s.states = append(s.states, o.State)
		if id := o.State.Record.Database.ClusterID; id != "" {
			s.DatabaseID = id
		}
	}
	s.Exposure = planner.ExposureNow(t, s.states)
	return s
}

func find(observed []planner.Observation, cluster string) planner.Observation {
	for _, o := range observed {
		if o.Cluster == cluster {
			return o
		}
	}
	return planner.Observation{Cluster: cluster, Unreachable: "not asked"}
}

func (s *Status) cluster(c regions.Cluster, o planner.Observation) ClusterStatus {
	out := ClusterStatus{
		Name: c.Name, Region: s.topology.RegionOf(c.Name), Reachable: o.Unreachable == "", Error: o.Unreachable,
		Version: o.State.ServerVersion, Lease: leaseStatus(o.State.Lease, s.Time), Pools: []PoolStatus{},
	}
	if o.Unreachable != "" {
		return out
	}
	for _, p := range s.topology.Pools(c) {
		out.Pools = append(out.Pools, s.pool(o.State, p))
	}
	return out
}

func leaseStatus(l *regions.LeaseState, now time.Time) *LeaseStatus {
	if l == nil {
		return nil
	}
	if l.Holder == "" {
		return &LeaseStatus{}
	}
	expires := l.RenewTime.Add(time.Duration(l.DurationSeconds) * time.Second)
	return &LeaseStatus{Held: true, Expired: now.After(expires), Holder: l.HolderInfo, Renewed: l.RenewTime.UTC()}
}

func (s *Status) pool(state regions.ClusterState, size regions.PoolSize) PoolStatus {
	out := PoolStatus{Name: size.Name, Want: size.Replicas, Members: []ReplicaStatus{}}
	set := planner.FindSet(state, size.Name)
	if set == nil {
		out.Hold = "not installed"
		return out
	}
	out.Replicas, out.Partition, out.Hold = set.Replicas, set.Partition, hold(state, set)
	for ordinal := range set.Replicas {
		out.Members = append(out.Members, s.replica(state, set, regions.ReplicaID{Cluster: state.Cluster, Pool: size.Name, Ordinal: ordinal}))
	}
	return out
}

// hold says in a word whether a template change could move pods.
func hold(state regions.ClusterState, set *regions.StatefulSetState) string {
	switch {
	case planner.Released(state, *set):
		return "released"
	case set.Partition >= set.Replicas:
		return "held"
	case set.CurrentRevision != set.UpdateRevision:
		return "updating"
	}
	return "not held"
}

func (s *Status) replica(state regions.ClusterState, set *regions.StatefulSetState, id regions.ReplicaID) ReplicaStatus {
	out := ReplicaStatus{ID: id, Name: strings.TrimSuffix(dns.ReplicaName(s.topology, id), "."), NameOK: nameUnknown}
	out.Trouble = strings.TrimPrefix(planner.Blocker(state, id, planner.ConditionReady), id.String()+": ")
	out.Ready = out.Trouble == ""
	if pod := planner.FindPod(state, id); pod != nil {
		out.Zone, out.Node, out.Image, out.Revision = pod.Zone, pod.Node, pod.Image, pod.Revision
		out.Updated = pod.Revision == set.UpdateRevision
		s.podIPs[out.Name] = pod.IPs
	}
	return out
}

// AskNames compares what the authority says of each replica's name with its pod,
// all names at once, so that a silent authority costs one time-out.
func (s *Status) AskNames(lookup func(name string) ([]string, error)) {
	var group sync.WaitGroup
	defer group.Wait()
	for i := range s.Clusters {
		for j := range s.Clusters[i].Pools {
			members := s.Clusters[i].Pools[j].Members
			for k := range members {
				group.Go(func() { s.askName(&members[k], lookup) })
			}
		}
	}
}

func (s *Status) askName(m *ReplicaStatus, lookup func(string) ([]string, error)) {
	got, err := lookup(m.Name + ".")
	if err != nil {
		m.NameError = err.Error()
		return
	}
	m.Answer = got
	want := slices.Sorted(slices.Values(s.podIPs[m.Name]))
	m.NameOK = nameWrong
	if slices.Equal(got, want) && len(want) > 0 {
		m.NameOK = nameRight
	}
}

// JSON prints the status as one document.
func (s *Status) JSON(w io.Writer) error { return document(w, s) }
