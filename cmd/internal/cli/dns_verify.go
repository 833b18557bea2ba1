package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	gosync "sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// verifyOptions are the flags of dns verify.
type verifyOptions struct {
	resolvers    []string
	fromClusters bool
	wait         time.Duration
}

func (a *app) verifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Ask every authority and resolver for every name, and say which answers are not right",
		Long: "verify asks every authority of the topology (spec.dns.authorities, the primaries that are updated, those inside\n" +
			"the clusters) and every named resolver for every name, from here, and with --from-clusters a replica of every\n" +
			"cluster too, by getent or nslookup in its container. It prints what each of them knows of each cluster's names,\n" +
			"and exits 1 where an answer is not exactly the addresses that the clusters have now. Names whose pods are away are\n" +
			"not asked for. A resolver may answer from its cache until the lifetime of a record is over: --wait waits for that.",
		Example: "  quorate dns verify\n  quorate dns verify --from-clusters --wait 30s\n  quorate dns verify --resolver 10.0.0.2:53 --output json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.dnsVerify(cmd.Context(), o) },
	}
	cmd.Flags().StringArrayVar(&o.resolvers, "resolver", nil, "a resolver to be asked too, `host:port` (repeatable)")
	cmd.Flags().BoolVar(&o.fromClusters, "from-clusters", false, "ask in a replica of every cluster too")
	cmd.Flags().DurationVar(&o.wait, "wait", 0, "ask again for what is not right, for at most so long")
	return cmd
}

func (o verifyOptions) check() error {
	for _, resolver := range o.resolvers {
		if host, port, err := net.SplitHostPort(resolver); err != nil || host == "" || port == "" {
			return advised{invalidInput{fmt.Errorf("--resolver %q is not host:port", resolver)}, "write it as 10.0.0.2:53 or [fd00::2]:53"}
		}
	}
	if o.wait < 0 {
		return invalidInput{fmt.Errorf("--wait %s is below zero", o.wait)}
	}
	return nil
}

func (a *app) dnsVerify(ctx context.Context, o verifyOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	w, err := a.ready(ctx)
	if err != nil {
		return err
	}
	defer w.closeTunnels()
	observed, err := w.observe(ctx, false)
	if err != nil {
		return err
	}
	asked := w.vantages(observed, o.resolvers, o.fromClusters)
	if len(asked) == 0 {
		return advised{invalidInput{fmt.Errorf("%s names no authority, so there is nobody to ask", w.file)}, "list it under spec.dns.authorities, or pass --resolver or --from-clusters"}
	}
	wanted, err := w.wantedNow(ctx, observed)
	if err != nil {
		return err
	}
	m := newMatrix(w.topology, wanted, asked)
	for _, o := range observed {
		if o.Unreachable != "" {
			m.doc.Unread[o.Cluster] = o.Unreachable
		}
	}
	if err := m.ask(ctx, a.now, o.wait); err != nil {
		return err
	}
	doc := m.document()
	if a.json() {
		err = view.MatrixJSON(a.out, doc)
	} else {
		view.Matrix(a.out, a.style(), doc)
	}
	if err != nil {
		return err
	}
	if len(m.names) == 0 {
		return cmp.Or(silence(observed), error(advised{errors.New("nothing is proven: no name has an address now"), "see `quorate status`: are the replicas there?"}))
	}
	if doc.Wrong() {
		return advised{errors.New("not every name is answered rightly"), "see above where; `quorate dns plan` and `quorate status` tell what the zones and the clusters hold"}
	}
	return silence(observed)
}

// matrix is what every vantage says of every name.
type matrix struct {
	doc   view.MatrixDocument
	asked []vantage
	names []asking
	mu    gosync.Mutex
	holes map[[2]int]view.Hole // by vantage and name
	dead  map[int]string       // vantages that cannot be asked
}

// asking is one name and the addresses that it should have.
type asking struct {
	name, column string
	want         []string
}

