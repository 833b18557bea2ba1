package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"quorate.dev/quorate/dns/rfc2136"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// serveOption changes what an authority in this process is made with.
type serveOption func(*serve.Config)

// standingOptions are the flags of an authority that stands for long: what it keeps, and who may have its zone.
type standingOptions struct {
	state  string
	allow  []string // prefixes, or addresses
	keys   []string // files
	notify []string // address:port, or key@address:port
	rate   int
}

func (o *standingOptions) flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.state, "state", "", "`file` that keeps what is known of the clusters, for a start while one of them cannot be reached (default: nothing is kept)")
	flags.StringSliceVar(&o.allow, "transfer-to", nil, "`address` or prefix that may transfer the zone; once for each (default: nobody)")
	flags.StringSliceVar(&o.keys, "transfer-key", nil, "`file` of a TSIG key, as of tsig-keygen or keymgr, whose holders may transfer the zone; once for each")
	flags.StringSliceVar(&o.notify, "notify", nil, "`[key@]address:port` of a secondary that is told of every change; once for each")
	flags.IntVar(&o.rate, "queries-per-second", 0, "UDP `queries` that one client may send for long; -1: any number (default 5000)")
}

// useless names a flag that has no effect beside --manifests; empty where there is none.
func (*standingOptions) useless(flags *pflag.FlagSet, manifests bool) string {
	for _, name := range []string{"state", "transfer-to", "transfer-key", "notify", "queries-per-second", "health"} {
		if manifests && flags.Changed(name) {
			return "--" + name + " has no effect with --manifests"
		}
	}
	return ""
}

// option is what the flags ask of a server; all that is wrong with them is reported.
func (o *standingOptions) option(log *slog.Logger) (serveOption, error) {
	var transfers serve.Transfers
	var problems []error
	for _, text := range o.allow {
		prefix, err := netip.ParsePrefix(text)
		if address, plain := netip.ParseAddr(text); plain == nil {
			prefix, err = address.Prefix(address.BitLen())
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("--transfer-to %s: an address or a prefix is wanted, such as 10.0.0.53 or 10.0.0.0/24", text))
		}
		transfers.AllowPrefixes = append(transfers.AllowPrefixes, prefix)
	}
	for _, file := range o.keys {
		key, warnings, err := rfc2136.ReadKeyFile(os.DirFS(filepath.Dir(file)), filepath.Base(file), "")
		if err != nil {
			problems = append(problems, fmt.Errorf("--transfer-key %s: %w", file, err))
			continue
		}
		for _, warning := range warnings {
			log.Warn(warning, "flag", "--transfer-key", "file", file)
		}
		transfers.Keys = append(transfers.Keys, serve.Key{Name: key.Name, Algorithm: key.Algorithm, NewMAC: key.NewMAC})
	}
	for _, text := range o.notify {
		target := serve.NotifyTarget{Address: text}
		if key, address, signed := strings.Cut(text, "@"); signed {
			target = serve.NotifyTarget{Address: address, Key: key}
		}
		if err := notified(target, transfers.Keys); err != nil {
			problems = append(problems, fmt.Errorf("--notify %s: %w", text, err))
		}
		transfers.NotifyTo = append(transfers.NotifyTo, target)
	}
	if o.rate < -1 {
		problems = append(problems, fmt.Errorf("--queries-per-second %d: -1 lifts the limit, and nothing is below it", o.rate))
	}
	return func(c *serve.Config) {
		c.Transfers = transfers
		c.Limits.QueriesPerSecond = o.rate
		if o.state != "" {
			c.State = serve.StateFile(o.state)
		}
	}, errors.Join(problems...)
}

// notified tells why a secondary cannot be told of changes.
func notified(target serve.NotifyTarget, keys []serve.Key) error {
	if _, err := netip.ParseAddrPort(target.Address); err != nil {
		return errors.New("address:port is wanted, such as 10.0.0.53:53, and before it KEY@ where it is to be signed")
	}
	var names []string
	for _, key := range keys {
		names = append(names, strings.TrimSuffix(key.Name, "."))
	}
	if target.Key != "" && !slices.Contains(names, strings.TrimSuffix(strings.ToLower(target.Key), ".")) {
		return fmt.Errorf("no file of --transfer-key has a key %s, only: %s", target.Key, cmp.Or(strings.Join(names, ", "), "none"))
	}
	return nil
}

// configure is option for the authority inside a cluster, which has no profile at hand but the built-in ones.
func (o *standingOptions) configure(t *regions.Topology, log *slog.Logger, c *serve.Config) error {
	profile, err := kustomize.LoadProfile(t.Spec.Profile)
	if err != nil {
		return invalidInput{fmt.Errorf("profile %s: %w", t.Spec.Profile, err)}
	}
	c.Ports = (&deployment{profile: profile}).servicePorts()
	option, err := o.option(log)
	if err != nil {
		return advised{invalidInput{err}, "correct the flags"}
	}
	option(c)
	return nil
}

// healthListener binds the address of the probes; nil where there is none.
func healthListener(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	return serve.ListenHealth(ctx, address)
}

// anyKnown tells that a standing authority outside of the clusters is ready once it can say anything at all: it is better to
// answer for some clusters than for none.
func anyKnown(server *serve.Server) func() error {
	return func() error {
		for _, s := range server.Status() {
			if s.Synced || !s.Restored.IsZero() {
				return nil
			}
		}
		return errors.New("no cluster was read yet")
	}
}

// tellSilent says of each cluster that does not answer what is answered for it.
func tellSilent(to io.Writer, observed []planner.Observation, statuses []serve.SourceStatus) {
	restored := map[string]time.Time{}
	for _, s := range statuses {
		restored[s.Cluster] = s.Restored
	}
	for _, o := range observed {
		if o.Unreachable == "" {
			continue
		}
		meanwhile := "its names are answered with SERVFAIL until it does"
		if at := restored[o.Cluster]; !at.IsZero() {
			meanwhile = "its names are those last known at " + at.UTC().Format(time.RFC3339) + " until it does"
		}
		fmt.Fprintf(to, "%s does not answer yet; %s: %s\n", o.Cluster, meanwhile, o.Unreachable)
	}
}
