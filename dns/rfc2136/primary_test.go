package rfc2136_test

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest"
	"quorate.dev/quorate/dns/rfc2136"
)

const (
	keyName = "quorate-key."
	secret  = "NWYkDX+E8dIEeaRxccdGV9kVM7YuCgatLDSlTFjCPOg="
	origin  = dnstest.Origin
)

// primary is a name server in the test's own process: it takes updates as RFC 2136 §3 has them, answers
// queries and transfers its zone, over TCP with TSIG. A script makes it misbehave.
type primary struct {
	t       *testing.T
	address string

	mu      sync.Mutex
	script  func(n int, m *mdns.Msg) fault // n counts the messages of that opcode, from 1
	counts  map[int]int
	updates []*mdns.Msg
	rrs     map[string]map[string]mdns.RR // by name, and by what they are, TTL aside
	serial  uint32
}

// fault is what a primary does otherwise.
type fault struct {
	rcode     int                      // answer so, and do nothing
	after     bool                     // with rcode: do it nevertheless
	swallow   bool                     // do it, and close the connection without a reply
	cut       bool                     // close the connection, and do nothing
	denied    bool                     // say BADKEY, and do nothing
	silent    bool                     // do not answer at all
	unsigned  bool                     // do not sign the reply
	secret    string                   // sign with another
	signer    string                   // sign in the name of another key
	change    func(reply *mdns.Msg)    // before it is signed
	wire      func(wire []byte) []byte // after it is signed
	transfers func(q *mdns.Msg, mac string) [][]byte
}

func startPrimary(t *testing.T, script func(n int, m *mdns.Msg) fault) *primary {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &primary{t: t, address: listener.Addr().String(), script: script, counts: map[int]int{}, rrs: map[string]map[string]mdns.RR{}, serial: 1}
	p.hold("contract.example.com. 300 IN NS ns.example.net.")
	var conns sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			conns.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		conns.Wait()
	})
	return p
}

// publisher writes to the primary without long waits.
func (p *primary) publisher(change ...func(*rfc2136.Config)) *rfc2136.Publisher {
	p.t.Helper()
	key, err := rfc2136.NewKey(keyName, "", secret)
	if err != nil {
		p.t.Fatal(err)
	}
	cfg := rfc2136.Config{
		Server: p.address, Zone: origin, Key: key, Timeout: 5 * time.Second,
		Attempts: 3, Backoff: func(int) time.Duration { return time.Millisecond },
	}
	for _, c := range change {
		c(&cfg)
	}
	publisher, err := rfc2136.Open(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	return publisher
}

func (p *primary) hold(lines ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range lines {
		rr, err := mdns.NewRR(line)
		if err != nil {
			p.t.Fatal(err)
		}
		p.put(rr)
	}
}

func (p *primary) put(rr mdns.RR) {
	name := dns.Canonical(rr.Header().Name)
	if p.rrs[name] == nil {
		p.rrs[name] = map[string]mdns.RR{}
	}
	p.rrs[name][ident(rr)] = rr
}

// holds are the records of a name, as lines, sorted.
func (p *primary) holds(name string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	for _, rr := range p.at(name, mdns.TypeANY) {
		lines = append(lines, strings.Join(strings.Fields(rr.String())[1:], " "))
	}
	slices.Sort(lines)
	return lines
}

// taken are the updates that were carried out, or refused for their prerequisites.
func (p *primary) taken() []*mdns.Msg {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.updates)
}

// count is how many messages of an opcode came.
func (p *primary) count(opcode int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[opcode]
}

func ident(rr mdns.RR) string {
	rr = mdns.Copy(rr)
	rr.Header().Ttl, rr.Header().Class = 0, mdns.ClassINET
	rr.Header().Name = dns.Canonical(rr.Header().Name)
	return rr.String()
}

