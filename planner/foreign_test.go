package planner_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// writtenTo is a world at rest in which somebody wrote into the objects of use1.
func writtenTo(t *testing.T, kind string, edit func(*regions.ObjectState)) *world {
	t.Helper()
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	w.clusters["use1"].edit = func(o *regions.ObjectState) {
		if o.Ref.Kind == kind {
			edit(o)
		}
	}
	return w
}

// fought is a Service of which kubectl-edit holds a field at another value.
func fought(t *testing.T) *world {
	t.Helper()
	return writtenTo(t, "Service", func(o *regions.ObjectState) {
		o.Live = object("v1", "Service", "bank", "bank", map[string]any{"clusterIP": "10.0.0.1"})
		o.Conflicts = []regions.FieldConflict{{Manager: "kubectl-edit", Field: ".spec.clusterIP", Time: time.Date(2026, 11, 5, 4, 3, 2, 0, time.UTC)}}
	})
}

// A field that somebody else set is refused with who, when, and the commands to decide by.
func TestConflictSaysWhoAndWhatToRun(t *testing.T) {
	t.Parallel()
	p := fought(t).build()
	if len(p.Refusals) != 1 {
		t.Fatalf("refusals: %v", p.Refusals)
	}
	r := p.Refusals[0]
	for _, want := range []string{
		`use1: Service/bank/bank: .spec.clusterIP is set by field manager "kubectl-edit" to another value, at 2026-11-05 04:03:02 UTC`,
		"quorate apply --force-manager kubectl-edit;",
		"kubectl --context use1 -n bank get service bank -o yaml --show-managed-fields",
	} {
		if !strings.Contains(r.Code+" "+r.Message+" "+r.Hint, want) {
			t.Errorf("it does not say %q: %s: %s\n%s", want, r.Code, r.Message, r.Hint)
		}
	}
	const field = `spec.clusterIP: 10.0.0.1 → None  (set by "kubectl-edit", at 2026-11-05 04:03:02 UTC)`
	if got := text(p); !strings.Contains(got, field) {
		t.Errorf("the change does not say who set the field:\n%s", got)
	}
}

// Only the managers that were named are forced, and the plan says over whom.
func TestForceManager(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		force   []string
		refused int
		note    string
	}{
		{"nobody", nil, 1, ""},
		{"the one", []string{"kubectl-edit"}, 0, ""},
		{"another", []string{"helm"}, 1, "--force-manager helm: no field manager of that name"},
		{"both", []string{"helm", "kubectl-edit"}, 0, "--force-manager helm: no field manager of that name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := fought(t).input()
			in.ForceManagers = test.force
			p := planner.Build(in)
			if len(p.Refusals) != test.refused || test.note != "" && !strings.Contains(strings.Join(p.Notes, "\n"), test.note) {
				t.Errorf("refusals %v, notes %v", p.Refusals, p.Notes)
			}
			if test.refused > 0 {
				return
			}
			at := slices.IndexFunc(p.Steps, func(s planner.Step) bool { return s.ID == "use1/apply" })
			force := p.Steps[at].Payload.Force
			if len(force) != 1 || force[0].Object.Kind != "Service" || !slices.Equal(force[0].Managers, []string{"kubectl-edit"}) {
				t.Errorf("the step forces %v", force)
			}
			if !strings.Contains(text(p), "update Service/bank/bank in use1 forced over field manager kubectl-edit") {
				t.Errorf("the plan does not say over whom:\n%s", text(p))
			}
			again, moved := planner.Continue(planner.Save(p, in), fought(t).input())
			if len(moved) > 0 || len(again.Refusals) > 0 {
				t.Errorf("saved, it forgets whom to force: %v %v", moved, again.Refusals)
			}
		})
	}
}

