package serve

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	"pgregory.net/rapid"
)

// TestLimiter: a client never gets more than its burst and its rate, others nothing less, and loopback all.
func TestLimiter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate, burst := rapid.IntRange(1, 5000).Draw(t, "rate"), rapid.IntRange(1, 5000).Draw(t, "burst")
		l := newLimiter(Limits{QueriesPerSecond: rate, Burst: burst})
		now := rapid.Uint32().Draw(t, "clock") // it wraps
		taken, elapsed := 0, 0
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			step := rapid.IntRange(0, 300).Draw(t, "ms")
			now, elapsed = now+uint32(step), elapsed+step                //nolint:gosec // small
			late := rapid.SampledFrom([]uint32{0, 1, 3}).Draw(t, "late") // readers' clocks: each reads its own, now and then
			for i := range rapid.Uint32Range(0, 200).Draw(t, "queries") {
				if l.take(netip.MustParseAddr("192.0.2.1"), now-late*(i%2)) {
					taken++
				}
			}
		}
		if most := burst + rate*elapsed/1000 + 1; taken > most {
			t.Fatalf("%d queries passed in %d ms, at most %d may", taken, elapsed, most)
		}
		for range burst + 2 {
			if !l.take(netip.MustParseAddr("127.0.0.1"), now) || !l.take(netip.MustParseAddr("::1"), now) {
				t.Fatal("loopback is limited")
			}
		}
	})
	for a, b := range map[string]string{"192.0.2.1": "192.0.2.2", "2001:db8:0:100::1": "2001:db8:0:200::1"} {
		if client(netip.MustParseAddr(a)) == client(netip.MustParseAddr(b)) {
			t.Errorf("%s and %s are one client", a, b)
		}
	}
	if client(netip.MustParseAddr("2001:db8:0:101::1")) != client(netip.MustParseAddr("2001:db8:0:1ff::2%eth0")) || client(netip.MustParseAddr("::ffff:192.0.2.1")) != netip.MustParseAddr("192.0.2.1") {
		t.Error("one client is counted as two")
	}
	if newLimiter(Limits{QueriesPerSecond: -1}.filled()) != nil {
		t.Error("a limit that was lifted limits")
	}
}

func testAnswerer() answerer {
	return answerer{zone: NewZone(fleet(9), clockAt(1)), counters: new(counters), log: slog.New(slog.DiscardHandler)}
}

// TestOverTheLimit: half of the queries are told to come over TCP, with an answer no longer than the question.
func TestOverTheLimit(t *testing.T) {
	r := &packetReader{answerer: testAnswerer(), limiter: newLimiter(Limits{QueriesPerSecond: 1, Burst: 1})}
	query := new(mdns.Msg).SetQuestion("us-east1."+testZone+".", mdns.TypeA)
	query.SetEdns0(4096, true)
	wire, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	from := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	var sizes []int
	for range 5 {
		out := r.answerOne(nil, wire, from, 1)
		sizes = append(sizes, len(out))
		if reply := new(mdns.Msg); len(sizes) > 1 && len(out) > 0 && (reply.Unpack(out) != nil || !reply.Truncated || len(reply.Answer) > 0 || len(out) > len(wire)) {
			t.Errorf("got %v", reply)
		}
	}
	if sizes[0] <= len(wire) || sizes[1] == 0 || sizes[2] != 0 || sizes[3] == 0 || sizes[4] != 0 {
		t.Errorf("answers of %v octets", sizes)
	}
	if r.counters.drops[truncatedOverLimit].Load() != 2 || r.counters.drops[droppedOverLimit].Load() != 2 {
		t.Error("they are not counted")
	}
	if out := r.answerOne(nil, []byte("garbage of some length"), from, 1); len(out) > 0 {
		t.Errorf("garbage over the limit got %q", out)
	}
}

