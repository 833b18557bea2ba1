package rollout_test

import (
	"os"
	"testing"

	"quorate.dev/quorate/kustomize"
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
	bare, bareBigger := withoutLooks(small(imageOne)), withoutLooks(bigger)
	return []kind{
		{"install", func(*fleet) {}, small(imageOne)},
		{"install-inside", func(*fleet) {}, wantInside(imageOne)},
		{"update", one, small(imageTwo)},
		{"scale-out", one, bigger},
		{"scale-out-bare", func(f *fleet) { f.mustApply(bare, "install") }, bareBigger},
		{"static-install", func(*fleet) {}, wantEtcd(etcdOne)},
		{"handover", func(f *fleet) { installedEtcd(f, nil, "west/bank-0") }, wantEtcd(etcdTwo)},
		{"recovery", func(f *fleet) { one(f); _ = f.apply(small(imageBad), "bad") }, small(imageThree)},
	}
}

// withoutLooks is a database that nothing asks about its health, and no soak: there is
// nothing to make sure of it with but its replicas being ready.
func withoutLooks(w wanted) wanted {
	w.soak = "0s"
	w.profile = func(p *kustomize.Profile) { p.Hooks.Gate = nil }
	return w
}

// thorough: every crash point and many histories are tried, as `make soak` does.
func thorough() bool { return os.Getenv("QUORATE_SEEDS") != "" }

// every is the distance between crash points where that many lie between two that are tried.
func every(sampled int) int {
	if thorough() {
		return 1
	}
	return sampled
}

// crashPoint is the n-th write of a kind, from 1; no kind: of any.
type crashPoint struct {
	op  string
	nth int
}

// at is the fault of a run that is killed there.
func (p crashPoint) at(f fault) func(string, int) fault {
	seen := 0
	return func(op string, _ int) fault {
		if p.op != "" && op != p.op {
			return fine
		}
		if seen++; seen == p.nth {
			return f
		}
		return fine
	}
}

// recorder keeps the kinds of a run's writes, in order.
type recorder []string

func (r *recorder) fault(op string, _ int) fault {
	*r = append(*r, op)
	return fine
}

// points are where runs with these writes are killed: all of them where that is asked for; else
// one in so many, and of every kind the first, or for a crash after the write the last.
// Renewals come with time and not with what is done: one of them is enough.
func (r recorder) points(f fault, distance int) []crashPoint {
	var out []crashPoint
	count, total := map[string]int{}, map[string]int{}
	for _, op := range r {
		total[op]++
	}
	for i, op := range r {
		count[op]++
		end := count[op] == 1
		if f == crashAfter && op != "renew" {
			end = count[op] == total[op]
		}
		if thorough() || end || op != "renew" && i%distance == distance/2 {
			out = append(out, crashPoint{op, count[op]})
		}
	}
	return out
}

// After a crash before or after any write, the same command ends in the same state.
func TestCrashAtEveryWrite(t *testing.T) {
	eachCrash(t, 23, []fault{crashBefore, crashAfter}, func(f *fleet, k kind) *command { return f.prepare(k.wanted, "killed") },
		func(f *fleet, k kind) { f.mustApply(k.wanted, "again") })
}

// eachCrash kills a command of every kind at its crash points, goes on, and checks where that leads.
func eachCrash(t *testing.T, distance int, faults []fault, begin func(*fleet, kind) *command, goOn func(*fleet, kind)) {
	for _, k := range kinds() {
		for _, f := range faults {
			name := k.name + "/before"
			if f == crashAfter {
				name = k.name + "/after"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var writes recorder
				c := crash{k, begin, goOn}
				c.run(t, 1, writes.fault)
				points := writes.points(f, distance)
				if len(writes) < 20 || len(points) < 5 {
					t.Errorf("only %d writes and %d crash points", len(writes), len(points))
				}
				reached := map[string]bool{}
				for i, point := range points {
					if c.run(t, uint64(i+1), point.at(f)) {
						reached[point.op] = true
					}
				}
				for _, op := range writes {
					if !reached[op] && !c.run(t, 1, crashPoint{op, 1}.at(f)) {
						t.Errorf("no run was killed at a write of kind %s", op)
					}
				}
				t.Logf("%d writes, %d crash points", len(writes), len(points))
			})
		}
	}
}

// crash is a command that is killed, and what follows it.
type crash struct {
	kind
	begin func(*fleet, kind) *command
	goOn  func(*fleet, kind)
}

// run runs the command under a fault; where that killed it, what follows leads to the
// end that the command would have had. It is false where the command ended before.
func (c crash) run(t *testing.T, seed uint64, f func(string, int) fault) (reached bool) {
	t.Helper()
	opts := defaults()
	opts.seed = seed
	opts.gateOff = seed%2 == 0
	opts.nameLag = 2 * opts.nameLag
	simulate(t, opts, func(world *fleet) {
		c.prepared(world)
		killed := c.begin(world, c.kind)
		killed.fault = f
		err := killed.execute()
		if reached = killed.dead; !reached {
			if err != nil {
				t.Errorf("without a crash it ends with %v", account(err))
			}
			return
		}
		c.goOn(world, c.kind)
		world.settled(c.wanted)
	})
	return reached
}