// Two managers hold fields of one object: forcing one of them leaves the other's refused, since an
// apply that is forced would overwrite both.
func TestTwoManagersAtOnce(t *testing.T) {
	t.Parallel()
	w := fought(t)
	one := w.clusters["use1"].edit
	w.clusters["use1"].edit = func(o *regions.ObjectState) {
		if one(o); len(o.Conflicts) > 0 {
			o.Conflicts = append(o.Conflicts, regions.FieldConflict{Manager: "helm", Field: ".spec.ports"})
		}
	}
	for _, test := range []struct{ force, refused, forced []string }{
		{nil, []string{"helm", "kubectl-edit"}, nil},
		{[]string{"helm"}, []string{"kubectl-edit"}, nil},
		{[]string{"kubectl-edit"}, []string{"helm"}, nil},
		{[]string{"helm", "kubectl-edit"}, nil, []string{"helm", "kubectl-edit"}},
	} {
		in := w.input()
		in.ForceManagers = test.force
		p := planner.Build(in)
		for i, manager := range test.refused {
			if len(p.Refusals) != len(test.refused) || !strings.Contains(p.Refusals[i].Message, `field manager "`+manager+`"`) {
				t.Errorf("forcing %v: refusals %v, want those of %v", test.force, p.Refusals, test.refused)
			}
		}
		if test.forced == nil {
			continue
		}
		at := slices.IndexFunc(p.Steps, func(s planner.Step) bool { return s.ID == "use1/apply" })
		if force := p.Steps[at].Payload.Force; len(p.Refusals) > 0 || len(force) != 1 || !slices.Equal(force[0].Managers, test.forced) {
			t.Errorf("forcing both: refusals %v, the step forces %v", p.Refusals, force)
		}
	}
}

// Paths of managers are found again among the changed fields.
func TestAttribution(t *testing.T) {
	t.Parallel()
	for field, set := range map[string]struct{ before, after map[string]any }{
		`.spec.template.spec.containers[name="db"].image`: {
			map[string]any{"template": template("A")}, map[string]any{"template": template("B")},
		},
		`.spec.ports[port=80,protocol="TCP"].targetPort`: {
			map[string]any{"ports": []any{map[string]any{"port": int64(80), "targetPort": int64(1)}}},
			map[string]any{"ports": []any{map[string]any{"port": int64(80), "targetPort": int64(2)}}},
		},
		`.spec.selector.app.kubernetes.io/name`: {
			map[string]any{"selector": map[string]any{"app.kubernetes.io/name": "a"}}, map[string]any{"selector": map[string]any{"app.kubernetes.io/name": "b"}},
		},
		`.spec.selector`: {
			map[string]any{"selector": map[string]any{"app": "a"}}, map[string]any{"selector": map[string]any{"app": "b"}},
		},
	} {
		w := writtenTo(t, "Service", func(o *regions.ObjectState) {
			o.Live, o.After = object("v1", "Service", "bank", "bank", set.before), object("v1", "Service", "bank", "bank", set.after)
			o.Conflicts = []regions.FieldConflict{{Manager: "hand", Field: field}}
		})
		if got := text(w.build()); !strings.Contains(got, `(set by "hand")`) {
			t.Errorf("%s is not attributed:\n%s", field, got)
		}
	}
}

// What somebody deleted is made again, and named.
func TestRemovedByHand(t *testing.T) {
	t.Parallel()
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	for ref := range w.clusters["euw1"].objects {
		if ref.Kind != "Namespace" {
			delete(w.clusters["euw1"].objects, ref)
		}
	}
	p := w.build()
	const note = "euw1: Service/bank/bank, PodDisruptionBudget/bank/bank are on record and gone, so that somebody deleted them: made again"
	if !slices.Contains(p.Notes, note) || p.Summary.Create != 2 || p.Summary.Disruptive > 0 {
		t.Errorf("%v, %+v", p.Notes, p.Summary)
	}
	w.run(p)
	if again := w.build(); !again.Empty() || len(again.Notes) > 0 {
		t.Errorf("it is not made again:\n%s", text(again))
	}
}

