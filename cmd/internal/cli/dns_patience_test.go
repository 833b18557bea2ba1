package cli

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/sync"
)

// slow is a name server that answers after a while.
type slow struct {
	dns.Provider
	takes time.Duration
}

var errMute = errors.New("no reply")

func (s slow) Read(context.Context, string, []string) (dns.Snapshot, error) {
	time.Sleep(s.takes)
	return dns.Snapshot{}, errMute
}

func (s slow) Apply(_ context.Context, _ string, sets []dns.ChangeSet) ([]dns.Result, error) {
	time.Sleep(s.takes)
	return make([]dns.Result, len(sets)), nil
}

// A server that lets wait is named once for each zone, with what it is asked; one that answers is not.
func TestPatiently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		targets := []sync.Target{
			{Server: "ns1:53", Zone: "bank.example.com", Reverse: []string{"10.in-addr.arpa"}, Provider: slow{takes: 20 * time.Second}},
			{Server: "ns2:53", Zone: "bank.example.com", Provider: slow{takes: time.Second}},
		}
		patiently(targets, &out)
		for _, target := range targets {
			for _, p := range sync.Plan(t.Context(), target, dns.Wanted{}, dns.Options{}) {
				if !errors.Is(p.Err, errMute) {
					t.Errorf("%s: %v", p.Zone, p.Err)
				}
			}
			sets := []dns.ChangeSet{{Name: "a."}, {Name: "b."}}
			sync.Apply(t.Context(), target, []sync.ZonePlan{{Zone: "bank.example.com.", Reconciliation: dns.Reconciliation{Sets: sets}}})
		}
		const want = `waiting for name server ns1:53: it is asked for zone bank.example.com.
waiting for name server ns1:53: it is asked for zone 10.in-addr.arpa.
waiting for name server ns1:53: it is to change 2 names of zone bank.example.com.
`
		if out.String() != want {
			t.Errorf("it says\n%s\nwant\n%s", out.String(), want)
		}
	})
}

func TestMatrixAwaits(t *testing.T) {
	m := &matrix{asked: []vantage{{label: "authority 10.0.0.53:53"}, {label: "inside use1"}}, names: make([]asking, 21)}
	const all = "waiting for answers about 21 names and services from authority 10.0.0.53:53, inside use1"
	if got := m.awaits(0); got != all {
		t.Errorf("got %q", got)
	}
	if got := m.awaits(30 * time.Second); got != all+"; what is not right is asked for again for at most 30s" {
		t.Errorf("got %q", got)
	}
}
