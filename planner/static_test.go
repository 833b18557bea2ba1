package planner_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// static is three members, one in each region, all of which every pod is told.
const (
	static     = "us: use1*1; west: usw1*1; eu: euw1*1"
	staticPlan = "survive: {failure: region}"
)

// addStatic adds a database of which every replica votes in one group from the first
// start on, and that no command initialises.
func addStatic(t *testing.T, all map[string]func() *world) {
	t.Helper()
	usual := func() *regions.Topology { return deployment(t, "etcd", static, staticPlan) }
	maps.Copy(all, map[string]func() *world{
		"static-install": func() *world { return newWorld(t, usual(), "A") },
		// One member is ready, and there is no quorum: the installation goes on.
		"static-install-after-first-region": func() *world { return crashed(t, usual(), "use1/names") },
		"static-install-corrected":          func() *world { return crashed(t, usual(), "use1/names").change(to("B")) },
		// Two members serve, and the third was never made: it counts as down.
		"static-install-with-a-quorum": func() *world { return crashed(t, usual(), "usw1/names") },
		"static-install-unrecorded":    func() *world { return crashed(t, usual(), "gate") },
		"static-update":                func() *world { return installed(t, usual()).change(to("B")) },
		"static-repair": func() *world {
			return installed(t, usual()).change(to("C")).change(func(w *world) { w.put("usw1/bank", "template=Z partition=0 pods=Z!") })
		},
		"static-take-over": func() *world { return installed(t, usual()).change(byHand) },
	})
}

// After kubectl apply -k nothing is on record: the plan shows ownership, the hold and the
// record, and takes nothing down.
func TestStaticTakeOver(t *testing.T) {
	w := installed(t, deployment(t, "etcd", static, staticPlan)).change(byHand)
	p := w.build()
	if len(p.Refusals) > 0 || p.Summary.Disruptive > 0 || !p.Promise.InForce {
		t.Fatalf("got\n%s", text(p))
	}
	for _, s := range p.Steps {
		hold := s.Kind == planner.KindPartition && s.Payload.Ordinal == nil
		if s.Kind != planner.KindApply && s.Kind != planner.KindNamespace && s.Kind != planner.KindHook && !hold {
			t.Errorf("step %s (%s) is planned: %s", s.ID, s.Kind, s.Summary)
		}
	}
	if !slices.ContainsFunc(p.Steps, func(s planner.Step) bool { return s.Payload.Hook == planner.HookClusterID }) {
		t.Error("the database's own ID is not recorded")
	}
}

// At rest a region may be lost, while a member restarts nothing more, and between two
// members a region again: the plan says so step by step.
func TestStaticExposure(t *testing.T) {
	w := installed(t, deployment(t, "etcd", static, staticPlan)).change(to("B"))
	p := w.build()
	if p.Promise.Failure != regions.FailureRegion || p.Promise.WhileUpdating != regions.FailureNone || !p.Promise.AtRest.Survives[regions.FailureRegion] {
		t.Errorf("the promise is %+v", p.Promise)
	}
	between, taken := 0, 0
	for _, s := range p.Steps {
		switch {
		case s.Disruptive():
			taken++
			if s.Exposure.Survives[regions.FailureNode] || s.Exposure.Slack != 0 {
				t.Errorf("step %s leaves %s", s.ID, s.Exposure)
			}
			if !strings.Contains(s.Why, "moves leadership away first, if it leads") {
				t.Errorf("step %s does not tell of leadership: %s", s.ID, s.Why)
			}
		case s.Kind == planner.KindSoak || s.Kind == planner.KindProbe:
			between++
			if s.Exposure == nil || !s.Exposure.Survives[regions.FailureRegion] {
				t.Errorf("step %s leaves %v", s.ID, s.Exposure)
			}
		}
	}
	if taken != 3 || between != 7 {
		t.Errorf("%d steps take a member down, %d are between", taken, between)
	}
}

