package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/dns/query"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// authority asks name servers over the wire; all of them must agree.
type authority struct {
	client  query.Client
	servers []string // host:port
}

var _ rollout.Authority = authority{}

// lookupTimeout bounds one question to one server.
const lookupTimeout = 2 * time.Second

// Lookup returns the addresses that every server gives for the name.
func (a authority) Lookup(ctx context.Context, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var agreed []string
	for i, server := range a.servers {
		got, err := a.ask(ctx, server, name)
		if err != nil {
			return nil, err
		}
		if i > 0 && !slices.Equal(got, agreed) {
			return nil, fmt.Errorf("%s answers %s, %s answers %s", a.servers[0], strings.Join(agreed, " "), server, strings.Join(got, " "))
		}
		agreed = got
	}
	return agreed, nil
}

func (a authority) ask(ctx context.Context, server, name string) ([]string, error) {
	answer, err := a.client.LookupAddresses(ctx, server, name)
	if err != nil {
		return nil, err
	}
	if !answer.Authoritative {
		return nil, fmt.Errorf("%s does not answer %s with authority (%s)", server, name, answer.Rcode)
	}
	if answer.Rcode != "NOERROR" && answer.Rcode != "NXDOMAIN" {
		return nil, fmt.Errorf("%s answers %s with %s", server, name, answer.Rcode)
	}
	out := make([]string, 0, len(answer.Addresses))
	for _, address := range answer.Addresses {
		out = append(out, address.String())
	}
	slices.Sort(out)
	return out, nil
}

// authority is the topology's standing one, or a server in this process where it
// names none, which the planner allows in a sandbox alone. The returned text says
// which; the returned function ends the server.
func (w *wired) authority(ctx context.Context, observed []planner.Observation) (authority, string, func() error, error) {
	if servers := w.topology.Spec.DNS.Authorities; len(servers) > 0 {
		return w.asking(servers...), "names are asked at " + strings.Join(servers, ", "), func() error { return nil }, nil
	}
	server, err := w.server(planner.Slots(w.input(observed)), w.names())
	if err != nil {
		return authority{}, "", nil, fmt.Errorf("start the authority of %s: %w", w.topology.Spec.DNS.Zone, err)
	}
	address, err := server.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return authority{}, "", nil, fmt.Errorf("start the authority of %s: %w", w.topology.Spec.DNS.Zone, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	stop := func() error { cancel(); return <-ended }
	if err := w.waitSynced(ctx, server); err != nil {
		return authority{}, "", nil, errors.Join(err, stop())
	}
	text := fmt.Sprintf("names are served at %s by this process only", address)
	return w.asking(address), text, stop, nil
}

const (
	// syncTimeout bounds the first reading of all clusters.
	syncTimeout = 30 * time.Second
	// syncQuiet is how long it may take without a word.
	syncQuiet = 2 * time.Second
	// slotsEvery is how often a standing server reads the recorded slots again.
	slotsEvery = 30 * time.Second
)

// waitSynced waits until the server has read every cluster once.
func (w *wired) waitSynced(ctx context.Context, server *serve.Server) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	quiet := time.AfterFunc(syncQuiet, func() {
		fmt.Fprintf(w.narration, "waiting for the endpoints of every cluster, at most %s\n", syncTimeout)
	})
	defer quiet.Stop()
	return server.WaitSynced(ctx)
}

// followSlots repoints the seed names of a standing server when the recorded slots
// change. A cluster that cannot be read keeps what is known.
func (w *wired) followSlots(ctx context.Context, server *serve.Server) {
	tick := time.NewTicker(slotsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := w.refreshSlots(ctx, server); err != nil {
			w.log.Warn("the recorded seed slots could not be read; the last known ones stay", "error", err)
		}
	}
}

func (w *wired) refreshSlots(ctx context.Context, server *serve.Server) error {
	var observed []planner.Observation
	for _, name := range w.names() {
		record, err := w.clusters[name].ReadRecord(ctx, w.scopes[name].Namespace, w.topology.Metadata.Name)
		if err != nil {
			return err
		}
		observed = append(observed, planner.Observation{Cluster: name, State: regions.ClusterState{Cluster: name, Record: record}})
	}
	return server.SetSlots(planner.Slots(w.input(observed)))
}
