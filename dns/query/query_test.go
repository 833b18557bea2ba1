package query_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns/query"
)

const name = "bank-0.use1.bank.db.example.com."

// serveDNS answers on a loopback port, UDP and TCP, until the test ends.
func serveDNS(t *testing.T, handler func(network string, w mdns.ResponseWriter, q *mdns.Msg)) string {
	t.Helper()
	packets, stream := bindBoth(t)
	for network, server := range map[string]*mdns.Server{"udp": {PacketConn: packets}, "tcp": {Listener: stream}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		server.Handler = mdns.HandlerFunc(func(w mdns.ResponseWriter, q *mdns.Msg) { handler(network, w, q) })
		done := make(chan error, 1)
		go func() { done <- server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			if err := errors.Join(server.Shutdown(), <-done); err != nil {
				t.Error(err)
			}
		})
	}
	return packets.LocalAddr().String()
}

// bindBoth finds a port that is free for UDP and for TCP: one that the system gives for the one may be taken for the other.
func bindBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	var config net.ListenConfig
	var last error
	for range 32 {
		packets, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		stream, err := config.Listen(t.Context(), "tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, stream
		}
		last = errors.Join(err, packets.Close())
	}
	t.Fatal(last)
	return nil, nil
}

// answering gives the records of the asked type, read from zone-file text.
func answering(t *testing.T, authoritative bool, rcode int, records ...string) string {
	return serveDNS(t, func(_ string, w mdns.ResponseWriter, q *mdns.Msg) {
		reply := new(mdns.Msg).SetReply(q)
		reply.Authoritative, reply.Rcode = authoritative, rcode
		for _, text := range records {
			rr, err := mdns.NewRR(text)
			if err != nil {
				t.Error(err)
				continue
			}
			if rr.Header().Rrtype == q.Question[0].Qtype || rr.Header().Rrtype == mdns.TypeCNAME || rr.Header().Name != q.Question[0].Name {
				reply.Answer = append(reply.Answer, rr)
			}
		}
		_ = w.WriteMsg(reply)
	})
}

func TestLookupAddresses(t *testing.T) {
	four, six := netip.MustParseAddr("10.1.0.4"), netip.MustParseAddr("fd00::4")
	tests := map[string]struct {
		authoritative bool
		rcode         int
		records       []string
		want          []netip.Addr
		ttl           time.Duration
		problem       string // what Prove says of 10.1.0.4 and fd00::4, empty: proven
	}{
		"proven":            {true, mdns.RcodeSuccess, []string{name + " 30 A 10.1.0.4", name + " 10 AAAA fd00::4"}, []netip.Addr{four, six}, 10 * time.Second, ""},
		"from a cache":      {false, mdns.RcodeSuccess, []string{name + " 30 A 10.1.0.4", name + " 10 AAAA fd00::4"}, []netip.Addr{four, six}, 10 * time.Second, "not authoritative"},
		"one missing":       {true, mdns.RcodeSuccess, []string{name + " 10 A 10.1.0.4"}, []netip.Addr{four}, 10 * time.Second, "answers 10.1.0.4, want 10.1.0.4, fd00::4"},
		"one too many":      {true, mdns.RcodeSuccess, []string{name + " 10 A 10.1.0.4", name + " 10 A 10.1.0.3", name + " 10 AAAA fd00::4"}, []netip.Addr{netip.MustParseAddr("10.1.0.3"), four, six}, 10 * time.Second, "answers 10.1.0.3, 10.1.0.4, fd00::4"},
		"NODATA":            {true, mdns.RcodeSuccess, nil, nil, 0, "answers no address"},
		"NXDOMAIN":          {true, mdns.RcodeNameError, nil, nil, 0, "answers NXDOMAIN"},
		"SERVFAIL":          {false, mdns.RcodeServerFailure, nil, nil, 0, "answers SERVFAIL"},
		"unassigned rcode":  {false, 14, nil, nil, 0, "answers RCODE14"},
		"another's address": {true, mdns.RcodeSuccess, []string{name + " 10 CNAME other.example.com.", "other.example.com. 10 A 10.1.0.4"}, nil, 0, "answers no address"},
	}
	for label, test := range tests {
		t.Run(label, func(t *testing.T) {
			server := answering(t, test.authoritative, test.rcode, test.records...)
			got, err := query.Client{}.LookupAddresses(t.Context(), server, strings.TrimSuffix(name, "."))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Addresses) != len(test.want) || got.TTL != test.ttl || got.Authoritative != test.authoritative {
				t.Errorf("got %+v, want %v, TTL %v", got, test.want, test.ttl)
			}
			for i := range got.Addresses {
				if got.Addresses[i] != test.want[i] {
					t.Errorf("got %v, want %v", got.Addresses, test.want)
				}
			}
			err = got.Prove(six, netip.MustParseAddr("::ffff:10.1.0.4"))
			if test.problem == "" && err != nil || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
				t.Errorf("Prove: got %v, want %q", err, test.problem)
			}
		})
	}
	if (query.Answer{Rcode: "NOERROR", Authoritative: true}).Prove() == nil {
		t.Error("no address was proven by no address")
	}
}

