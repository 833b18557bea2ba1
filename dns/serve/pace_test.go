package serve

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"
)

// transferAtPace asks for a large zone and takes its messages one at a time, with a pause before each. It tells how long the
// transfer had its place, how many octets came, and what ended it.
func transferAtPace(t *testing.T, pause time.Duration) (held time.Duration, octets int, err error) {
	t.Helper()
	a := testAnswerer()
	a.zone = NewZone(fleet(20_000), time.Now)
	group := newStreams(a, Limits{}.filled(), newTransfers(a.zone, Transfers{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}, 1), nil)
	near, far := net.Pipe() // has no buffer: what was sent was read
	done := make(chan error, 1)
	began := time.Now()
	go func() {
		c := &stream{streams: group, answerer: a, conn: far, from: netip.MustParseAddr("192.0.2.1")}
		done <- c.serve()
		held = time.Since(began)
		_ = far.Close()
	}()
	query, err := new(mdns.Msg).SetAxfr(testZone + ".").Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := near.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		t.Fatal(err)
	}
	for soas := 0; soas < 2; {
		time.Sleep(pause)
		var length [2]byte
		if _, err := io.ReadFull(near, length[:]); err != nil {
			break
		}
		wire := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(near, wire); err != nil {
			break
		}
		octets += len(wire)
		reply := new(mdns.Msg)
		if err := reply.Unpack(wire); err != nil {
			t.Fatal(err)
		}
		for _, rr := range reply.Answer {
			if rr.Header().Rrtype == mdns.TypeSOA {
				soas++
			}
		}
	}
	synctest.Wait() // until it waits for the next query, or has ended
	_ = near.Close()
	err = <-done
	synctest.Wait()
	if len(group.transfers.places) != 0 {
		t.Error("its place is taken still")
	}
	return held, octets, err
}

// TestTransferPace: a secondary that reads a message now and then, each within the idle time, does not hold its place for
// as long as the zone lasts; one that reads at a bad line's pace gets the whole zone.
func TestTransferPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle := Limits{}.filled().Idle
		held, octets, err := transferAtPace(t, idle-time.Second)
		if most := 2*idle + time.Duration(octets/transferFloor)*time.Second; !errors.Is(err, os.ErrDeadlineExceeded) || held > most {
			t.Errorf("a reader that dawdles had its place for %s and %d octets, at most %s is wanted: %v", held, octets, most, err)
		}
		_, octets, err = transferAtPace(t, 200*time.Millisecond)
		if err != nil {
			t.Errorf("a reader on a bad line was left after %d octets: %v", octets, err)
		}
	})
}
