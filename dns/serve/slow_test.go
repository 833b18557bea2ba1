package serve

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// TestSlowReader: a secondary that asks for a large zone and does not read it is left after the idle time; meanwhile it takes one
// place of the transfers, and hardly more memory than a connection.
func TestSlowReader(t *testing.T) {
	a := testAnswerer()
	a.zone = NewZone(fleet(20_000), time.Now)
	limits := Limits{Idle: 200 * time.Millisecond}.filled()
	group := newStreams(a, limits, newTransfers(a.zone, Transfers{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, 1), nil)
	query, err := new(mdns.Msg).SetAxfr(testZone + ".").Pack()
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe() // has no buffer: the first octet that nobody reads holds it up
	defer func() { _ = near.Close() }()
	done := make(chan error, 1)
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	go func() {
		c := &stream{streams: group, answerer: a, conn: far, from: netip.MustParseAddr("192.0.2.1")}
		done <- c.serve()
	}()
	began := time.Now()
	if _, err := near.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		t.Fatal(err)
	}
	for len(group.transfers.places) == 0 && time.Since(began) < 10*time.Second {
		runtime.Gosched()
	}
	runtime.GC()
	runtime.ReadMemStats(&during)
	if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 { //nolint:gosec // sizes of memory
		t.Errorf("it takes %d octets", grown)
	}
	select {
	case err := <-done:
		if err == nil || time.Since(began) < limits.Idle {
			t.Errorf("it ended after %s: %v", time.Since(began), err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it is waited for for ever")
	}
	if len(group.transfers.places) != 0 {
		t.Error("its place is taken still")
	}
}
