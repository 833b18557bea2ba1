package query_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns/query"
)

// pipes is a listener whose connections are in memory.
type pipes struct {
	dialled chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.dialled:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// streamTo is a stream to a server that answers by the handler until the test ends.
func streamTo(t *testing.T, handler mdns.HandlerFunc) net.Conn {
	t.Helper()
	listener := &pipes{dialled: make(chan net.Conn), closed: make(chan struct{})}
	started := make(chan struct{})
	server := &mdns.Server{Listener: listener, Handler: handler, NotifyStartedFunc: func() { close(started) }}
	done := make(chan error, 1)
	go func() { done <- server.ActivateAndServe() }()
	<-started
	near, far := net.Pipe()
	listener.dialled <- far
	t.Cleanup(func() {
		if err := errors.Join(near.Close(), server.Shutdown(), <-done); err != nil {
			t.Error(err)
		}
	})
	return near
}

// zone answers from zone-file text.
func zone(t *testing.T, authoritative bool, rcode int, records ...string) mdns.HandlerFunc {
	return func(w mdns.ResponseWriter, q *mdns.Msg) {
		reply := new(mdns.Msg).SetReply(q)
		reply.Authoritative, reply.Rcode = authoritative, rcode
		for _, text := range records {
			rr, err := mdns.NewRR(text)
			if err != nil {
				t.Error(err)
			} else if rr.Header().Rrtype == q.Question[0].Qtype {
				reply.Answer = append(reply.Answer, rr)
			}
		}
		_ = w.WriteMsg(reply)
	}
}

func TestLookupAddressesOver(t *testing.T) {
	stream := streamTo(t, zone(t, true, mdns.RcodeSuccess, name+" 30 A 10.1.0.4", name+" 10 AAAA fd00::4"))
	for range 3 { // the stream serves question after question
		answer, err := query.LookupAddressesOver(t.Context(), stream, name)
		if err != nil {
			t.Fatal(err)
		}
		want := []netip.Addr{netip.MustParseAddr("10.1.0.4"), netip.MustParseAddr("fd00::4")}
		if !slices.Equal(answer.Addresses, want) || !answer.Authoritative || answer.TTL != 10*time.Second || answer.Rcode != "NOERROR" {
			t.Errorf("answer %+v", answer)
		}
	}
	missing := streamTo(t, zone(t, true, mdns.RcodeNameError))
	if answer, err := query.LookupAddressesOver(t.Context(), missing, name); err != nil || answer.Rcode != "NXDOMAIN" {
		t.Errorf("answer %+v, %v", answer, err)
	}
	failing := streamTo(t, zone(t, false, mdns.RcodeServerFailure))
	if answer, err := query.LookupAddressesOver(t.Context(), failing, name); err != nil || answer.Rcode != "SERVFAIL" || answer.Authoritative {
		t.Errorf("answer %+v, %v", answer, err)
	}
}

func TestLookupAddressesOverEnds(t *testing.T) {
	silent := streamTo(t, func(mdns.ResponseWriter, *mdns.Msg) {})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := query.LookupAddressesOver(ctx, silent, name)
	if err == nil || !strings.Contains(err.Error(), "asking for "+name+" A") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %s", took)
	}
	near, far := net.Pipe()
	_ = far.Close()
	if _, err := query.LookupAddressesOver(t.Context(), near, name); err == nil {
		t.Error("a stream that ended gave an answer")
	}
	other := streamTo(t, func(w mdns.ResponseWriter, q *mdns.Msg) {
		reply := new(mdns.Msg).SetReply(q)
		reply.Question[0].Name = "other.example.com."
		_ = w.WriteMsg(reply)
	})
	if _, err := query.LookupAddressesOver(t.Context(), other, name); err == nil || !strings.Contains(err.Error(), "another question") {
		t.Errorf("an answer to another question: %v", err)
	}
}

func TestSpeaksForOver(t *testing.T) {
	const apex = "bank.db.example.com."
	soa := apex + " 5 SOA ns1." + apex + " hostmaster." + apex + " 1 2 3 4 5"
	cases := map[string]struct {
		handler mdns.HandlerFunc
		problem string
	}{
		"it does":        {zone(t, true, mdns.RcodeSuccess, soa), ""},
		"from a cache":   {zone(t, false, mdns.RcodeSuccess, soa), "not answered with authority"},
		"it refuses":     {zone(t, false, mdns.RcodeRefused), "REFUSED"},
		"without one":    {zone(t, true, mdns.RcodeSuccess), "without one"},
		"of a zone else": {zone(t, true, mdns.RcodeSuccess, "example.com. 5 SOA ns1.example.com. h.example.com. 1 2 3 4 5"), "without one"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := query.SpeaksForOver(t.Context(), streamTo(t, c.handler), apex)
			switch {
			case c.problem == "" && err != nil:
				t.Error(err)
			case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)):
				t.Errorf("error %v, want one about %q", err, c.problem)
			}
		})
	}
}