func (p *primary) at(name string, rtype uint16) []mdns.RR {
	var rrs []mdns.RR
	held := p.rrs[dns.Canonical(name)]
	for _, id := range slices.Sorted(maps.Keys(held)) {
		if rr := held[id]; rtype == mdns.TypeANY || rr.Header().Rrtype == rtype {
			rrs = append(rrs, rr)
		}
	}
	return rrs
}

func (p *primary) soa() mdns.RR {
	return &mdns.SOA{
		Hdr: mdns.RR_Header{Name: origin, Rrtype: mdns.TypeSOA, Class: mdns.ClassINET, Ttl: 300},
		Ns:  "ns.example.net.", Mbox: "h.example.net.", Serial: p.serial, Refresh: 1, Retry: 1, Expire: 1, Minttl: 5,
	}
}

func (p *primary) serve(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // a test's end
	for {
		wire, err := readFrame(conn)
		if err != nil {
			return
		}
		replies, closes := p.handle(wire)
		for _, reply := range replies {
			if _, err := conn.Write(binary.BigEndian.AppendUint16(nil, uint16(len(reply)))); err != nil {
				return
			}
			if _, err := conn.Write(reply); err != nil {
				return
			}
		}
		if closes {
			return
		}
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	wire := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, wire)
	return wire, err
}

// handle is the reply to a message, and whether the connection ends.
func (p *primary) handle(wire []byte) (replies [][]byte, closes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := new(mdns.Msg)
	if err := m.Unpack(wire); err != nil {
		p.t.Errorf("the publisher sent what cannot be read: %v", err)
		return nil, true
	}
	reply := new(mdns.Msg)
	reply.SetReply(m)
	reply.Compress = true
	mac := ""
	if sig := m.IsTsig(); sig != nil {
		mac = sig.MAC
		err := mdns.TsigVerify(slices.Clone(wire), secret, "", false)
		if err == nil && !strings.EqualFold(sig.Hdr.Name, keyName) {
			err = mdns.ErrKey
		}
		if err != nil {
			return [][]byte{p.refuseSignature(reply, sig, err)}, false
		}
	}
	p.counts[m.Opcode]++
	var f fault
	if p.script != nil {
		f = p.script(p.counts[m.Opcode], m)
	}
	if f.transfers != nil {
		return f.transfers(m, mac), true
	}
	if f.denied {
		return [][]byte{p.refuseSignature(reply, m.IsTsig(), mdns.ErrKey)}, false
	}
	if f.cut || f.silent {
		return nil, f.cut
	}
	if reply.Rcode = f.rcode; f.rcode == 0 || f.after {
		p.answer(m, reply)
	}
	if f.rcode != 0 {
		reply.Rcode = f.rcode
	}
	if f.swallow {
		return nil, true
	}
	if f.change != nil {
		f.change(reply)
	}
	out := p.sign(reply, mac, f)
	if f.wire != nil {
		out = f.wire(out)
	}
	return [][]byte{out}, false
}

func (p *primary) sign(reply *mdns.Msg, mac string, f fault) []byte {
	var out []byte
	var err error
	if mac == "" || f.unsigned {
		out, err = reply.Pack()
	} else {
		with := secret
		if f.secret != "" {
			with = f.secret
		}
		reply.SetTsig(cmp.Or(f.signer, keyName), mdns.HmacSHA256, 300, time.Now().Unix())
		out, _, err = mdns.TsigGenerate(reply, with, mac, false)
	}
	if err != nil {
		p.t.Error(err)
	}
	return out
}

// refuseSignature answers as RFC 8945 §5.2 has it.
func (p *primary) refuseSignature(reply *mdns.Msg, sig *mdns.TSIG, why error) []byte {
	reply.Rcode = mdns.RcodeNotAuth
	reply.SetTsig(sig.Hdr.Name, sig.Algorithm, 300, int64(sig.TimeSigned))
	out := reply.IsTsig()
	switch {
	case errors.Is(why, mdns.ErrKey):
		out.Error = mdns.RcodeBadKey
	case errors.Is(why, mdns.ErrTime):
		out.Error = mdns.RcodeBadTime
		out.OtherLen = 6
		out.OtherData = hexTime(time.Now())
	default:
		out.Error = mdns.RcodeBadSig
	}
	wire, _, err := mdns.TsigGenerate(reply, secret, sig.MAC, false)
	if err != nil {
		p.t.Error(err)
	}
	return wire
}

