package regions

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// good parses a topology that must be valid.
func good(t testing.TB, name string) (*Topology, Problems) {
	t.Helper()
	topology, problems := Parse(readFile(t, "testdata/good/"+name), name)
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatalf("%s:\n%v", name, errs)
	}
	return topology, problems
}

func TestGoodTopologies(t *testing.T) {
	tests := []struct {
		name      string
		want      Survive
		remaining []string // codes of warnings and notes
	}{
		{"bank.yaml", Survive{FailureRegion, 5, FailureZone, ModelRanges}, nil},
		{"smallest.yaml", Survive{FailureZone, 3, FailureNone, ModelRanges}, []string{codePromiseComputed, codePromiseComputed}},
		{"in-cluster.yaml", Survive{FailureNone, 3, FailureNone, ModelRanges}, []string{codePromiseComputed}},
		{"generic.yaml", Survive{FailureNone, 0, FailureNone, ModelNone}, []string{codeNothingPromised}},
		{"pools.yaml", Survive{FailureZone, 7, FailureNode, ModelQuorumGroup}, []string{codePromiseComputed}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			topology, problems := good(t, tt.name)
			if got := topology.Spec.Survive; got != tt.want {
				t.Errorf("promises %+v, want %+v", got, tt.want)
			}
			var codes []string
			for _, p := range problems {
				codes = append(codes, p.Code)
			}
			if !slices.Equal(codes, tt.remaining) {
				t.Errorf("remaining problems %v, want %v:\n%v", codes, tt.remaining, problems)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	topology, _ := good(t, "smallest.yaml")
	s := topology.Spec
	c := s.Regions[0].Clusters[0]
	got := []string{s.Namespace, c.Context, c.Namespace, s.Network.Mode, s.Locality.Zone, s.Rollout.Order[0]}
	want := []string{"shop", "b1", "shop", "flat", "podLabel", "berlin"}
	if !slices.Equal(got, want) {
		t.Errorf("defaults %v, want %v", got, want)
	}
	durations := []time.Duration{s.DNS.TTLDuration(), s.Rollout.SoakDuration(), s.Rollout.Canary.SoakDuration(), s.Rollout.TimeoutDuration(), s.Rollout.GateIntervalDuration()}
	if want := []time.Duration{10 * time.Second, 30 * time.Second, 30 * time.Second, 15 * time.Minute, 0}; !slices.Equal(durations, want) {
		t.Errorf("durations %v, want %v", durations, want)
	}
	if s.Rollout.MaxUnavailable != 1 || s.Rollout.Canary.Replicas != 1 {
		t.Errorf("rollout %+v, want one replica at a time and a canary of one", s.Rollout)
	}
	if t2, _ := good(t, "pools.yaml"); t2.Spec.Rollout.Canary.Replicas != 0 {
		t.Error("a canary of 0 that was written was replaced by the default")
	}
}

// TestWrittenValuesAreKept shows that defaults replace nothing that is written.
func TestWrittenValuesAreKept(t *testing.T) {
	topology, _ := good(t, "bank.yaml")
	r := topology.Spec.Rollout
	if r.Canary.SoakDuration() != 5*time.Minute || r.GateIntervalDuration() != 22*time.Second {
		t.Errorf("rollout %+v", r)
	}
	west, ok := topology.ClusterByName("usw1")
	if !ok || west.Namespace != "bank-west" || west.Context != "gke_acme_us-west1_prod" {
		t.Errorf("cluster usw1 is %+v", west)
	}
	var order []string
	for _, c := range topology.OrderedClusters() {
		order = append(order, c.Name)
	}
	if !slices.Equal(order, []string{"usw1", "use1", "euw1"}) {
		t.Errorf("clusters in rollout order: %v", order)
	}
}

// TestDesignExample reads the example of the design, whose values that are not built yet are refused as such.
func TestDesignExample(t *testing.T) {
	topology, problems := Parse(readFile(t, "testdata/bad/not-supported-yet.yaml"), "topology.yaml")
	if topology == nil {
		t.Fatal("no topology")
	}
	var got []string
	for _, p := range problems.Errors() {
		if p.Code == codeNotForProfile { // storage and resources, which the base has
			continue
		}
		if p.Code != codeNotSupportedYet {
			t.Errorf("%v", p)
		}
		got = append(got, p.Path)
	}
	want := []string{"spec.tls.mode"}
	if !slices.Equal(got, want) {
		t.Errorf("refused %v, want %v", got, want)
	}
}
