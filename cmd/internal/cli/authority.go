package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/dns/query"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
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
		return w.standing(), "names are asked at " + strings.Join(servers, ", "), func() error { return nil }, nil
	}
	server, err := w.server(planner.Slots(w.input(observed)))
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
	if err := waitSynced(ctx, server); err != nil {
		return authority{}, "", nil, errors.Join(err, stop())
	}
	text := fmt.Sprintf("names are served at %s by this process only", address)
	return authority{client: query.Client{}, servers: []string{address}}, text, stop, nil
}

// syncTimeout bounds the first reading of all clusters.
const syncTimeout = 30 * time.Second

func waitSynced(ctx context.Context, server interface{ WaitSynced(context.Context) error }) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	return server.WaitSynced(ctx)
}
