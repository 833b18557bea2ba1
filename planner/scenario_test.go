package planner_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

var update = flag.Bool("update", false, "write the plans under testdata anew")

const (
	three   = "us: use1*3; west: usw1*3; eu: euw1*3"
	smaller = "home: h1*3"
)

// promised is the usual CockroachDB promise: five voters over three regions.
const promised = "survive: {failure: region, voters: 5, whileUpdating: zone}"

func TestPlans(t *testing.T) {
	for name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			w := scenarios(t)[name]()
			p := w.build()
			golden(t, name, text(p))
			checkPlan(t, p)
			w.run(p)
			if again := w.build(); !again.Empty() {
				t.Errorf("after the run there is more to do:\n%s", text(again))
			}
		})
	}
}

// TestResume crashes each plan's run after each step that changes something, once
// with the replicas of the last step back and once before they are: a new plan goes
// on to the end.
func TestResume(t *testing.T) {
	t.Parallel()
	for name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			w := scenarios(t)[name]()
			p := w.build()
			for i, s := range p.Steps {
				w.step(p, s)
				if !crashes(p, i) || s.Kind == planner.KindProbe || s.Kind == planner.KindSoak || s.Kind == planner.KindVerifyDNS {
					continue // they change nothing: the crash is that in the step before
				}
				goOn(t, w.clone(), s.ID)
				if s.Disruptive() {
					crashed := w.clone()
					crashed.takeDown(s.Disrupts)
					goOn(t, crashed, s.ID)
				}
			}
		})
	}
}

// crashes tells whether a run is cut off after the step: after each one where QUORATE_SEEDS asks
// for many tries; else after the first and the last of its kind, and one in five of the rest.
func crashes(p *planner.Plan, i int) bool {
	alike := func(s planner.Step) bool { return s.Kind == p.Steps[i].Kind }
	return os.Getenv("QUORATE_SEEDS") != "" || i%5 == 2 ||
		!slices.ContainsFunc(p.Steps[:i], alike) || !slices.ContainsFunc(p.Steps[i+1:], alike)
}

func goOn(t *testing.T, w *world, crashedIn string) {
	t.Helper()
	rest := w.build()
	checkPlan(t, rest)
	w.run(rest)
	if again := w.build(); !again.Empty() {
		t.Fatalf("after a crash in %s and a second run there is more to do:\n%s", crashedIn, text(again))
	}
}

// takeDown makes it the moment before the replicas' new pods are ready.
func (w *world) takeDown(ids []regions.ReplicaID) {
	for _, id := range ids {
		w.clusters[id.Cluster].sets[id.Pool].pods[id.Ordinal].up = false
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "plans", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	have, wanted := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(have), len(wanted)) {
		if have[i] != wanted[i] {
			t.Fatalf("plan %s has changed (go test -update writes it anew), first in line %d:\n%s\nwant:\n%s", name, i+1, have[i], wanted[i])
		}
	}
	if len(have) != len(wanted) {
		t.Fatalf("plan %s has %d lines, want %d (go test -update writes it anew)", name, len(have), len(wanted))
	}
}

// text is a plan on a few lines.
func text(p *planner.Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s (%s)", s.ID, s.Kind)
		if len(s.Needs) > 0 {
			fmt.Fprintf(&b, " after %s", strings.Join(s.Needs, " "))
		}
		switch {
		case s.Disruptive():
			fmt.Fprintf(&b, " disrupts %v, %s", s.Disrupts, s.Exposure)
		case s.Exposure != nil:
			fmt.Fprintf(&b, ", %s", s.Exposure)
		}
		fmt.Fprintf(&b, "\n    %s", s.Summary)
		if s.Why != "" {
			fmt.Fprintf(&b, ": %s", s.Why)
		}
		b.WriteString("\n")
	}
	for _, o := range p.Objects {
		fmt.Fprintf(&b, "%s %s in %s %s\n", o.Action, o.Object, o.Cluster, o.Note)
		for _, f := range o.Fields {
			fmt.Fprintf(&b, "    %s\n", f)
		}
	}
	for _, c := range p.DNS.Changes {
		fmt.Fprintf(&b, "%s %s %s\n", c.Action, c.Type, c.Name)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, r := range p.Refusals {
		fmt.Fprintf(&b, "refused, %s: %s %s\n    %s\n    %s\n", r.Code, r.Cluster, r.Step, r.Message, r.Hint)
	}
	fmt.Fprintf(&b, "promise: %s, while updating %s, in force %v, %s; at rest %s\n",
		p.Promise.Failure, p.Promise.WhileUpdating, p.Promise.InForce, p.Promise.Basis, p.Promise.AtRest)
	fmt.Fprintf(&b, "%+v\n", p.Summary)
	return b.String()
}
