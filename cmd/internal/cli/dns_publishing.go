package cli

import (
	"context"
	"fmt"
	"strings"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/planner"
)

// publishing writes the names into the primaries of the topology for as long as a run lasts: its gate asks them, or what
// follows them. The text says so, empty where there is nobody to be written to; the returned function ends it.
func (a *app) publishing(ctx context.Context, w *wired, observed []planner.Observation) (text string, end func() error, err error) {
	targets, err := w.targets(a.env)
	if err != nil || len(targets) == 0 {
		return "", func() error { return nil }, err
	}
	server, err := w.server(ctx, planner.Slots(w.input(observed)), w.names())
	if err != nil {
		return "", nil, fmt.Errorf("follow the names of %s: %w", w.topology.Spec.DNS.Zone, err)
	}
	known := func() (<-chan struct{}, error) { return nil, nil } // a run decides where the seed names point
	writer, err := w.writer(&followed{w: w, server: server, slotsKnown: known}, targets, nil, dns.Options{})
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 2)
	go func() { ended <- server.Run(ctx) }()
	go func() { ended <- writer.Run(ctx) }()
	end = func() error {
		cancel()
		first, second := <-ended, <-ended
		if first != nil {
			return first
		}
		return second
	}
	var servers []string
	for _, t := range targets {
		servers = append(servers, t.Server)
	}
	return "names are written into " + strings.Join(servers, ", ") + " while this runs\n", end, nil
}