// The list of members is part of every pod, so that another one would restart all of
// them and add nobody.
func TestChangedMembersAreRefused(t *testing.T) {
	installedOnce := func() *world { return installed(t, deployment(t, "etcd", static, staticPlan)) }
	tests := map[string]struct {
		world *world
		codes []string
		says  string
	}{
		"a region more":          {installedOnce().change(grown(t, static+"; asia: as1*1")), []string{"members-changed"}, "added: as1/bank-0"},
		"a replica more":         {installedOnce().change(grown(t, "us: use1*2; west: usw1*2; eu: euw1*1")), []string{"members-changed"}, "added: use1/bank-1, usw1/bank-1"},
		"and a new template":     {installedOnce().change(grown(t, "us: use1*2; west: usw1*2; eu: euw1*1")).change(to("B")), []string{"members-changed"}, "added: use1/bank-1, usw1/bank-1"},
		"regions in other order": {installedOnce().change(grown(t, "eu: euw1*1; us: use1*1; west: usw1*1")), nil, ""},
		"after the first start":  {crashed(t, deployment(t, "etcd", static, staticPlan), "use1/names").change(grown(t, static+"; asia: as1*1")), []string{"members-changed"}, "added: as1/bank-0"},
		"before the first start": {crashed(t, deployment(t, "etcd", static, staticPlan), "use1/apply").change(grown(t, static+"; asia: as1*1")), nil, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := test.world.build()
			if got := refused(p); !slices.Equal(got, test.codes) {
				t.Fatalf("refused with %v, want %v\n%s", got, test.codes, text(p))
			}
			for _, r := range p.Refusals {
				if !strings.Contains(r.Message, test.says) || !strings.Contains(r.Message, "not supported yet") || r.Hint == "" {
					t.Errorf("it says %q, %q", r.Message, r.Hint)
				}
			}
			for _, s := range p.Steps {
				if len(test.codes) == 0 && s.Disruptive() {
					t.Errorf("step %s restarts somebody", s.ID)
				}
			}
		})
	}
}

// A member that lost its data may not come back under its old identity: it could vote a second time.
func TestEmptiedMemberIsRefused(t *testing.T) {
	p := installed(t, deployment(t, "etcd", static, staticPlan)).change(wipe("euw1")).build()
	if got := refused(p); !slices.Equal(got, []string{"member-lost-its-data"}) {
		t.Errorf("refused with %v:\n%s", got, text(p))
	}
}

// The same where the StatefulSet and its volumes were deleted and the record was left: it was
// made once, so that its members are not such as never started.
func TestDeletedMembersAreRefused(t *testing.T) {
	gone := func(w *world) { delete(w.clusters["euw1"].sets, "bank") }
	p := installed(t, deployment(t, "etcd", static, staticPlan)).change(gone).build()
	if got := refused(p); !slices.Equal(got, []string{"member-lost-its-data"}) || !strings.Contains(p.Refusals[0].Message, "StatefulSet bank") {
		t.Errorf("refused with %v:\n%s", got, text(p))
	}
	kept := installed(t, deployment(t, "etcd", static, staticPlan)).change(gone).change(func(w *world) { w.leaveVolumes("euw1", 1) })
	if got := refused(kept.build()); len(got) != 0 {
		t.Errorf("with its volume it is refused with %v", got)
	}
}

// Where nobody serves, nobody tells which database it is: what is down is mended before.
func TestRecordWaitsForTheMending(t *testing.T) {
	w := installed(t, deployment(t, "etcd", static, staticPlan)).change(to("C"))
	for name, k := range w.clusters {
		k.state.Record.Database.ClusterID = ""
		w.put(name+"/bank", "template=Z partition=0 pods=Z!")
	}
	p := w.build()
	at := func(id string) int {
		return slices.IndexFunc(p.Steps, func(s planner.Step) bool { return s.ID == id })
	}
	if record, mended := at("record"), at("euw1/partition/bank-0"); record < 0 || mended < 0 || record < mended {
		t.Errorf("record is step %d, the last mending %d:\n%s", record, mended, text(p))
	}
}

// A member that was never made counts in the arithmetic of a static cluster.
func TestStaticQuorumCountsEveryMember(t *testing.T) {
	w := crashed(t, deployment(t, "etcd", "us: use1*2; west: usw1*2; eu: euw1*1", staticPlan), "usw1/names")
	w.put("usw1/bank", "pods=A,A~")
	p := w.build()
	if !p.Promise.InForce || p.Promise.Now.Slack != 0 || p.Promise.AtRest.Slack != 2 {
		t.Errorf("three of five serve: %+v", p.Promise)
	}
	w.put("usw1/bank", "pods=A~,A~")
	if p := w.build(); p.Promise.InForce {
		t.Errorf("two of five serve, which is no database: %+v", p.Promise)
	}
}

// TestUpgradeNote: what is known of a new minor version is said once, of a patch nothing.
func TestUpgradeNote(t *testing.T) {
	for image, noted := range map[string]bool{"v3.7.3": true, "v3.6.17": false, "v4.0.0": true, "v3.5.9": false, "3.7.3": true} {
		w := installed(t, deployment(t, "etcd", static, staticPlan))
		for _, k := range w.clusters {
			k.sets["bank"].image, k.sets["bank"].current, k.sets["bank"].history = "v3.6.16", "v3.6.16", []string{"v3.6.16"}
			k.sets["bank"].pods[0].image = "v3.6.16"
		}
		w.image = image
		n := 0
		for _, note := range w.build().Notes {
			if strings.Contains(note, "etcd v3.6 → v") && strings.Contains(note, "snapshot") {
				n++
			}
		}
		if n > 1 || (n == 1) != noted {
			t.Errorf("%s is noted %d times", image, n)
		}
	}
}
