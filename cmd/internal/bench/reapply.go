package main

import (
	"context"
	"path/filepath"
	"time"
)

// reapply measures an apply that finds nothing to do against kubectl's of the same overlays, one cluster after the
// other. Each has a deployment of its own, so that neither takes the other's fields.
func reapply(ctx context.Context, b *bench) ([]row, error) {
	if err := b.up(ctx); err != nil {
		return nil, err
	}
	ours, err := b.write("again.yaml", three("again", "v25.4.1", ", gateInterval: 1s").topology())
	if err != nil {
		return nil, err
	}
	theirs, err := b.write("plain.yaml", three("plain", "v25.4.1", "").topology())
	if err != nil {
		return nil, err
	}
	rendered := filepath.Join(b.dir, "plain")
	if _, err := b.exec(ctx, b.quorate, "render", "-f", theirs, "-o", rendered); err != nil {
		return nil, err
	}
	apply := func() (time.Duration, error) {
		f, err := b.exec(ctx, b.quorate, "apply", "-f", ours, "--auto-approve")
		return f.wall, err
	}
	kubectl := func() (time.Duration, error) {
		var took time.Duration
		for _, c := range clusters {
			f, err := b.exec(ctx, b.kubectl, "--context", c.name, "apply", "--server-side", "-k", filepath.Join(rendered, "overlays", c.name))
			if err != nil {
				return 0, err
			}
			took += f.wall
		}
		return took, nil
	}
	if _, _, err := inTurn(2, apply, kubectl); err != nil { // installs, and warms
		return nil, err
	}
	const times = 9
	we, they, err := inTurn(times, apply, kubectl)
	if err != nil {
		return nil, err
	}
	return []row{{
		key: "apply", what: "unchanged apply of three clusters", ours: milliseconds(we),
		against: "`kubectl apply --server-side -k`, three times: " + milliseconds(they), ratio: ratio(we, they), aim: "≤ 150 ms",
	}}, nil
}
