package main

import (
	"context"
	"time"
)

// startUp measures the whole process of `quorate version`.
func startUp(ctx context.Context, b *bench) ([]row, error) {
	const times = 20
	var memory int64
	all, err := repeat(times, func() (time.Duration, error) {
		f, err := b.exec(ctx, b.quorate, "version")
		memory = f.memory
		return f.wall, err
	})
	if err != nil {
		return nil, err
	}
	return []row{{
		key: "start-up", what: "start-up of `version`, the least of 20", ours: milliseconds(all[0]) + ", " + megabytes(memory), aim: "≤ 40 ms",
	}}, nil
}
