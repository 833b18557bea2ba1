package planner_test

import (
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// refused are the codes of a plan's refusals, each once.
func refused(p *planner.Plan) []string {
	var out []string
	for _, r := range p.Refusals {
		out = append(out, r.Code)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// refusal is what makes a plan one that may not run, and what it says of it.
type refusal struct {
	code, cluster string
	says          []string
	edit          func(w *world)
}

// TestRefusedTopology: the topology and the clusters' records do not go together.
func TestRefusedTopology(t *testing.T) {
	checkRefusals(t, map[string]refusal{
		"fewer replicas": {
			"scale-in", "use1",
			[]string{"has 3 replicas and the topology says 2", "put 3 back"},
			func(w *world) {
				w.topology = deployment(w, "cockroachdb", "us: use1*2; west: usw1*3; eu: euw1*3", promised)
			},
		},
		"cluster dropped": {
			"dropped-cluster", "euw1",
			[]string{`"euw1" holds replicas of bank`},
			func(w *world) { w.topology = deployment(w, "cockroachdb", "us: use1*3; west: usw1*3") },
		},
		"set dropped": {
			"dropped-statefulset", "use1",
			[]string{"StatefulSet/bank/log is owned by bank"},
			owns("use1", regions.ObjectRef{APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: "bank", Name: "log"}),
		},
		"namespace dropped from the overlay": {
			"dropped-namespace", "use1",
			[]string{"Namespace/old"},
			owns("use1", regions.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: "old"}),
		},
		"volume dropped": {
			"dropped-persistentvolumeclaim", "use1",
			[]string{"PersistentVolumeClaim/bank/data"},
			owns("use1", regions.ObjectRef{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: "bank", Name: "data"}),
		},
		"namespace changed": {
			"dropped-namespace", "use1",
			[]string{"runs in namespace money, and the topology now says bank"},
			func(w *world) {
				w.clusters["use1"].state.Record = regions.Record{}
				w.clusters["use1"].state.ElsewhereNamespaces = []string{"money"}
			},
		},
		"context of another cluster": {
			"wrong-cluster", "use1",
			[]string{"UID stranger", "recorded (in euw1) with UID uid-use1"},
			func(w *world) {
				w.clusters["use1"].state.UID = "stranger"
				w.clusters["use1"].state.Record = regions.Record{}
				w.clusters["usw1"].state.Record = regions.Record{}
			},
		},
		"two contexts of one cluster": {
			"wrong-cluster", "usw1",
			[]string{`contexts "usw1" and "use1"`, "share namespace bank"},
			func(w *world) {
				for _, k := range w.clusters {
					k.state.Record = regions.Record{}
				}
				w.clusters["usw1"].state.UID = "uid-use1"
			},
		},
		"zone changed": {
			"zone-changed", "use1",
			[]string{"advertise their names in zone old.example.com", "put the zone back"},
			func(w *world) { w.clusters["use1"].state.Record.Database.Zone = "old.example.com" },
		},
		"another deployment in the namespace": {
			"other-deployment", "use1",
			[]string{`"money" (namespace bank) already has namespace bank`, "put metadata.name back"},
			func(w *world) {
				w.clusters["use1"].state.Record = regions.Record{}
				w.clusters["use1"].state.Neighbours = []regions.Neighbour{{Deployment: "money", Namespace: "bank"}, {Deployment: "shop", Namespace: "shop", Zone: "shop.example.com"}}
			},
		},
		"another deployment with the zone": {
			"other-deployment", "use1",
			[]string{"already has zone"},
			func(w *world) {
				w.clusters["use1"].state.Record = regions.Record{}
				w.clusters["use1"].state.Neighbours = []regions.Neighbour{{Deployment: "money", Namespace: "money", Zone: w.topology.Spec.DNS.Zone}}
			},
		},
		"no authority": {
			"no-authority", "usw1",
			[]string{"spec.dns.authorities"},
			func(w *world) { w.clusters["usw1"].state.Sandbox = false },
		},
	})
}

// TestRefusedState: what is in the clusters cannot be led where the topology says.
func TestRefusedState(t *testing.T) {
	checkRefusals(t, map[string]refusal{
		"another manager's value": {
			"conflict", "use1",
			[]string{`StatefulSet/bank/bank: .spec.replicas, .spec.template is set by field manager "kubectl-edit"`},
			edited("use1", func(o *regions.ObjectState) {
				if o.Ref.Kind == "StatefulSet" {
					o.Conflicts = []regions.FieldConflict{{Manager: "kubectl-edit", Field: ".spec.template"}, {Manager: "kubectl-edit", Field: ".spec.replicas"}}
				}
			}),
		},
		"immutable field": {
			"rejected", "use1",
			[]string{"updates to statefulset spec", "volumeClaimTemplates"},
			edited("use1", func(o *regions.ObjectState) {
				if o.Ref.Kind == "StatefulSet" {
					o.Rejected = "spec: Forbidden: updates to statefulset spec for fields other than …"
				}
			}),
		},
		"invalid object": {
			"rejected", "use1",
			[]string{"nothing was changed"},
			edited("use1", func(o *regions.ObjectState) {
				if o.Ref.Kind == "Service" {
					o.Rejected = "spec.ports: Required value"
				}
			}),
		},
		"old server": {
			"server-too-old", "euw1",
			[]string{"Kubernetes v1.34.9", "v1.35 or newer"},
			func(w *world) { w.clusters["euw1"].state.ServerVersion = "v1.34.9" },
		},
		"nodes without a zone": {
			"zone-label-missing", "use1",
			[]string{"node-1, node-2"},
			func(w *world) {
				w.clusters["use1"].state.Nodes[1].Zone, w.clusters["use1"].state.Nodes[2].Zone = "", ""
			},
		},
		"set is OnDelete": {
			"update-strategy", "use1",
			[]string{"StatefulSet bank has updateStrategy OnDelete", `"partition":3`},
			func(w *world) { w.clusters["use1"].onDelete = true },
		},
		"while updating a region": {
			"breaks-promise", "use1",
			[]string{"while update use1/bank-2", "any region may be lost meanwhile"},
			func(w *world) {
				w.image = "B"
				w.topology.Spec.Survive.WhileUpdating = regions.FailureRegion // validation refuses it as well
			},
		},
	})
}

func checkRefusals(t *testing.T, tests map[string]refusal) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := installed(t, deployment(t, "cockroachdb", three, promised))
			test.edit(w)
			p := w.build()
			if got := refused(p); !slices.Equal(got, []string{test.code}) {
				t.Fatalf("refused with %v, want %s alone\n%s", got, test.code, text(p))
			}
			if p.Empty() {
				t.Error("a refused plan counts as empty")
			}
			r := p.Refusals[0]
			if r.Cluster != test.cluster || r.Hint == "" {
				t.Errorf("refusal of cluster %q with hint %q", r.Cluster, r.Hint)
			}
			for _, part := range test.says {
				if !strings.Contains(r.Message+" "+r.Hint, part) {
					t.Errorf("it does not say %q: %s (%s)", part, r.Message, r.Hint)
				}
			}
			checkEncoding(t, p)
		})
	}
}

