package e2e

import (
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/cmd/internal/e2e/podwatch"
	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/regions"
)

// The whole story on one deployment, with the controller's MaxUnavailableStatefulSet
// gate on (the default since 1.37) and off (before).
func TestStory(t *testing.T) {
	for name, gate := range map[string]func(*testing.T) *sandboxHandle{
		"gate-on":  func(t *testing.T) *sandboxHandle { return sandbox(t, "gate-on") },
		"gate-off": formerSandbox,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, gate(t), "story")
			b.installs()
			b.upgrades()
			b.scalesOut()
		})
	}
}

// installs: region order, exactly one init, names, nothing left to do.
func (b *bank) installs() {
	b.t.Helper()
	if r := b.expect(2, "plan", "--detailed-exitcode"); !strings.Contains(r.stdout, "initialise the database, once, in use1/story-0") {
		b.t.Fatalf("the plan does not initialise in slot 0:\n%s", r.stdout)
	}
	b.apply()
	b.expectSettled()
	if inits := b.sandbox.inits(b.t, b.settings.Name); !slices.Equal(inits, []string{"use1/story/story-0"}) {
		b.t.Fatalf("inits: %v, want exactly one, in use1/story/story-0", inits)
	}
	var started []string
	for _, e := range b.journals() {
		if e.Event == journal.StepWrote && e.Kind == "scale" {
			started = append(started, e.Cluster)
		}
	}
	if !slices.Equal(started, clusterNames) {
		b.t.Errorf("regions started in the order %v, want %v", started, clusterNames)
	}
	b.expectEmpty()
}

// upgrades: the canary first, one at a time over all clusters, judged causally.
func (b *bank) upgrades() {
	b.t.Helper()
	before := len(b.journals())
	recorded := podwatch.Record(b.t, b.sandbox.clients, b.settings.Name)
	b.write(func(s *settings) { s.Image = "v25.4.1" })
	kept := regions.FailureZone
	if b.settings.Locality == "none" { // the database does not know its zones
		kept = regions.FailureNode
	}
	for _, step := range b.plan().Steps {
		if !step.Disruptive() {
			continue
		}
		if e := step.Exposure; e.Strongest() != kept {
			b.t.Errorf("%s: exposure %v, want that a %s may be lost and no more", step.ID, e, kept)
		}
	}
	b.apply()
	recorded.Close()
	order := recorded.Judge(b.t, b.journals()[before:])
	want := []string{
		"usw1/story-2", "usw1/story-1", "usw1/story-0",
		"use1/story-2", "use1/story-1", "use1/story-0",
		"euw1/story-2", "euw1/story-1", "euw1/story-0",
	}
	if !slices.Equal(order, want) {
		b.t.Errorf("replicas were updated in the order %v, want %v", order, want)
	}
	b.expectSettled()
	b.expectEmpty()
}

// scalesOut: an edit of the file adds replicas, nothing restarts.
func (b *bank) scalesOut() {
	b.t.Helper()
	recorded := podwatch.Record(b.t, b.sandbox.clients, b.settings.Name)
	b.write(func(s *settings) { s.Replicas["use1"] = 5; s.Replicas["euw1"] = 4 })
	b.apply()
	recorded.Close()
	for _, cluster := range clusterNames {
		for _, e := range recorded.Events(cluster) {
			if !e.Up && strings.HasSuffix(e.Pod, "-0") {
				b.t.Errorf("%s/%s went down during a scale-out", cluster, e.Pod)
			}
		}
	}
	if inits := b.sandbox.inits(b.t, b.settings.Name); len(inits) != 1 {
		b.t.Errorf("the database was initialised in %v", inits)
	}
	b.expectSettled()
	b.expectEmpty()
}
