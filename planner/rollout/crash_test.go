package rollout_test

import (
	"testing"
)

// kind is one command to be interrupted: what was true before it, and what it wants.
type kind struct {
	name     string
	prepared func(*fleet)
	wanted   wanted
}

// The fleet is the smallest that survives a region, so that there are few writes to try.
func kinds() []kind {
	small := func(image string) wanted {
		w := want(image)
		w.replicas = map[string]int{"east": 2, "west": 2, "north": 1}
		return w
	}
	bigger := small(imageOne)
	bigger.replicas = map[string]int{"east": 3, "west": 2, "north": 2}
	one := func(f *fleet) { f.mustApply(small(imageOne), "install") }
	return []kind{
		{"install", func(*fleet) {}, small(imageOne)},
		{"install-inside", func(*fleet) {}, wantInside(imageOne)},
		{"update", one, small(imageTwo)},
		{"scale-out", one, bigger},
		{"static-install", func(*fleet) {}, wantEtcd(etcdOne)},
		{"handover", func(f *fleet) { installedEtcd(f, nil, "west/bank-0") }, wantEtcd(etcdTwo)},
		{"recovery", func(f *fleet) { one(f); _ = f.apply(small(imageBad), "bad") }, small(imageThree)},
	}
}

// every is the distance between the crash points that are tried: all of them, but
// in a short or race-detected run only some.
func every() int {
	switch {
	case testing.Short():
		return 11
	case raceEnabled:
		return 5
	}
	return 1
}

// After a crash before or after any write, the same command ends in the same state.
func TestCrashAtEveryWrite(t *testing.T) {
	for _, k := range kinds() {
		for _, f := range []fault{crashBefore, crashAfter} {
			name := k.name + "/before"
			if f == crashAfter {
				name = k.name + "/after"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				points := 0
				for at := 1; crashAt(t, k, f, at); at += every() {
					points++
				}
				if points < 50/every() {
					t.Errorf("only %d crash points", points)
				}
				t.Logf("%d crash points", points)
			})
		}
	}
}

// crashAt runs a command, kills it at its n-th write and runs it again. It is
// false where the command ended before.
func crashAt(t *testing.T, k kind, f fault, n int) (reached bool) {
	t.Helper()
	opts := defaults()
	opts.seed = uint64(n)
	opts.gateOff = n%2 == 0
	opts.nameLag = 2 * opts.nameLag
	simulate(t, opts, func(world *fleet) {
		k.prepared(world)
		c := world.prepare(k.wanted, "killed")
		c.fault = func(_ string, number int) fault {
			if number == n {
				return f
			}
			return fine
		}
		err := c.execute()
		if reached = c.dead; !reached {
			if err != nil {
				t.Errorf("without a crash it ends with %v", account(err))
			}
			return
		}
		world.mustApply(k.wanted, "again")
		world.settled(k.wanted)
	})
	return reached
}
