package planner_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quorate.dev/quorate/planner"
)

// anyDeployment draws a layout of one to three regions, of one or two clusters
// each, with small pools.
func anyDeployment(r *rapid.T) string {
	var regions []string
	for i := range rapid.IntRange(1, 3).Draw(r, "regions") {
		var clusters []string
		for j := range rapid.IntRange(1, 2).Draw(r, "clusters") {
			clusters = append(clusters, fmt.Sprintf("c%d%d*%d", i, j, rapid.IntRange(1, 3).Draw(r, "replicas")))
		}
		regions = append(regions, fmt.Sprintf("r%d: %s", i, strings.Join(clusters, " ")))
	}
	return strings.Join(regions, "; ")
}

// anyWorld draws a deployment in the middle of something: an installation that
// crashed anywhere, or a database of which pods run either template, are down, or
// cannot pull an image, at any partition that a run or a hand may have left.
func anyWorld(r *rapid.T) *world {
	profile := rapid.SampledFrom([]string{"generic", "cockroachdb", "etcd"}).Draw(r, "profile")
	var locality []string
	if profile != "generic" && rapid.Bool().Draw(r, "per zone") {
		locality = []string{perZone}
	}
	w := newWorld(r, deployment(r, profile, anyDeployment(r), locality...), "A")
	p := w.build()
	if n := rapid.IntRange(0, 2*len(p.Steps)).Draw(r, "crash"); n < len(p.Steps) {
		w.runFirst(p, n)
		w.image = rapid.SampledFrom([]string{"A", "B"}).Draw(r, "corrected")
		return w
	}
	w.run(p)
	for _, c := range w.topology.OrderedClusters() {
		sets := w.clusters[c.Name].sets
		for _, name := range slices.Sorted(maps.Keys(sets)) {
			if n := sets[name].replicas; n > 0 {
				w.put(c.Name+"/"+name, anySet(r, n))
			}
		}
	}
	w.image = rapid.SampledFrom([]string{"A", "B", "C"}).Draw(r, "desired")
	return w
}

// anySet draws one pool of a database that runs A and was being led to B or Z.
func anySet(r *rapid.T, replicas int) string {
	next := rapid.SampledFrom([]string{"A", "B", "Z"}).Draw(r, "template")
	partition := rapid.IntRange(0, replicas).Draw(r, "partition")
	pods := make([]string, replicas)
	for i := range pods {
		image := "A"
		if i >= partition && next != "A" {
			image = rapid.SampledFrom([]string{"A", next}).Draw(r, "image")
		}
		mark := rapid.SampledFrom([]string{"", "", "", "~", "-"}).Draw(r, "mark")
		if image == "Z" {
			mark = "!"
		}
		pods[i] = image + mark
	}
	current := "A"
	if next == "B" && !slices.ContainsFunc(pods, func(p string) bool { return p != "B" }) {
		current = "B"
	}
	return fmt.Sprintf("template=%s current=%s partition=%d pods=%s", next, current, partition, strings.Join(pods, ","))
}

// TestAnyPlan: of whatever state, a plan is well formed, the same again, and leads in
// a world where all that can work does to a state of which the plan is empty.
func TestAnyPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := anyWorld(r)
		p := w.build()
		if first, second := encoded(r, p), encoded(r, w.build()); first != second {
			r.Fatalf("two plans of one input:\n%s\nand\n%s", first, second)
		}
		checkPlan(r, p)
		if len(p.Refusals) > 0 { // too small to restart anything, or to lose what is down beside it
			if got := refused(p); !slices.Equal(got, []string{"breaks-promise"}) {
				r.Fatalf("refused with %v", got)
			}
			return
		}
		if n := rapid.IntRange(0, 2*len(p.Steps)).Draw(r, "killed"); n < len(p.Steps) {
			w.runFirst(p, n)
			p = w.build()
			checkPlan(r, p)
		}
		w.run(p)
		if again := w.build(); !again.Empty() {
			r.Fatalf("after the run there is more to do:\n%s\nthe plan was:\n%s", text(again), text(p))
		}
	})
}

// TestAnySilence: no plan that is made without one of the clusters touches it,
// initialises anything or panics.
func TestAnySilence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := anyWorld(r)
		gone := rapid.SampledFrom(w.topology.OrderedClusters()).Draw(r, "silent").Name
		w.clusters[gone].unreachable = "no route to host"
		p := w.build()
		checkPlan(r, p)
		for _, s := range p.Steps {
			if s.Cluster == gone || s.Kind == planner.KindInit {
				r.Fatalf("step %s is planned while %s is silent", s.ID, gone)
			}
		}
	})
}

// TestUsualUpdate: the usual CockroachDB layout updates without complaint, and at
// each step a zone may be lost, not a region.
func TestUsualUpdate(t *testing.T) {
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	w.image = "B"
	p := w.build()
	if len(p.Refusals) > 0 {
		t.Fatalf("refused:\n%s", text(p))
	}
	n := 0
	for _, s := range p.Steps {
		if !s.Disruptive() {
			continue
		}
		n++
		e := s.Exposure
		if !e.Survives["node"] || !e.Survives["zone"] || e.Survives["region"] || len(e.Survives) != 3 || e.Slack != 1 {
			t.Errorf("step %s leaves %v, slack %d", s.ID, e.Survives, e.Slack)
		}
	}
	if n != 9 || p.Summary.Disruptive != 9 {
		t.Errorf("%d disruptive steps, %d in the summary", n, p.Summary.Disruptive)
	}
}