// testServer runs a server without clusters until the test ends.
func testServer(t *testing.T, l Limits) (*Server, string) {
	t.Helper()
	s, err := New(t.Context(), Config{Topology: fleet(3).Topology, Now: time.Now, Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	address, err := s.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, address
}

// TestStreams: many queries at once are answered in order; silence, nonsense and too many connections end one.
func TestStreams(t *testing.T) {
	s, address := testServer(t, Limits{Idle: 200 * time.Millisecond, ConnectionsPerClient: 3})
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		return conn
	}
	conn := dial()
	var out []byte
	const many = 500
	for i := range many {
		query := new(mdns.Msg).SetQuestion(testZone+".", mdns.TypeSOA)
		query.Id = uint16(i)
		wire, _ := query.Pack()
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(wire))), wire...)
	}
	go func() { _, _ = conn.Write(out) }()
	reader := bufio.NewReader(conn)
	for i := range many {
		var length [2]byte
		if _, err := io.ReadFull(reader, length[:]); err != nil {
			t.Fatal(err)
		}
		wire := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(reader, wire); err != nil || int(binary.BigEndian.Uint16(wire)) != i {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
	if _, err := reader.ReadByte(); err != io.EOF {
		t.Errorf("a silent connection: %v", err)
	}
	nonsense := dial()
	_, _ = nonsense.Write([]byte{0, 1, 0})
	if _, err := nonsense.Read(make([]byte, 1)); err == nil {
		t.Error("nonsense was answered")
	}
	metrics := func() string {
		recorder := httptest.NewRecorder()
		s.Metrics().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		return recorder.Body.String()
	}
	// A client sees the end of a connection before the server has counted it.
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(metrics(), "\nquorate_dns_tcp_connections 0\n"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("connections that ended are counted:\n%s", metrics())
		}
	}
	open := 0
	conns := []net.Conn{dial(), dial(), dial(), dial(), dial()}
	query, _ := new(mdns.Msg).SetQuestion(testZone+".", mdns.TypeSOA).Pack()
	for _, c := range conns {
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			open++
		}
	}
	if open != 3 {
		t.Errorf("%d connections of one client are answered, want 3", open)
	}
	for _, want := range []string{
		"# TYPE quorate_dns_queries_total counter", `quorate_dns_queries_total{transport="tcp",type="SOA",rcode="NOERROR"} 503`,
		`quorate_dns_dropped_total{reason="connections"} 2`, `quorate_dns_dropped_total{reason="malformed"} 1`, "quorate_dns_zone_serial ", "quorate_dns_drift_record_sets 0",
	} {
		if !strings.Contains(metrics(), want) {
			t.Errorf("%s is missing in\n%s", want, metrics())
		}
	}
}

// FuzzReply: whatever comes over UDP or TCP, what goes back is nothing, or a reply that can be read, belongs to it and fits.
func FuzzReply(f *testing.F) {
	signed := new(mdns.Msg).SetQuestion(testZone+".", mdns.TypeAXFR)
	signed.SetTsig("key.", mdns.HmacSHA256, 300, 1)
	withSOA := new(mdns.Msg).SetIxfr(testZone+".", 1, "a.", "b.")
	for _, m := range []*mdns.Msg{new(mdns.Msg).SetQuestion("bank-0.use1."+testZone+".", mdns.TypeA), signed, withSOA, new(mdns.Msg).SetNotify(testZone + ".")} {
		if wire, err := m.Pack(); err == nil {
			f.Add(wire)
		}
	}
	a := testAnswerer()
	everybody := newTransfers(a.zone, Transfers{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, 1)
	f.Fuzz(func(t *testing.T, wire []byte) {
		if query, ok := a.read(wire); ok && questionType(wire) == mdns.TypeIXFR {
			out := everybody.single(nil, &a, query, netip.MustParseAddr("192.0.2.1"))
			if reply := new(mdns.Msg); len(out) > udpSize || reply.Unpack(out) != nil || !reply.Response {
				t.Fatalf("%q got %q", wire, out)
			}
		}
		for transport, most := range map[Transport]int{UDP: udpSize, TCP: mdns.MaxMsgSize} {
			isTransfer(wire)
			out := a.reply(nil, wire, transport)
			if len(out) == 0 {
				continue
			}
			if reply := new(mdns.Msg); len(out) > most || reply.Unpack(out) != nil || !reply.Response || out[0] != wire[0] || out[1] != wire[1] {
				t.Fatalf("%q got %q", wire, out)
			}
		}
		if out := a.truncated(nil, wire); len(out) > len(wire)+ednsSize {
			t.Fatalf("%q got %q over the limit", wire, out)
		}
	})
}

// FuzzStream: whatever a connection sends, it ends, and nothing is left of it.
func FuzzStream(f *testing.F) {
	query, _ := new(mdns.Msg).SetQuestion(testZone+".", mdns.TypeSOA).Pack()
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	f.Add(framed)
	f.Add(append(framed, framed[:9]...))
	f.Add([]byte{0xff, 0xff, 0})
	a := testAnswerer()
	limits := Limits{Idle: time.Second}.filled()
	streams := newStreams(a, limits, newTransfers(a.zone, Transfers{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, 1), nil)
	f.Fuzz(func(t *testing.T, sent []byte) {
		before := runtime.NumGoroutine()
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			c := &stream{streams: streams, answerer: a, conn: far, from: netip.MustParseAddr("192.0.2.1")}
			_ = c.serve()
			_ = far.Close()
		}()
		go func() { _, _ = io.Copy(io.Discard, near) }()
		_, _ = near.Write(sent)
		_ = near.Close()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("%q: the connection does not end", sent)
		}
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+2; {
			if time.Now().After(deadline) {
				t.Fatalf("%q: %d goroutines, %d before", sent, runtime.NumGoroutine(), before)
			}
			<-time.After(time.Millisecond)
		}
	})
}
