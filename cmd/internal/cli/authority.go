package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/dns/query"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
)

// authority asks name servers over the wire; all of them must agree.
type authority struct {
	client  query.Client
	servers []string // host:port
	inside  *inside  // those inside the clusters; nil: there are none
}

var _ rollout.Authority = authority{}

// lookupTimeout bounds the questions about one name to all servers outside of the clusters.
const lookupTimeout = 2 * time.Second

// told is what one server gives for a name.
type told struct {
	server    string
	addresses []string // sorted
}

// Lookup returns the addresses that every server gives for the name, those inside the
// clusters included.
func (a authority) Lookup(ctx context.Context, name string) ([]string, error) {
	all, err := a.askServers(ctx, name)
	if err != nil {
		return nil, err
	}
	if a.inside != nil {
		more, err := a.inside.ask(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return agreed(all)
}

func (a authority) askServers(ctx context.Context, name string) ([]told, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var all []told
	for _, server := range a.servers {
		answer, err := a.client.LookupAddresses(ctx, server, name)
		if err != nil {
			return nil, err
		}
		got, err := authoritative(server, name, answer)
		if err != nil {
			return nil, err
		}
		all = append(all, got)
	}
	return all, nil
}

// Answers asks every ready replica of the authority inside the cluster.
func (a authority) Answers(ctx context.Context, cluster string) error {
	if a.inside == nil {
		return errors.New("the topology has no authority inside its clusters")
	}
	return a.inside.answers(ctx, cluster)
}

// agreed is what all of them give.
func agreed(all []told) ([]string, error) {
	if len(all) == 0 {
		return nil, errors.New("there is no authority to ask")
	}
	for _, other := range all[1:] {
		if !slices.Equal(other.addresses, all[0].addresses) {
			return nil, fmt.Errorf("%s answers %s, %s answers %s", all[0].server, listed(all[0].addresses), other.server, listed(other.addresses))
		}
	}
	return all[0].addresses, nil
}

func listed(addresses []string) string {
	if len(addresses) == 0 {
		return "no address"
	}
	return strings.Join(addresses, " ")
}

// authoritative takes an answer that proves something: with authority, and not a failure.
func authoritative(server, name string, answer query.Answer) (told, error) {
	if err := proves(server, name, answer.Authoritative, answer.Rcode); err != nil {
		return told{}, err
	}
	return told{server, texts(answer.Addresses)}, nil
}

// provesNothing is of an answer that came, and says nothing of the zone.
type provesNothing struct{ error }

// proves is nil of an answer that speaks for the zone.
func proves(server, name string, authoritative bool, rcode string) error {
	if !authoritative {
		return provesNothing{fmt.Errorf("%s does not answer %s with authority (%s)", server, name, rcode)}
	}
	if rcode != "NOERROR" && rcode != "NXDOMAIN" {
		return provesNothing{fmt.Errorf("%s answers %s with %s", server, name, rcode)}
	}
	return nil
}

func texts(addresses []netip.Addr) []string {
	out := make([]string, 0, len(addresses))
	for _, address := range addresses {
		out = append(out, address.String())
	}
	slices.Sort(out)
	return out
}

// authority is the topology's standing one, or a server in this process where it
// names none, which the planner allows in a sandbox alone. The returned text says
// which; the returned function ends the server.
func (w *wired) authority(ctx context.Context, observed []planner.Observation) (authority, string, func() error, error) {
	if standing, where, ok := w.standing(); ok {
		return standing, where, func() error { w.closeTunnels(); return nil }, nil
	}
	server, err := w.server(ctx, planner.Slots(w.input(observed)), w.names())
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

// standing is the authority that the topology names: servers by their addresses, those
// inside the clusters, or both.
func (w *wired) standing() (authority, string, bool) {
	servers := w.topology.NameServers()
	out := w.asking(servers...)
	var where []string
	if len(servers) > 0 {
		where = append(where, "at "+strings.Join(servers, ", "))
	}
	if w.topology.AuthorityInCluster() != nil {
		out.inside = w.inside()
		where = append(where, "inside "+strings.Join(w.names(), ", "))
	}
	return out, "names are asked " + strings.Join(where, " and "), len(where) > 0
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
