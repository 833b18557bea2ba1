// Command bench measures what quorate promises about time and memory, in one run, beside the tools that
// people have, and prints the ratios as a table. `make bench` runs it.
//
// It starts a sandbox of three real control planes, measures, and ends it. Of repeated measurements it takes the
// median; of a cost that can only be made larger by whatever else the machine does (start-up, plans, memory), the least.
// Nothing passes or fails here: tests count round trips, compare bytes, and do not measure time.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are what a run is told.
type options struct {
	quorate, sandbox string // binaries
	record           string // the file to write the table to; empty: none
	version          string
	only             string // one row; empty: all
}

func main() {
	var o options
	flag.StringVar(&o.quorate, "quorate", "bin/quorate", "the quorate `binary`")
	flag.StringVar(&o.sandbox, "sandbox", "bin/sandbox", "the sandbox `binary`")
	flag.StringVar(&o.record, "record", "", "write the table into this `file` and add the run to its history")
	flag.StringVar(&o.version, "version", "dev", "what to call this version in the history")
	flag.StringVar(&o.only, "only", "", "measure one `row` alone: start-up, build, apply, plan, rollout, load, update or names")
	names := flag.Int("serve-names", 0, "serve so many names until standard input ends: what a run starts for the rows about names")
	flag.Parse()
	if *names > 0 {
		if err := serveNames(context.Background(), *names, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1) //nolint:forbidigo // this is main
		}
		return
	}
	if err := run(o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// limit bounds the whole run.
const limit = 15 * time.Minute

func run(o options, out, narration io.Writer) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "quorate-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is a temporary directory
	b, err := newBench(ctx, o, dir, narration)
	if err != nil {
		return err
	}
	defer func() {
		if downErr := b.down(); err == nil {
			err = downErr
		}
	}()
	t := table{machine: machine()}
	for _, m := range measurements() {
		if o.only != "" && o.only != m.name {
			continue
		}
		fmt.Fprintf(narration, "bench: %s\n", m.says)
		rows, err := m.measure(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", m.says, err)
		}
		t.rows = append(t.rows, rows...)
	}
	fmt.Fprint(out, t.text())
	if o.record == "" {
		return nil
	}
	return record(o.record, t, o.version, time.Now())
}

// measurement is one group of rows.
type measurement struct {
	name, says string
	measure    func(context.Context, *bench) ([]row, error)
}

func measurements() []measurement {
	return []measurement{
		{"start-up", "start-up of version", startUp},
		{"build", "render and build of 3, 30, 300 and 1,000 clusters", builds},
		{"apply", "re-apply of three clusters that are as they should be", reapply},
		{"plan", "plan over 3, 30 and 100 clusters, 100 ms away", plans},
		{"rollout", "a rollout over three clusters", rolloutTime},
		{"load", "queries, beside other name servers", load},
		{"update", "updates into BIND, beside nsupdate", updates},
		{"names", "an authority with 100,000 names", manyNames},
	}
}

// absolute makes the binaries' paths independent of the working directory.
func (o *options) absolute() (err error) {
	for _, binary := range []*string{&o.quorate, &o.sandbox} {
		if *binary, err = filepath.Abs(*binary); err != nil {
			return err
		}
		if _, err := os.Stat(*binary); err != nil {
			return fmt.Errorf("%w: `make build` builds it", err)
		}
	}
	return nil
}