func owns(cluster string, ref regions.ObjectRef) func(*world) {
	return func(w *world) {
		record := &w.clusters[cluster].state.Record
		record.Inventory = append(record.Inventory, ref)
	}
}

func edited(cluster string, edit func(*regions.ObjectState)) func(*world) {
	return func(w *world) { w.clusters[cluster].edit = edit }
}

// TestNotRefused are neighbours of refusals that are fine.
func TestNotRefused(t *testing.T) {
	tests := map[string]func(w *world){
		"provider's version":     func(w *world) { w.clusters["use1"].state.ServerVersion = "v1.35.0-gke.100" },
		"unknown version":        func(w *world) { w.clusters["use1"].state.ServerVersion = "" },
		"nodes may not be seen":  func(w *world) { w.clusters["use1"].state.Nodes = nil },
		"served by another name": reversion,
		"a neighbour's namespace": func(w *world) {
			w.clusters["use1"].state.ElsewhereNamespaces = []string{"bank"}
		},
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			w := installed(t, deployment(t, "cockroachdb", three, promised))
			edit(w)
			if p := w.build(); len(p.Refusals) > 0 {
				t.Errorf("refused:\n%s", text(p))
			}
		})
	}
}

// reversion makes the record know an object by a former API version.
func reversion(w *world) {
	for i, ref := range w.clusters["use1"].state.Record.Inventory {
		if ref.Kind == "PodDisruptionBudget" {
			w.clusters["use1"].state.Record.Inventory[i].APIVersion = "policy/v1beta1"
		}
	}
}

// TestTwoNamespacesOfOneCluster: clusters of a topology may share a Kubernetes
// cluster, and each knows the other's record.
func TestTwoNamespacesOfOneCluster(t *testing.T) {
	topology := deployment(t, "generic", "us: use1*1; eu: euw1*1")
	for i := range topology.Spec.Regions {
		topology.Spec.Regions[i].Clusters[0].Namespace = "bank-" + topology.Spec.Regions[i].Name
	}
	w := newWorld(t, topology, "A")
	w.clusters["euw1"].state.UID = w.clusters["use1"].state.UID
	w.clusters["euw1"].state.ElsewhereNamespaces = []string{"bank-us"}
	p := w.build()
	if len(p.Refusals) > 0 {
		t.Fatalf("refused:\n%s", text(p))
	}
	w.run(p)
}

// TestDesiredShapes are refused without a look at a cluster.
func TestDesiredShapes(t *testing.T) {
	for _, offline := range []bool{true, false} {
		w := newWorld(t, deployment(t, "generic", "us: use1*1"), "A")
		in := w.input()
		in.Offline = offline
		extra := object("apps/v1", "StatefulSet", "bank", "log", map[string]any{"updateStrategy": map[string]any{"type": "OnDelete"}})
		in.Desired["use1"] = append(in.Desired["use1"], extra)
		if got := refused(planner.Build(in)); !slices.Equal(got, []string{"unlisted-statefulset", "update-strategy"}) {
			t.Errorf("offline %v: refused with %v", offline, got)
		}
	}
}
