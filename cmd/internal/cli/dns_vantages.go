package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/dns"
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
	// ask gives the sorted values that are told there, or why there are none. Its error is errCannotAsk where no answer came.
	ask func(ctx context.Context, q asking) ([]string, error)
	// asks tells whether there is any sense in a question there; nil: in all of them.
	asks func(q asking) bool
}

func (v vantage) answersFor(q asking) bool { return v.asks == nil || v.asks(q) }

// errCannotAsk is of a question to which no answer came.
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
	reverse := map[string][]string{}
	servers := slices.Clone(w.topology.Spec.DNS.Authorities)
	for _, p := range w.topology.Updated() {
		if !slices.Contains(servers, p.Server) {
			servers = append(servers, p.Server)
		}
		for _, zone := range p.ReverseZones {
			reverse[p.Server] = append(reverse[p.Server], dns.Canonical(zone))
		}
	}
	for _, server := range servers {
		speaks := func(q asking) bool { return q.zone == "" || slices.Contains(reverse[server], q.zone) }
		out = append(out, vantage{fromAuthority, "authority " + server, asksAtOnce, askAuthority(server), speaks})
	}
	if w.topology.AuthorityInCluster() != nil {
		inside := w.inside()
		for _, cluster := range answering(observed) {
			speaks := func(q asking) bool { return q.zone == "" }
			out = append(out, vantage{fromAuthority, "authority inside " + cluster, lookupsAtOnce, askInside(inside, cluster), speaks})
		}
	}
	for i, server := range resolvers {
		if slices.Contains(resolvers[:i], server) {
			continue
		}
		out = append(out, vantage{fromResolver, "resolver " + server, asksAtOnce, askResolver(server), nil})
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

// reverseZones are those that primaries hold PTR records of.
func (w *wired) reverseZones() []string {
	var out []string
	for _, p := range w.topology.Updated() {
		out = append(out, p.ReverseZones...)
	}
	return out
}

func askAuthority(server string) func(context.Context, asking) ([]string, error) {
	return func(ctx context.Context, q asking) ([]string, error) {
		answer, err := askServer(ctx, query.Client{}, server, q)
		if err != nil {
			return nil, err
		}
		if err := proves(server, q.name, answer.Authoritative, answer.Rcode); err != nil {
			return nil, err
		}
		return answer.Values, nil
	}
}

// askServer asks a name server for addresses or for records of a type, and gives both in one form.
func askServer(ctx context.Context, client query.Client, server string, q asking) (query.Records, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if q.kind != forAddresses {
		answer, err := client.LookupRecords(ctx, server, q.name, q.kind)
		return answer, cannotAsk(err)
	}
	answer, err := client.LookupAddresses(ctx, server, q.name)
	return query.Records{Rcode: answer.Rcode, Authoritative: answer.Authoritative, Values: texts(answer.Addresses)}, cannotAsk(err)
}

func cannotAsk(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errCannotAsk, err)
}

// askInside asks all ready pods of the authority inside a cluster, which must agree. What fails before an answer came is
// of the authority, whatever the question.
func askInside(in *inside, cluster string) func(context.Context, asking) ([]string, error) {
	return func(ctx context.Context, q asking) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, insideTimeout)
		defer cancel()
		all, err := in.askEach(ctx, cluster, func(stream net.Conn, label string) (told, error) { return askStream(ctx, stream, label, q) })
		if _, answered := errors.AsType[provesNothing](err); answered {
			return nil, err
		}
		if err != nil {
			return nil, cannotAsk(err)
		}
		return agreed(all)
	}
}

func askStream(ctx context.Context, stream net.Conn, label string, q asking) (told, error) {
	if q.kind == forAddresses {
		answer, err := query.LookupAddressesOver(ctx, stream, q.name)
		if err != nil {
			return told{}, fmt.Errorf("%s: %w", label, err)
		}
		return authoritative(label, q.name, answer)
	}
	answer, err := query.LookupRecordsOver(ctx, stream, q.name, q.kind)
	if err != nil {
		return told{}, fmt.Errorf("%s: %w", label, err)
	}
	return told{label, answer.Values}, proves(label, q.name, answer.Authoritative, answer.Rcode)
}

func askResolver(server string) func(context.Context, asking) ([]string, error) {
	return func(ctx context.Context, q asking) ([]string, error) {
		answer, err := askServer(ctx, query.Client{Recursive: true}, server, q)
		if err == nil && answer.Rcode != "NOERROR" && answer.Rcode != "NXDOMAIN" {
			err = fmt.Errorf("it answers %s", answer.Rcode)
		}
		if err != nil {
			return nil, err
		}
		return answer.Values, nil
	}
}

// replicaVantage asks in the first ready replica of a cluster.
func (w *wired) replicaVantage(o planner.Observation) vantage {
	addresses := func(q asking) bool { return q.kind == forAddresses } // no tool that images have asks for others
	v := vantage{fromReplica, "inside " + o.Cluster, lookupsAtOnce, nil, addresses}
	for _, pod := range o.State.Pods {
		if pod.Up() {
			v.label += " (" + pod.ID.Pod() + ")"
			v.ask = w.askReplica(pod.ID)
			return v
		}
	}
	v.ask = func(context.Context, asking) ([]string, error) {
		return nil, fmt.Errorf("%w: no replica is ready there, to ask in", errCannotAsk)
	}
	return v
}

// askReplica asks with what the image has: getent, which goes the way of every program, or nslookup. No shell takes part.
func (w *wired) askReplica(id regions.ReplicaID) func(context.Context, asking) ([]string, error) {
	return func(ctx context.Context, q asking) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, execTimeout)
		defer cancel()
		bare := strings.TrimSuffix(q.name, ".") // as the database is told it
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

// toldByNslookup tells that there is no such name from a lookup that failed, and that from a server that gave no answer: nslookup
// ends with the same code at all of them.
func toldByNslookup(result rollout.ExecResult) ([]string, error) {
	addresses, said := addressesOfNslookup(result.Stdout), result.Stdout+result.Stderr
	if result.ExitCode == 0 || len(addresses) > 0 || containsAny(said, "NXDOMAIN", "No answer", "No such", "can't resolve") {
		return addresses, nil
	}
	err := fmt.Errorf("nslookup ended with code %d: %s", result.ExitCode, strings.Join(strings.Fields(said), " "))
	if containsAny(said, "timed out", "no servers could be reached", "refused") && !strings.Contains(said, "REFUSED") {
		return nil, cannotAsk(err)
	}
	return nil, err
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// lacks tells that a command is not in the image, by the words of runc ("executable file not found in $PATH"), crun ("executable
// file `getent` not found in $PATH") or a shell's code.
func lacks(err error, code int) bool {
	if err == nil {
		return code == notInImage
	}
	said := err.Error()
	return strings.Contains(said, "executable file") && strings.Contains(said, "not found")
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
