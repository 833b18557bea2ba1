package regions

import (
	"strings"
	"testing"
)

// kv is a static cluster of five members over three regions, and what is wrong with it.
func kv(spec string) (*Topology, Problems) {
	return Parse([]byte(`apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: kv}
spec:
  profile: etcd
  dns: {zone: kv.example.com}
`+spec+`
  regions:
    - {name: r1, clusters: [{name: a, replicas: 2, zones: [r1-a, r1-b]}]}
    - {name: r2, clusters: [{name: b, replicas: 2, zones: [r2-a, r2-b]}]}
    - {name: r3, clusters: [{name: c, replicas: 1, zones: [r3-a]}]}
`), "kv.yaml")
}

const kvSpec = `  image: example.com/etcd:v3.6.16
  storage: {size: 10Gi, className: fast}
  resources: {requests: {cpu: "1", memory: 2Gi}}
  tls: {mode: disabled}`

func TestEtcdTopology(t *testing.T) {
	top, problems := kv(kvSpec)
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	s := top.Spec.Survive
	if s.Model != ModelQuorumGroup || s.Voters != 5 || s.Failure != FailureRegion || s.WhileUpdating != FailureZone || !top.DeclaresMembers() {
		t.Errorf("survive is %+v", s)
	}
	for spec, want := range map[string]string{
		"":                                  codeMissingImage,
		"  image: example.com/etcd:v3.6.16": codeMissingStorageSize,
		strings.Replace(kvSpec, "  tls: {mode: disabled}", "", 1):                     codeTLSRequired,
		kvSpec + "\n  base: ./base":                                                   codeNotSupportedYet,
		kvSpec + "\n  container: db":                                                  codeNotForProfile,
		kvSpec + "\n  survive: {model: ranges}":                                       codeModelMismatch,
		kvSpec + "\n  survive: {voters: 3}":                                           codeVotersMismatch,
		kvSpec + "\n  survive: {failure: region, whileUpdating: region}":              codeUpdatePromiseNotKept,
		kvSpec + "\n  survive: {failure: zone}\n  rollout: {maxUnavailable: 3}":       codeMaxUnavailableQuorum,
		strings.Replace(kvSpec, "  image: example.com/etcd:v3.6.16", "  image: A", 1): codeInvalidImage,
	} {
		_, problems := kv(spec)
		found := false
		for _, p := range problems.Errors() {
			found = found || p.Code == want && p.Hint != ""
		}
		if !found {
			t.Errorf("%q gives %v, want %s", spec, problems, want)
		}
	}
}

// A member may be ready before there is a quorum, so that one that is ready is no
// database yet; a majority is.
func TestStaticClusterHoldsData(t *testing.T) {
	top, _ := kv(kvSpec)
	up := func(cluster string, n int) ClusterState {
		state := ClusterState{Cluster: cluster}
		for i := range n {
			state.Pods = append(state.Pods, PodState{ID: ReplicaID{Cluster: cluster, Pool: "kv", Ordinal: i}, Phase: "Running", Ready: true})
		}
		return state
	}
	tests := map[string]struct {
		states []ClusterState
		want   bool
	}{
		"nothing":                         {nil, false},
		"two of five":                     {[]ClusterState{up("a", 2)}, false},
		"three of five":                   {[]ClusterState{up("a", 2), up("b", 1)}, true},
		"nobody, and its ID is on record": {[]ClusterState{{Cluster: "a", Record: Record{Database: DatabaseRecord{ClusterID: "1"}}}}, true},
		"nobody, and it was installed":    {[]ClusterState{{Cluster: "a", Record: Record{Database: DatabaseRecord{Installed: "r"}}}}, true},
	}
	for name, test := range tests {
		if got := HoldsData(top, test.states); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !HoldsData(&Topology{}, []ClusterState{up("a", 1)}) {
		t.Error("a replica that serves of any other database is not enough")
	}
}

// Every declared replica of a static cluster is a member, made or not; of other
// databases only those that were made are.
func TestLiveLayoutOfStaticCluster(t *testing.T) {
	top, _ := kv(kvSpec)
	states := []ClusterState{
		{Cluster: "a", StatefulSets: []StatefulSetState{{Name: "kv", Replicas: 2}}},
		{Cluster: "b", StatefulSets: []StatefulSetState{{Name: "kv", Replicas: 1}}},
		{Cluster: "c", StatefulSets: []StatefulSetState{{Name: "kv"}}},
	}
	layout := LiveLayout(top, states)
	if n := len(layout.Members); n != 5 {
		t.Errorf("%d members: %v", n, layout.Members)
	}
	down := map[ReplicaID]bool{{Cluster: "b", Pool: "kv", Ordinal: 1}: true, {Cluster: "c", Pool: "kv"}: true}
	if e := layout.Exposure(down); e.Slack != 0 || !e.Available() {
		t.Errorf("with two of five never made: %s", e)
	}
	top.Spec.Profile = profileGeneric
	if n := len(LiveLayout(top, states).Members); n != 3 {
		t.Errorf("%d members of another database", n)
	}
}
