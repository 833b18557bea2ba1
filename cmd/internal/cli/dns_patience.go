package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	gosync "sync"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/sync"
)

// serverQuiet is how long a name server may take without a word.
const serverQuiet = 2 * time.Second

// patient is a provider of which it is said what is waited for, once for each call that lasts.
type patient struct {
	dns.Provider
	server string
	say    *notices
}

var _ dns.Provider = patient{}

// patiently says on out which name server a target waits for, and with which of its zones.
func patiently(targets []sync.Target, out io.Writer) {
	say := &notices{out: out}
	for i, t := range targets {
		targets[i].Provider = patient{t.Provider, t.Server, say}
	}
}

// Read reads the zone.
func (p patient) Read(ctx context.Context, zone string, names []string) (dns.Snapshot, error) {
	defer p.say.after(serverQuiet, fmt.Sprintf("waiting for name server %s: it is asked for zone %s", p.server, zone))()
	return p.Provider.Read(ctx, zone, names)
}

// Apply makes change sets true.
func (p patient) Apply(ctx context.Context, zone string, sets []dns.ChangeSet) ([]dns.Result, error) {
	names := "1 name"
	if len(sets) != 1 {
		names = fmt.Sprintf("%d names", len(sets))
	}
	defer p.say.after(serverQuiet, fmt.Sprintf("waiting for name server %s: it is to change %s of zone %s", p.server, names, zone))()
	return p.Provider.Apply(ctx, zone, sets)
}

// notices are lines that are written whole, one after the other.
type notices struct {
	mu  gosync.Mutex
	out io.Writer
}

// after says a line after a while, unless what it is about has ended by then: the returned function tells so. After it, nothing is said.
func (n *notices) after(quiet time.Duration, line string) (ended func()) {
	said := make(chan struct{})
	timer := time.AfterFunc(quiet, func() {
		defer close(said)
		n.mu.Lock()
		defer n.mu.Unlock()
		fmt.Fprintln(n.out, line)
	})
	return func() {
		if !timer.Stop() {
			<-said
		}
	}
}

// askPatiently asks everybody, and says on out whom it waits for.
func (m *matrix) askPatiently(ctx context.Context, out io.Writer, now clock, patience time.Duration) error {
	defer (&notices{out: out}).after(serverQuiet, m.awaits(patience))()
	return m.ask(ctx, now, patience)
}

// awaits says what asking everybody waits for.
func (m *matrix) awaits(patience time.Duration) string {
	labels := make([]string, len(m.asked))
	for i, v := range m.asked {
		labels[i] = v.label
	}
	text := fmt.Sprintf("waiting for answers about %d names and services from %s", len(m.names), strings.Join(labels, ", "))
	if patience > 0 {
		text += fmt.Sprintf("; what is not right is asked for again for at most %s", patience)
	}
	return text
}
