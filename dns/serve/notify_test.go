package serve_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns/serve"
)

// secondary is a name server that is told of changes.
type secondary struct {
	address string
	told    chan uint32 // the serials of notifies, as they come
}

// What newSecondary may do instead of acknowledging.
const (
	silent   = -1
	unsigned = -2 // as anybody might who does not know the key
)

// newSecondary acknowledges what rcodes say, in turn, the last for ever.
func newSecondary(t *testing.T, key *serve.Key, rcodes ...int) secondary {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := secondary{conn.LocalAddr().String(), make(chan uint32, 1000)}
	server := &mdns.Server{PacketConn: conn, MsgAcceptFunc: func(mdns.Header) mdns.MsgAcceptAction { return mdns.MsgAccept }}
	if key != nil {
		server.TsigSecret = map[string]string{"transfer.": base64.StdEncoding.EncodeToString(key.Secret)}
	}
	count := 0
	server.Handler = mdns.HandlerFunc(func(w mdns.ResponseWriter, m *mdns.Msg) {
		rcode := rcodes[min(count, len(rcodes)-1)]
		count++
		if m.Opcode != mdns.OpcodeNotify || !m.Authoritative || m.Question[0].Name != origin || (key != nil) != (m.IsTsig() != nil && w.TsigStatus() == nil) {
			t.Errorf("got %v, signature %v", m, w.TsigStatus())
		}
		s.told <- m.Answer[0].(*mdns.SOA).Serial
		if rcode == silent {
			return
		}
		reply := new(mdns.Msg).SetRcode(m, max(rcode, mdns.RcodeSuccess))
		if key != nil && rcode != unsigned {
			reply.SetTsig("transfer.", mdns.HmacSHA512, 300, time.Now().Unix())
		}
		_ = w.WriteMsg(reply)
	})
	done := make(chan error, 1)
	go func() { done <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		if err := errors.Join(server.Shutdown(), <-done); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s secondary) next(t *testing.T) uint32 {
	t.Helper()
	select {
	case serial := <-s.told:
		return serial
	case <-time.After(20 * time.Second):
		t.Fatal("the secondary was not told")
		return 0
	}
}

// TestNotify: secondaries are told once every cluster was read, of many changes at once together, and again until they
// acknowledge.
func TestNotify(t *testing.T) {
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	euw1.down.Store(true)
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.4"))
	signed, slow := newSecondary(t, &testKey, mdns.RcodeSuccess), newSecondary(t, nil, silent, mdns.RcodeRefused, mdns.RcodeSuccess)
	server, _ := start(t, serve.Config{
		Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()},
		Transfers: serve.Transfers{Keys: []serve.Key{testKey}, NotifyTo: []serve.NotifyTarget{{Address: signed.address, Key: "transfer"}, {Address: slow.address}}},
	})
	for deadline := time.Now().Add(20 * time.Second); !server.Synced("use1") && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
	select {
	case <-signed.told:
		t.Error("the secondary was told before every cluster was read")
	case <-time.After(300 * time.Millisecond):
	}
	euw1.down.Store(false)
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	if serial := signed.next(t); serial != server.Zone().Serial() {
		t.Errorf("told of %d at %d", serial, server.Zone().Serial())
	}
	began := time.Now()
	for i := range 50 {
		use1.set(t, newSlice("slice", "bank-headless", slicePod("bank-0", fmt.Sprint(i), fmt.Sprintf("10.1.1.%d", i))))
	}
	last, times := uint32(0), 0
	for last != server.Zone().Serial() || times == 0 {
		last = signed.next(t)
		times++
	}
	took := time.Since(began)
	if most := int(took/(200*time.Millisecond)) + 1; times > most {
		t.Errorf("told %d times of 50 changes within %s, want at most %d times", times, took, most)
	}
	for range 3 {
		last = slow.next(t)
	}
	if last != server.Zone().Serial() {
		t.Errorf("the slow one was told of %d at %d", last, server.Zone().Serial())
	}
}

// An acknowledgement that is not signed, of a notify that is, counts for none: the secondary is told again.
func TestNotifyIsAcknowledgedByTheKey(t *testing.T) {
	told := newSecondary(t, &testKey, unsigned, mdns.RcodeSuccess)
	empty := bank()
	empty.Spec.Regions = nil
	start(t, serve.Config{Topology: empty, Transfers: serve.Transfers{Keys: []serve.Key{testKey}, NotifyTo: []serve.NotifyTarget{{Address: told.address, Key: "transfer"}}}})
	if first, second := told.next(t), told.next(t); first != second {
		t.Errorf("told of %d, then of %d", first, second)
	}
}
