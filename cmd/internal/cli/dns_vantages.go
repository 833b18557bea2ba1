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
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// The kinds of a vantage.
const (
	fromAuthority = "authority" // speaks for the zone
	fromResolver  = "resolver"  // may have an answer from a cache
	fromReplica   = "replica"   // a replica of the database, by the way it resolves names itself
)

// vantage is one place that names are asked for at.
type vantage struct {
	kind, label string
	parallel    int // how many names may be asked for at once
	// ask gives the addresses that are told there, or why there are none. errCannotAsk stands for all names.
	ask func(ctx context.Context, name string) ([]string, error)
}

// errCannotAsk is of a vantage that gives no answer to anything.
var errCannotAsk = errors.New("cannot be asked")

const (
	askTimeout     = 3 * time.Second
	execTimeout    = 10 * time.Second
	asksAtOnce     = 16 // at a name server
	lookupsAtOnce  = 4  // in a replica
	notFoundGetent = 2  // getent(1): a key could not be found
	notInImage     = 127
)

// vantages are every authority of the topology, the named resolvers, and where it is asked for a replica of every cluster.
func (w *wired) vantages(observed []planner.Observation, resolvers []string, fromClusters bool) []vantage {
	var out []vantage
	servers := slices.Clone(w.topology.Spec.DNS.Authorities)
	for _, p := range w.topology.Updated() {
		if !slices.Contains(servers, p.Server) {
			servers = append(servers, p.Server)
		}
	}
	for _, server := range servers {
		out = append(out, vantage{fromAuthority, "authority " + server, asksAtOnce, w.askAuthority(server)})
	}
	if w.topology.AuthorityInCluster() != nil {
		inside := w.inside()
		for _, cluster := range answering(observed) {
			out = append(out, vantage{fromAuthority, "authority inside " + cluster, lookupsAtOnce, askInside(inside, cluster)})
		}
	}
	for _, server := range resolvers {
		out = append(out, vantage{fromResolver, "resolver " + server, asksAtOnce, w.askResolver(server)})
	}
	if !fromClusters {
		return out
	}
	for _, o := range observed {
		if o.Unreachable == "" {
			out = append(out, w.replicaVantage(o))
		}
	}
	return out
}

func (w *wired) askAuthority(server string) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, name string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		answer, err := query.Client{}.LookupAddresses(ctx, server, name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCannotAsk, err)
		}
		told, err := authoritative(server, name, answer)
		return told.addresses, err
	}
}

func askInside(in *inside, cluster string) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, name string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, insideTimeout)
		defer cancel()
		told, err := in.askCluster(ctx, cluster, name)
		if err != nil {
			return nil, err
		}
		return agreed(told)
	}
}

func (w *wired) askResolver(server string) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, name string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		answer, err := query.Client{Recursive: true}.LookupAddresses(ctx, server, name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errCannotAsk, err)
		case answer.Rcode != "NOERROR" && answer.Rcode != "NXDOMAIN":
			return nil, fmt.Errorf("it answers %s", answer.Rcode)
		}
		return texts(answer.Addresses), nil
	}
}

// replicaVantage asks in the first ready replica of a cluster.
func (w *wired) replicaVantage(o planner.Observation) vantage {
	v := vantage{fromReplica, "inside " + o.Cluster, lookupsAtOnce, nil}
	for _, pod := range o.State.Pods {
		if pod.Up() {
			v.label += " (" + pod.ID.Pod() + ")"
			v.ask = w.askReplica(pod.ID)
			return v
		}
	}
	v.ask = func(context.Context, string) ([]string, error) {
		return nil, fmt.Errorf("%w: no replica is ready there, to ask in", errCannotAsk)
	}
	return v
}

// askReplica asks with what the image has: getent, which goes the way of every program, or nslookup. No shell takes part.
func (w *wired) askReplica(id regions.ReplicaID) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, name string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, execTimeout)
		defer cancel()
		bare := strings.TrimSuffix(name, ".") // as the database is told it
		result, err := podsPort{w}.Exec(ctx, id, []string{"getent", "ahosts", bare})
		switch {
		case lacks(err, result.ExitCode):
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errCannotAsk, err)
		case result.ExitCode == 0:
			return addressesOfGetent(result.Stdout), nil
		case result.ExitCode == notFoundGetent:
			return nil, nil
		default:
			return nil, fmt.Errorf("%w: getent ended with code %d: %s", errCannotAsk, result.ExitCode, strings.TrimSpace(result.Stderr))
		}
		result, err = podsPort{w}.Exec(ctx, id, []string{"nslookup", bare})
		if lacks(err, result.ExitCode) {
			return nil, fmt.Errorf("%w: the image has neither getent nor nslookup; `quorate preflight --probe-image` asks from a pod of its own", errCannotAsk)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCannotAsk, err)
		}
		return toldByNslookup(result)
	}
}

// toldByNslookup tells that there is no such name from a lookup that failed: nslookup ends with the same code at both.
func toldByNslookup(result rollout.ExecResult) ([]string, error) {
	addresses, said := addressesOfNslookup(result.Stdout), result.Stdout+result.Stderr
	denied := strings.Contains(said, "NXDOMAIN") || strings.Contains(said, "No answer") || strings.Contains(said, "No such") || strings.Contains(said, "can't resolve")
	if result.ExitCode != 0 && len(addresses) == 0 && !denied {
		return nil, fmt.Errorf("nslookup ended with code %d: %s", result.ExitCode, strings.Join(strings.Fields(said), " "))
	}
	return addresses, nil
}

// lacks tells that a command is not in the image.
func lacks(err error, code int) bool {
	return err != nil && strings.Contains(err.Error(), "executable file not found") || err == nil && code == notInImage
}

// addressesOfGetent reads what `getent ahosts NAME` prints: an address and a kind of socket a line.
func addressesOfGetent(text string) []string {
	var out []netip.Addr
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 0 {
			out = appendAddress(out, fields[0])
		}
	}
	return sortedTexts(out)
}

// addressesOfNslookup reads what `nslookup NAME` prints, of BIND or busybox: the server first, then a line
// "Address: …" or "Address 1: …" for each address after the name.
func addressesOfNslookup(text string) []string {
	var out []netip.Addr
	named := false
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		fields := strings.Fields(value)
		switch {
		case !ok || len(fields) == 0:
		case key == "Name":
			named = true
		case named && strings.HasPrefix(key, "Address"):
			out = appendAddress(out, fields[0])
		}
	}
	return sortedTexts(out)
}

func appendAddress(out []netip.Addr, text string) []netip.Addr {
	if ip, err := netip.ParseAddr(text); err == nil {
		out = append(out, ip.Unmap())
	}
	return out
}

func sortedTexts(ips []netip.Addr) []string { return slices.Compact(texts(ips)) }