// Replicas made by hand are offered for adoption, with the very edit; after it they are ours.
func TestAdoptReplicas(t *testing.T) {
	t.Parallel()
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	w.put("use1/bank", "replicas=5 pods=A,A,A,A,A managers=kubectl")
	in := w.input()
	in.ReplicasAt = map[string]string{"use1": "topology.yaml:31"}
	p := planner.Build(in)
	if len(p.Refusals) != 1 || p.Refusals[0].Code != "scale-in" ||
		!strings.Contains(p.Refusals[0].Hint, "write `replicas: 5` for use1 in the topology (topology.yaml:31) and apply") {
		t.Fatalf("refusals: %v", p.Refusals)
	}
	w.topology = deployment(t, "cockroachdb", "us: use1*5; west: usw1*3; eu: euw1*3", promised)
	p = w.build()
	if len(p.Refusals) > 0 || p.Summary.Disruptive > 0 || p.Summary.Added > 0 {
		t.Errorf("after the edit:\n%s", text(p))
	}
	w.run(p)
	if managers := w.clusters["use1"].sets["bank"].managers; !slices.Equal(managers, []string{planner.RolloutManager}) {
		t.Errorf("replicas stay with %v", managers)
	}
}

// Fields that can never change are named with what to do; other refusals keep the server's words.
func TestImmutableFields(t *testing.T) {
	t.Parallel()
	const forbidden = "StatefulSet.apps \"bank\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden"
	tests := map[string]struct {
		kind, rejected string
		change         func(spec map[string]any)
		want           []string
	}{
		"serviceName": {
			"StatefulSet", forbidden, func(spec map[string]any) { spec["serviceName"] = "other" },
			[]string{"use1: StatefulSet/bank/bank: Kubernetes lets this field never change once the object exists: spec.serviceName: bank → other", "put the old value back; a StatefulSet is never deleted"},
		},
		"volumes": {
			"StatefulSet", forbidden,
			func(spec map[string]any) {
				spec["volumeClaimTemplates"] = []any{map[string]any{"spec": map[string]any{"size": "2Gi"}}}
			},
			[]string{"spec.volumeClaimTemplates", "kubectl --context use1 -n bank edit pvc"},
		},
		"clusterIP": {
			"Service", `Service "bank" is invalid: spec.clusterIPs[0]: Invalid value: ["10.0.0.1"]: may not change once set`,
			func(spec map[string]any) { spec["clusterIPs"] = []any{"10.0.0.1"} },
			[]string{"Kubernetes lets this field never change once the object exists: spec.clusterIPs", "kubectl --context use1 -n bank delete service bank"},
		},
		"another refusal": {
			"Service", "spec.ports: Required value", func(spec map[string]any) { spec["ports"] = nil },
			[]string{"the API server refuses Service/bank/bank: spec.ports: Required value"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := writtenTo(t, test.kind, func(o *regions.ObjectState) {
				spec := maps.Clone(o.Live["spec"].(map[string]any))
				if test.kind == "StatefulSet" {
					o.Live["spec"].(map[string]any)["volumeClaimTemplates"] = []any{map[string]any{"spec": map[string]any{"size": "1Gi"}}}
					spec["volumeClaimTemplates"] = []any{map[string]any{"spec": map[string]any{"size": "1Gi"}}}
				}
				test.change(spec)
				o.After = object(o.Ref.APIVersion, o.Ref.Kind, "bank", "bank", spec)
				o.Rejected = test.rejected
			})
			got := ""
			for _, r := range w.build().Refusals {
				got += r.Code + " " + r.Message + "\n" + r.Hint + "\n"
			}
			for _, want := range append(test.want, "rejected") {
				if !strings.Contains(got, want) {
					t.Errorf("it does not say %q:\n%s", want, got)
				}
			}
		})
	}
}

// A plan that only reads says so, and what it cannot see.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	for _, k := range w.clusters {
		k.edit = func(o *regions.ObjectState) {
			o.ClientSide = "read-only"
			if o.Live != nil { // what the API server fills in is in the live object alone
				o.Live["filledIn"] = "by the server"
			}
		}
	}
	w.image = "B"
	in := w.input()
	in.ReadOnly = true
	p := planner.Build(in)
	checkPlan(t, p)
	got := text(p)
	for _, want := range []string{"db:A → ", "read-only\n", "Not seen: what API servers fill in and webhooks change; ", "conflicts with other field managers"} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	if !p.ReadOnly || strings.Contains(got, "filledIn") || p.Summary.Disruptive != 9 {
		t.Errorf("read only %t:\n%s", p.ReadOnly, got)
	}
}