func newMatrix(t *regions.Topology, wanted dns.Wanted, asked []vantage) *matrix {
	m := &matrix{
		asked: asked, holes: map[[2]int]view.Hole{}, dead: map[int]string{},
		doc: view.MatrixDocument{Deployment: t.Metadata.Name, Zone: t.Spec.DNS.Zone, Unread: map[string]string{}},
	}
	addresses := map[string][]string{}
	for _, s := range wanted.Sets {
		if s.Type == dns.TypeA || s.Type == dns.TypeAAAA {
			addresses[s.Name] = append(addresses[s.Name], s.Values...)
		}
	}
	columns := columnsOf(t)
	for _, n := range wanted.Names {
		want := slices.Sorted(slices.Values(addresses[n.Name]))
		switch {
		case slices.ContainsFunc(n.Clusters(), func(c string) bool { return slices.Contains(wanted.Unread, c) }):
			// what it should be is not known
		case len(want) > 0:
			m.names = append(m.names, asking{n.Name, columns(n), want})
		case len(n.Replicas) > 0:
			m.doc.Away = append(m.doc.Away, n.Name)
		}
	}
	for _, c := range t.OrderedClusters() {
		m.doc.Columns = append(m.doc.Columns, c.Name)
	}
	m.doc.Columns = append(m.doc.Columns, "regions", "seeds")
	return m
}

// columnsOf tells in which column a name is counted: that of its cluster, or those of regions and seeds.
func columnsOf(t *regions.Topology) func(dns.Name) string {
	areas := map[string]bool{}
	for _, r := range t.Spec.Regions {
		areas[dns.RegionName(t.Spec.DNS.Zone, r.Name)] = true
	}
	return func(n dns.Name) string {
		switch {
		case areas[n.Name]:
			return "regions"
		case strings.HasPrefix(n.Name, "join-"):
			return "seeds"
		}
		return n.Replicas[0].Cluster
	}
}

// askAgain is how long nothing is asked for between two rounds.
const askAgain = time.Second

// ask asks everybody for everything, and for what is not right again until the wait is over.
func (m *matrix) ask(ctx context.Context, now clock, patience time.Duration) error {
	until := now().Add(patience)
	pending := map[[2]int]bool{}
	for v := range m.asked {
		for n := range m.names {
			pending[[2]int{v, n}] = true
		}
	}
	for {
		m.round(ctx, pending)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		clear(pending)
		for at := range m.holes {
			pending[at] = true
		}
		if len(pending) == 0 || !now().Before(until) {
			return nil
		}
		timer := time.NewTimer(askAgain)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (m *matrix) round(ctx context.Context, pending map[[2]int]bool) {
	clear(m.dead)
	var vantages gosync.WaitGroup
	for v := range m.asked {
		vantages.Go(func() {
			var group errgroup.Group
			group.SetLimit(m.asked[v].parallel)
			for n := range m.names {
				if pending[[2]int{v, n}] {
					group.Go(func() error { m.askOne(ctx, v, n); return nil })
				}
			}
			_ = group.Wait() // what became of each is noted
		})
	}
	vantages.Wait()
}

func (m *matrix) askOne(ctx context.Context, v, n int) {
	q := m.names[n]
	hole := view.Hole{From: m.asked[v].label, Name: q.name, Wanted: q.want}
	m.mu.Lock()
	why, dead := m.dead[v]
	m.mu.Unlock()
	if !dead { // who does not answer one question is not asked the others
		got, err := m.asked[v].ask(ctx, q.name)
		m.mu.Lock()
		defer m.mu.Unlock()
		switch {
		case errors.Is(err, errCannotAsk):
			why, dead = err.Error(), true
			m.dead[v] = why
		case err != nil:
			hole.Why = err.Error()
		case slices.Equal(got, q.want):
			delete(m.holes, [2]int{v, n})
			return
		default:
			hole.Got = got
		}
	} else {
		m.mu.Lock()
		defer m.mu.Unlock()
	}
	hole.Dead, hole.Why = dead, cmp.Or(why, hole.Why)
	m.holes[[2]int{v, n}] = hole
}

// document is what is printed of it.
func (m *matrix) document() view.MatrixDocument {
	doc := m.doc
	for v, vantage := range m.asked {
		row := view.MatrixRow{From: vantage.label, Kind: vantage.kind, Problem: m.dead[v], Cells: map[string]view.MatrixCell{}}
		for n, q := range m.names {
			cell := row.Cells[q.column]
			cell.Asked++
			hole, wrong := m.holes[[2]int{v, n}]
			switch {
			case !wrong:
				cell.Right++
			case !hole.Dead:
				doc.Holes = append(doc.Holes, hole)
			}
			row.Cells[q.column] = cell
		}
		doc.Rows = append(doc.Rows, row)
	}
	return doc
}
