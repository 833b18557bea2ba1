package rollout_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// A static cluster is installed region by region, though its replicas are ready before
// there is a quorum, and its own ID is put on record.
func TestStaticInstall(t *testing.T) {
	t.Parallel()
	for name, replicas := range map[string]map[string]int{"three": nil, "five": five()} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(f *fleet) { installedEtcd(f, replicas, "") })
		})
	}
}

// A second database under the same name is found out before anything is taken down.
func TestAnotherDatabase(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		two := installedEtcd(f, nil, "east/bank-0").at(etcdTwo)
		f.do(func() { f.database.other = "1234567890123456789" })
		stopped(t, f.apply(two, "update"), "west", "1234567890123456789", etcdID)
		if got := f.tookDown(); len(got) != 0 {
			t.Errorf("taken down: %v", got)
		}
	})
}

// An edit of who the members are changes nothing.
func TestMembersChange(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		more := installedEtcd(f, nil, "east/bank-0").at(etcdTwo)
		more.replicas = map[string]int{"east": 2, "west": 1, "north": 2}
		c := f.prepare(more, "more")
		if len(c.plan.Refusals) == 0 || c.plan.Refusals[0].Code != "members-changed" {
			t.Fatalf("refused with %v", c.plan.Refusals)
		}
		if err := c.execute(); err == nil || len(f.tookDown()) > 0 {
			t.Errorf("it ran: %v", err)
		}
	})
}

// A wrong flag before there is a quorum: the replicas are ready, and are replaced all
// the same, since nothing is served yet.
func TestStaticInstallCorrected(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		c := f.prepare(wantEtcd(etcdOne), "first")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepDone && e.Step == "west/running" {
				_ = c.crash()
			}
		}
		_ = c.execute()
		time.Sleep(2 * leaseTTL)
		two := wantEtcd(etcdTwo)
		f.mustApply(two, "second")
		f.settled(two)
	})
}

// A run that dies when two of three regions serve leaves a database that holds data
// and lacks a member that was never made: it is started before anything else.
func TestStaticInstallCrashesWithAQuorum(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		c := f.prepare(wantEtcd(etcdOne), "first")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepDone && e.Step == "east/names" {
				_ = c.crash()
			}
		}
		_ = c.execute()
		time.Sleep(2 * leaseTTL)
		f.do(func() {
			if !f.database.initialised {
				t.Error("no quorum")
			}
		})
		again := f.prepare(wantEtcd(etcdOne), "second")
		if !again.plan.Promise.InForce || again.plan.Promise.Now.Slack != 0 {
			t.Errorf("the promise is %+v", again.plan.Promise)
		}
		if err := again.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(wantEtcd(etcdOne))
	})
}

// A region that is away while the update soaks, with all replicas up before, is waited for.
func TestRegionLostWhileSoaking(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		two := installedEtcd(f, nil, "east/bank-0").at(etcdTwo)
		c := f.prepare(two, "update")
		for _, s := range c.plan.Steps {
			if s.Kind == planner.KindSoak && (s.Exposure == nil || !s.Exposure.Survives[regions.FailureRegion]) {
				t.Errorf("step %s does not say that a region may be lost", s.ID)
			}
			if s.Disruptive() && s.Exposure.Survives[regions.FailureNode] {
				t.Errorf("step %s says that more may be lost", s.ID)
			}
		}
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && e.Step == "west/partition/bank-0/soak" {
				f.darken("north", true)
				f.byHand("north", 0)
				f.after(2*time.Minute, func() { f.darken("north", false) })
			}
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(two)
	})
}

// Members that the others do not reach any more stay ready, since readiness needs no
// quorum: their region is cut off while the update soaks, and nobody else is taken down.
func TestRegionCutOffWhileSoaking(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		two := installedEtcd(f, five(), "north/bank-0").at(etcdTwo)
		c := f.prepare(two, "update")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && e.Step == "west/partition/bank-1/soak" {
				f.database.cut = map[regions.ReplicaID]bool{{Cluster: "east", Pool: "bank"}: true, {Cluster: "east", Pool: "bank", Ordinal: 1}: true}
				f.after(4*time.Minute, func() { f.database.cut = nil })
			}
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(two)
		if !slices.ContainsFunc(c.events, func(e rollout.Event) bool {
			return e.Type == rollout.EventStepWait && e.Step == "west/partition/bank-0" && strings.Contains(e.Message, "bank-0.east")
		}) {
			t.Error("nobody was told what it waits for")
		}
	})
}
