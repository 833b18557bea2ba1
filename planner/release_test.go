package planner_test

import (
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/planner"
)

// releasedWorld is at rest, with the partition of use1 handed back.
func releasedWorld(f fataler) *world {
	f.Helper()
	w := installed(f, deployment(f, "cockroachdb", three, promised))
	w.run(planner.BuildRelease(w.input(), []string{"use1"}, false))
	return w
}

type releaseCase struct {
	world    func() *world
	takeBack bool
	want     string // a step, a note or a refusal
}

func TestBuildRelease(t *testing.T) {
	t.Parallel()
	tests := map[string]releaseCase{
		"at rest": {
			func() *world { return installed(t, deployment(t, "cockroachdb", three, promised)) }, false,
			"use1/release/bank (partition) release use1/bank (partition 3 → 0)",
		},
		"released already": {func() *world { return releasedWorld(t) }, false, "the partition of bank is released already"},
		"not installed":    {func() *world { return newWorld(t, deployment(t, "cockroachdb", three, promised), "A") }, false, "not-installed"},
		"an update that has not ended": {func() *world {
			return installed(t, deployment(t, "cockroachdb", three, promised)).change(func(w *world) { w.put("use1/bank", "template=B partition=2 pods=A,A,B") })
		}, false, "update-pending"},
		"an update that nobody began": {func() *world {
			return installed(t, deployment(t, "cockroachdb", three, promised)).change(func(w *world) { w.put("use1/bank", "template=B") })
		}, false, "update-pending"},
		"another cluster behind the context": {func() *world {
			return installed(t, deployment(t, "cockroachdb", three, promised)).change(func(w *world) { w.clusters["euw1"].state.UID = "other" })
		}, false, "wrong-cluster"},
		"taken back": {func() *world { return releasedWorld(t) }, true, "use1/hold/bank (partition) hold use1/bank again (partition 0 → 3)"},
		"held":       {func() *world { return installed(t, deployment(t, "cockroachdb", three, promised)) }, true, "the partition of bank is held already"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := test.world()
			p := planner.BuildRelease(w.input(), []string{"use1"}, test.takeBack)
			checkEncoding(t, p)
			if got := releaseText(p); !strings.Contains(got, test.want) || strings.Count(got, "\n") != test.lines() {
				t.Errorf("got %s want %s", got, test.want)
			}
			if p.Summary.Disruptive > 0 {
				t.Errorf("it restarts %d replicas", p.Summary.Disruptive)
			}
		})
	}
}

// lines: a step that is refused is shown beside the refusal.
func (r releaseCase) lines() int {
	if r.want == "wrong-cluster" {
		return 2
	}
	return 1
}

func releaseText(p *planner.Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		b.WriteString(s.ID + " (" + string(s.Kind) + ") " + s.Summary + "\n")
	}
	for _, r := range p.Refusals {
		b.WriteString(r.Code + "\n")
	}
	for _, n := range p.Notes {
		b.WriteString(n + "\n")
	}
	return b.String()
}

// A plan leaves a released pool to its controller, even in the middle of an update that
// somebody else began with the template that is wanted.
func TestReleasedIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := releasedWorld(t)
	if p := w.build(); !p.Empty() || len(p.Notes) != 1 {
		t.Errorf("the plan fights a release:\n%s", text(p))
	}
	for _, c := range []string{"usw1", "euw1"} {
		w.put(c+"/bank", "template=B current=B pods=B,B,B")
	}
	w.put("use1/bank", "template=B pods=A,A~,B")
	w.image = "B"
	for _, s := range w.build().Steps {
		if s.Disruptive() || s.Kind == planner.KindPartition {
			t.Errorf("step %s disturbs a released pool", s.ID)
		}
	}
}

// A change of a released pool takes the hold back first, and keeps it.
func TestReleasedIsTakenBack(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*world){
		"a new template": to("B"),
		"more replicas": func(w *world) {
			w.topology = deployment(t, "cockroachdb", "us: use1*4; west: usw1*3; eu: euw1*3", promised)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := releasedWorld(t)
			edit(w)
			p := w.build()
			at := slices.IndexFunc(p.Steps, func(s planner.Step) bool { return s.Cluster == "use1" && s.Payload.TakeBack })
			first := slices.IndexFunc(p.Steps, func(s planner.Step) bool { return s.Kind == planner.KindApply || s.Kind == planner.KindScale })
			if at < 0 || name == "a new template" && at > first {
				t.Fatalf("the hold is not taken back first:\n%s", text(p))
			}
			w.run(p)
			if again := w.build(); !again.Empty() || len(again.Notes) > 0 || len(w.clusters["use1"].state.Record.Database.Released) > 0 {
				t.Errorf("it counts as released still:\n%s", text(again))
			}
		})
	}
}