func (p *primary) answer(m, reply *mdns.Msg) {
	reply.Authoritative = true
	if m.Opcode == mdns.OpcodeUpdate {
		p.updates = append(p.updates, m)
		reply.Rcode = p.update(m)
		return
	}
	q := m.Question[0]
	switch {
	case q.Qtype == mdns.TypeAXFR:
		reply.Answer = append(reply.Answer, p.soa())
		for _, name := range slices.Sorted(maps.Keys(p.rrs)) {
			reply.Answer = append(reply.Answer, p.at(name, mdns.TypeANY)...)
		}
		reply.Answer = append(reply.Answer, p.soa())
	case !strings.EqualFold(q.Name, origin) && !strings.HasSuffix(strings.ToLower(q.Name), "."+origin):
		reply.Rcode, reply.Authoritative = mdns.RcodeRefused, false
	case q.Qtype == mdns.TypeSOA && strings.EqualFold(q.Name, origin):
		reply.Answer = []mdns.RR{p.soa()}
	default:
		if reply.Answer = p.at(q.Name, q.Qtype); len(reply.Answer) == 0 {
			reply.Answer = p.at(q.Name, mdns.TypeCNAME)
		}
		if len(p.at(q.Name, mdns.TypeANY)) == 0 {
			reply.Rcode = mdns.RcodeNameError
			_, above, _ := strings.Cut(q.Name, ".")
			for _, rr := range p.at("*."+above, q.Qtype) { // RFC 4592, as far as the tests need it
				rr = mdns.Copy(rr)
				rr.Header().Name, reply.Rcode = q.Name, mdns.RcodeSuccess
				reply.Answer = append(reply.Answer, rr)
			}
		}
	}
}

// update is RFC 2136 §3.2 and §3.4.
func (p *primary) update(m *mdns.Msg) int {
	if !strings.EqualFold(m.Question[0].Name, origin) {
		return mdns.RcodeNotAuth
	}
	wanted := map[string][]string{}
	for _, rr := range m.Answer {
		h := rr.Header()
		held := p.at(h.Name, h.Rrtype)
		switch {
		case h.Class == mdns.ClassNONE && len(held) > 0 && h.Rrtype == mdns.TypeANY:
			return mdns.RcodeYXDomain
		case h.Class == mdns.ClassNONE && len(held) > 0:
			return mdns.RcodeYXRrset
		case h.Class == mdns.ClassINET:
			key := dns.Canonical(h.Name) + " " + mdns.Type(h.Rrtype).String()
			wanted[key] = append(wanted[key], ident(rr))
		}
	}
	for key, want := range wanted {
		name, rtype, _ := strings.Cut(key, " ")
		var held []string
		for _, rr := range p.at(name, mdns.StringToType[rtype]) {
			held = append(held, ident(rr))
		}
		slices.Sort(want)
		slices.Sort(held)
		if !slices.Equal(want, held) {
			return mdns.RcodeNXRrset
		}
	}
	for _, rr := range m.Ns {
		p.change(rr)
	}
	p.serial++
	return mdns.RcodeSuccess
}

func (p *primary) change(rr mdns.RR) {
	h := rr.Header()
	if h.Class == mdns.ClassANY {
		for _, old := range p.at(h.Name, h.Rrtype) {
			delete(p.rrs[dns.Canonical(h.Name)], ident(old))
		}
		return
	}
	if h.Rrtype != mdns.TypeCNAME && len(p.at(h.Name, mdns.TypeCNAME)) > 0 {
		return // silently, §3.4.2.2
	}
	p.put(rr)
}
