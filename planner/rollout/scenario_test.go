package rollout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner/rollout"
)

// worlds are the kinds of controller that a rollout meets.
func worlds() map[string]options {
	parallel, off, slow := defaults(), defaults(), defaults()
	off.gateOff = true
	slow.controllerLag, slow.watchLag, slow.nameLag = 4*time.Second, 8*time.Second, 5*time.Second
	return map[string]options{"parallel": parallel, "gate-off": off, "laggard": slow}
}

// everywhere runs a scenario in each kind of world.
func everywhere(t *testing.T, scenario func(*fleet)) {
	t.Helper()
	for name, opts := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			simulate(t, opts, scenario)
		})
	}
}

// installed starts a scenario with a database at version one.
func installed(f *fleet) wanted {
	w := want(imageOne)
	f.mustApply(w, "install")
	f.settled(w)
	return w
}

func TestInstall(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) { installed(f) })
}

// Regions start in rollout order, each when the one before runs and is named.
func TestInstallInRegionOrder(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		last := -1
		for _, line := range f.log {
			for i, cluster := range rolloutOrder {
				if !strings.Contains(line, " "+cluster+"/bank-") || !strings.Contains(line, "created at") {
					continue
				}
				if i < last {
					t.Errorf("%s after a later region: %s", cluster, line)
				}
				last = i
			}
		}
		if last != len(rolloutOrder)-1 {
			t.Errorf("the last region was not seen")
		}
	})
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		f.mustApply(two, "update")
		f.settled(two)
		if got, expected := f.tookDown(), updateOrder(two); !slices.Equal(got, expected) {
			t.Errorf("taken down %v, want %v", got, expected)
		}
	})
}

// The gate of a profile without hooks is its replicas' readiness.
func TestUpdateWithoutGate(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		two.profile = func(p *kustomize.Profile) { p.Hooks.Gate = nil }
		f.mustApply(two, "update")
		f.settled(two)
	})
}

func TestUpdateWithMinReadySeconds(t *testing.T) {
	t.Parallel()
	opts := defaults()
	opts.minReady = 7
	simulate(t, opts, func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		f.mustApply(two, "update")
		f.settled(two)
	})
}

// stopped asserts that a run stopped with an account that holds every text.
func stopped(t *testing.T, err error, texts ...string) {
	t.Helper()
	var s *rollout.Stopped
	if !errors.As(err, &s) {
		t.Fatalf("the run ended with %v, want an account of where it stopped", err)
	}
	for _, text := range texts {
		if !strings.Contains(s.Account(), text) {
			t.Errorf("the account does not say %q:\n%s", text, s.Account())
		}
	}
}

func TestBrokenImageStopsAfterOneReplica(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		installed(f)
		began := time.Now()
		c := f.prepare(want(imageBad), "bad")
		stopped(t, c.execute(), "west/bank-2 does not start", imageBad, "west: bank 2 of 3 ready", "apply", "ImagePull")
		if took := time.Since(began); took > 3*time.Minute {
			t.Errorf("it took %s to say so", took)
		}
		if got := f.tookDown(); len(got) != 1 {
			t.Errorf("taken down: %v", got)
		}
		early := slices.ContainsFunc(c.events, func(e rollout.Event) bool {
			return e.Type == rollout.EventStepWait && strings.Contains(e.Message, "ErrImagePull") && strings.Contains(e.Message, imageBad)
		})
		if !early {
			t.Errorf("the image was not named while it waited")
		}
	})
}

func TestCorrectedTopologyRecovers(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		installed(f)
		_ = f.apply(want(imageBad), "bad")
		three := want(imageThree)
		f.mustApply(three, "good")
		f.settled(three)
	})
}

// Going back to the version before restarts the replica that had left it, alone.
func TestRollbackRestartsOnlyWhatHadLeft(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		one := installed(f)
		_ = f.apply(want(imageBad), "bad")
		f.mustApply(one, "back")
		f.settled(one)
		if got := f.tookDown(); len(got) != 1 {
			t.Errorf("taken down while serving: %v", got)
		}
	})
}

// A set with pod management OrderedReady does not replace a pod that is stuck.
// Its pods become ready without the database, which such a set needs to start at all.
func TestOrderedReady(t *testing.T) {
	t.Parallel()
	for _, gateOff := range []bool{false, true} {
		opts := defaults()
		opts.ordered, opts.gateOff, opts.selfReady = true, gateOff, true
		simulate(t, opts, func(f *fleet) {
			noInit := func(p *kustomize.Profile) { p.Hooks.Init, p.Hooks.Gate, p.Hooks.ClusterID = nil, nil, nil }
			w := func(image string) wanted { w := want(image); w.profile = noInit; return w }
			f.mustApply(w(imageOne), "install")
			f.database.initialised = true // from here on the rules hold
			f.mustApply(w(imageTwo), "update")
			_ = f.apply(w(imageBad), "bad")
			f.mustApply(w(imageThree), "good")
			for _, image := range f.images() {
				if image != imageThree {
					t.Errorf("a replica runs %s", image)
				}
			}
		})
	}
}

func (f *fleet) images() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, name := range f.names() {
		for _, p := range f.clusters[name].pods {
			out = append(out, p.image)
		}
	}
	return out
}

// A wrong image before anything was initialised is replaced at once, twice over.
func TestWrongImageAtInstallation(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		stopped(t, f.apply(want(imageBad), "bad"), "does not start")
		stopped(t, f.apply(want("other:broken"), "worse"), "does not start", "other:broken")
		f.mustApply(want(imageTwo), "good")
		f.settled(want(imageTwo))
	})
}