// TestFallsBackToTCP where the answer is cut.
func TestFallsBackToTCP(t *testing.T) {
	server := serveDNS(t, func(network string, w mdns.ResponseWriter, q *mdns.Msg) {
		reply := new(mdns.Msg).SetReply(q)
		reply.Authoritative, reply.Truncated = true, network == "udp"
		if network == "tcp" && q.Question[0].Qtype == mdns.TypeA {
			reply.Answer = []mdns.RR{&mdns.A{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: 5}, A: net.IPv4(10, 0, 0, 1)}}
		}
		_ = w.WriteMsg(reply)
	})
	got, err := query.Client{}.LookupAddresses(t.Context(), server, name)
	if err != nil || got.Prove(netip.MustParseAddr("10.0.0.1")) != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestAsksAgain where a datagram was lost, and where the answer was to another question it says so.
func TestAsksAgain(t *testing.T) {
	var asked atomic.Int32
	server := serveDNS(t, func(_ string, w mdns.ResponseWriter, q *mdns.Msg) {
		if asked.Add(1)%2 == 1 {
			return // lost
		}
		_ = w.WriteMsg(new(mdns.Msg).SetReply(q))
	})
	got, err := query.Client{Attempt: 20 * time.Millisecond}.LookupAddresses(t.Context(), server, name)
	if err != nil || got.Rcode != "NOERROR" || asked.Load() < 4 {
		t.Errorf("got %+v, %v after %d questions", got, err, asked.Load())
	}
	confused := serveDNS(t, func(_ string, w mdns.ResponseWriter, q *mdns.Msg) {
		reply := new(mdns.Msg).SetReply(q)
		reply.Question[0].Name = "other.example.com."
		_ = w.WriteMsg(reply)
	})
	if _, err := (query.Client{}).LookupAddresses(t.Context(), confused, name); err == nil || !strings.Contains(err.Error(), "another question") {
		t.Errorf("got %v, want a complaint about the question", err)
	}
}

// TestErrorsNameServerAndQuestion: silence until the deadline, a cancelled context, nobody there, no port.
func TestErrorsNameServerAndQuestion(t *testing.T) {
	silent := serveDNS(t, func(string, mdns.ResponseWriter, *mdns.Msg) {})
	gone, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := gone.LocalAddr().String()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	deadline, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	cancelled, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(30*time.Millisecond, func() { cancel(errors.New("interrupted by the operator")) })
	tests := map[string]struct {
		ctx    context.Context
		server string
		want   string
	}{
		"silent":    {deadline, silent, "context deadline exceeded"},
		"cancelled": {cancelled, silent, "interrupted by the operator"},
		"nobody":    {t.Context(), nobody, "connection refused"},
		"no port":   {t.Context(), "127.0.0.1", "host:port is wanted"},
	}
	for label, test := range tests {
		t.Run(label, func(t *testing.T) {
			begun := time.Now()
			_, err := query.Client{}.LookupAddresses(test.ctx, test.server, name)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range []string{test.want, test.server, name + " A"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in: %v", want, err)
				}
			}
			if took := time.Since(begun); took > query.DefaultTimeout/2 {
				t.Errorf("it took %v", took)
			}
		})
	}
}
