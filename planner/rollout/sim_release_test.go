package rollout_test

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
)

// Release gives the partition to nobody: it falls back to 0.
func (p setsPort) Release(ctx context.Context, cluster, pool string, replicas int, version string) (string, error) {
	c := p.clusters[cluster]
	after := ""
	err := p.write(ctx, c, "release", func() error {
		s := c.sets[pool]
		p.permitted(cluster, "release")
		if version != strconv.Itoa(s.version) {
			return fmt.Errorf("%w: %s is at %d", rollout.ErrChanged, pool, s.version)
		}
		if replicas != s.spec.replicas {
			p.violation("release of %s/%s sets replicas %d → %d", cluster, pool, s.spec.replicas, replicas)
		}
		if freed := p.freed(s, 0); len(freed) > 0 {
			p.violation("release of %s/%s lets %v go", cluster, pool, freed)
		}
		s.lastWriter, s.lastWritten, s.released = p.id, time.Now(), true
		s.write(func(n *spec) { n.partition = 0 })
		after = strconv.Itoa(s.version)
		return nil
	})
	return after, err
}

// release prepares a run of `quorate release`, or of its taking back.
func (f *fleet) release(w wanted, id string, takeBack bool, clusters ...string) *command {
	f.t.Helper()
	in := f.input(w, id)
	return f.command(in, planner.BuildRelease(in, clusters, takeBack), id)
}
