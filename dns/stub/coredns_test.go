package stub

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	nameservers "quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/regions"
)

// coreDNS is the program that plays the DNS of each cluster.
func coreDNS(t *testing.T) string {
	t.Helper()
	path := os.Getenv("QUORATE_COREDNS")
	if path == "" {
		t.Skip("set QUORATE_COREDNS to a CoreDNS binary, such as that of `bin/sandbox build --containers --print-path`")
	}
	return path
}

// played is a cluster that calls itself cluster.local, like all of them.
type played struct {
	t       *testing.T
	name    string
	address string // 127.0.0.1:port
	file    string // its Corefile
	said    *said
}

// said is what the process said so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// clusterZone is what the kubernetes plugin would answer in a cluster of two replicas.
const clusterZone = `$ORIGIN cluster.local.
@ 5 IN SOA ns.dns hostmaster 1 7200 1800 86400 5
@ 5 IN NS ns.dns
ns.dns 5 IN A 10.0.0.1
bank-0.bank.db.svc 5 IN A 10.%[1]d.0.1
bank-1.bank.db.svc 5 IN A 10.%[1]d.0.2
bank.db.svc 5 IN A 10.%[1]d.0.1
bank.db.svc 5 IN A 10.%[1]d.0.2
`

// freePort is a port that was free for both UDP and TCP a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(nameservers.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// play starts a CoreDNS with kubeadm's plugins; the zone file stands in for plugin kubernetes, which needs an API server.
// upstream answers what is outside of all.
func play(t *testing.T, name string, number int, upstream string) *played {
	t.Helper()
	dir := t.TempDir()
	p := &played{t: t, name: name, address: "127.0.0.1:" + freePort(t), file: filepath.Join(dir, "Corefile"), said: &said{}}
	zone := filepath.Join(dir, "cluster.local")
	if err := os.WriteFile(zone, fmt.Appendf(nil, clusterZone, number), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		".:53 {", ".:"+p.address[len("127.0.0.1:"):]+" {\n    bind 127.0.0.1",
		"health {", "health 127.0.0.1:"+freePort(t)+" {", "    ready\n", "    ready 127.0.0.1:"+freePort(t)+"\n",
		"prometheus :9153", "prometheus 127.0.0.1:"+freePort(t),
		"lameduck 5s", "lameduck 0s", "forward . /etc/resolv.conf", "forward . "+upstream, "    reload\n", "    reload 2s 1s\n",
	).Replace(kubeadm)
	text = regexp.MustCompile(`(?s)kubernetes cluster.local .*?\n    }`).ReplaceAllString(text, "file "+zone+" cluster.local")
	p.write(text)
	return p
}

func (p *played) write(text string) {
	p.t.Helper()
	if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *played) read() string {
	p.t.Helper()
	data, err := os.ReadFile(p.file)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

// start runs it until the test ends.
func (p *played) start() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, coreDNS(p.t), "-conf", p.file)
	cmd.Stdout, cmd.Stderr = p.said, p.said
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if p.t.Failed() {
			p.t.Logf("%s:\n%s\n%s", p.name, p.read(), p.said)
		}
	})
	if p.answers("bank-0.bank.db.svc.cluster.local.", mdns.TypeA, "NOERROR"); p.t.Failed() {
		p.t.FailNow()
	}
}

// ask asks once.
func (p *played) ask(name string, kind uint16) (*mdns.Msg, string) {
	m := new(mdns.Msg)
	m.SetQuestion(mdns.Fqdn(name), kind)
	client := &mdns.Client{Timeout: 2 * time.Second}
	in, _, err := client.Exchange(m, p.address)
	if err != nil {
		return nil, err.Error()
	}
	out := []string{mdns.RcodeToString[in.Rcode]}
	for _, rr := range in.Answer {
		if a, ok := rr.(*mdns.A); ok && strings.EqualFold(a.Hdr.Name, mdns.Fqdn(name)) {
			out = append(out, a.A.String())
		} else {
			out = append(out, rr.String())
		}
	}
	slices.Sort(out[1:])
	return in, strings.Join(out, " ")
}

// answers waits until the cluster's DNS gives this answer: it starts, and reloads its Corefile, in its own time.
func (p *played) answers(name string, kind uint16, want string) *mdns.Msg {
	p.t.Helper()
	var got string
	var m *mdns.Msg
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if m, got = p.ask(name, kind); got == want || want == "NOERROR" && strings.HasPrefix(got, "NOERROR ") {
			return m
		}
	}
	p.t.Errorf("%s answers %s with %q, want %q", p.name, name, got, want)
	return nil
}

func (p *played) server() netip.AddrPort { return netip.MustParseAddrPort(p.address) }

// edit changes its Corefile as the command would.
func (p *played) edit(e Entry, remove bool) Edit {
	p.t.Helper()
	in := corefileInput(p.read(), e)
	in.Remove, in.Own = remove, []netip.AddrPort{p.server()}
	edit := planned(p.t, in)
	if edit.Refusal != nil || !edit.Changes() {
		p.t.Fatalf("%s: %v %+v", p.name, edit.Refusal, edit)
	}
	p.write(edit.After)
	return edit
}

// authority answers for a zone, and refuses what is outside.
func authority(t *testing.T, zone string) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &mdns.Server{PacketConn: conn, Handler: mdns.HandlerFunc(func(w mdns.ResponseWriter, r *mdns.Msg) {
		m := new(mdns.Msg)
		m.SetReply(r)
		q := r.Question[0]
		switch {
		case !strings.HasSuffix(strings.ToLower(q.Name), zone):
			m.Rcode = mdns.RcodeRefused
		case q.Qtype == mdns.TypeA && strings.HasPrefix(q.Name, "bank-0."):
			rr, err := mdns.NewRR(q.Name + " 10 IN A 192.0.2.7")
			if err == nil {
				m.Answer = append(m.Answer, rr)
			}
			m.Authoritative = true
		default:
			m.Authoritative, m.Rcode = true, mdns.RcodeNameError
		}
		_ = w.WriteMsg(m) // the test sees a lost answer
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = server.Shutdown() // it may have failed before
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

// TestDelegationInCoreDNS: the zone goes to the authority once the Corefile is read again, and comes
// back when the entry is taken out; loop does not see a loop; nothing else changes.
func TestDelegationInCoreDNS(t *testing.T) {
	t.Parallel()
	coreDNS(t)
	server := authority(t, "example.com.")
	p := play(t, "use1", 1, authority(t, "nothing.test.").String())
	before := p.read()
	p.start()
	p.answers("bank-0.use1.bank.db.example.com.", mdns.TypeA, "REFUSED")
	e, err := Delegation(bank(), []netip.AddrPort{server})
	if err != nil {
		t.Fatal(err)
	}
	p.edit(e, false)
	p.answers("bank-0.use1.bank.db.example.com.", mdns.TypeA, "NOERROR 192.0.2.7")
	p.answers("none.use1.bank.db.example.com.", mdns.TypeA, "NXDOMAIN")
	p.answers("bank-1.bank.db.svc.cluster.local.", mdns.TypeA, "NOERROR 10.1.0.2")
	if edit := planned(t, corefileInput(p.read(), e)); edit.State != Present {
		t.Errorf("%+v", edit)
	}
	p.edit(e, true)
	p.answers("bank-1.use1.bank.db.example.com.", mdns.TypeA, "REFUSED")
	if p.read() != before {
		t.Errorf("the Corefile is not as it was:\n%s", p.read())
	}
	if strings.Contains(p.said.String(), "[FATAL]") || !strings.Contains(p.said.String(), "Reloading complete") {
		t.Errorf("it said:\n%s", p.said)
	}
}

// TestChainInCoreDNS: three clusters that all call themselves cluster.local know one another's replicas and the seeds.
func TestChainInCoreDNS(t *testing.T) {
	t.Parallel()
	coreDNS(t)
	upstream := authority(t, "nothing.test.")
	in := chainInput()
	in.Topology.Spec.Regions[2].Clusters = in.Topology.Spec.Regions[2].Clusters[:1]
	in.Servers = map[string][]netip.AddrPort{}
	var clusters []*played
	for i, name := range []string{"use1", "usw1", "euw1"} {
		p := play(t, name, i+1, upstream.String())
		clusters = append(clusters, p)
		in.Servers[name] = []netip.AddrPort{p.server()}
	}
	for _, p := range clusters {
		e, err := Chain(in, p.name)
		if err != nil {
			t.Fatal(err)
		}
		p.edit(e, false)
		p.start()
	}
	for _, p := range clusters {
		for i, other := range clusters {
			first, second := fmt.Sprintf("10.%d.0.1", i+1), fmt.Sprintf("10.%d.0.2", i+1)
			for range 2 { // from the cache, too
				if m := p.answers("bank-0."+other.name+".bank.db.example.com.", mdns.TypeA, "NOERROR "+first); m != nil && !m.Authoritative {
					t.Errorf("%s: %s is answered without authority", p.name, other.name)
				}
			}
			p.answers("BANK-1."+other.name+".bank.db.example.com.", mdns.TypeA, "NOERROR "+second)
			p.answers(other.name+".bank.db.example.com.", mdns.TypeA, "NOERROR "+first+" "+second)
			p.answers("bank-0."+other.name+".bank.db.example.com.", mdns.TypeAAAA, "NOERROR")
			p.answers("none."+other.name+".bank.db.example.com.", mdns.TypeA, "NXDOMAIN")
			p.answers("bank-7."+other.name+".bank.db.example.com.", mdns.TypeA, "NXDOMAIN")
		}
		p.answers("us-east1.bank.db.example.com.", mdns.TypeA, "NOERROR 10.1.0.1 10.1.0.2")
		for i, want := range []string{"10.1.0.1", "10.2.0.1", "10.3.0.1", "10.1.0.2"} {
			p.answers(fmt.Sprintf("join-%d.bank.db.example.com.", i), mdns.TypeA, "NOERROR "+want)
		}
		p.answers("x.join-0.bank.db.example.com.", mdns.TypeA, "NXDOMAIN")
		p.answers("bank-0.bank.db.svc.cluster.local.", mdns.TypeA, "NOERROR")
		if strings.Contains(p.said.String(), "[FATAL]") {
			t.Errorf("%s said:\n%s", p.name, p.said)
		}
	}
}

// TestLoopsAreReal: what is refused as a loop is one. CoreDNS's own plugin loop does not find it, since it only looks
// at the root zone; every question is dropped at last.
func TestLoopsAreReal(t *testing.T) {
	t.Parallel()
	coreDNS(t)
	upstream := authority(t, "nothing.test.")
	one, other := play(t, "use1", 1, upstream.String()), play(t, "usw1", 2, upstream.String())
	point := func(from, to *played) {
		e, err := Delegation(&regions.Topology{Metadata: regions.Metadata{Name: "bank"}, Spec: regions.Spec{DNS: regions.DNS{Zone: "bank.db.example.com"}}}, []netip.AddrPort{to.server()})
		if err != nil {
			t.Fatal(err)
		}
		from.edit(e, false)
	}
	point(one, other)
	point(other, one)
	nodes := []Node{{"use1", one.read(), []netip.AddrPort{one.server()}}, {"usw1", other.read(), []netip.AddrPort{other.server()}}}
	if err := Loops(nodes, []string{"bank-0.use1.bank.db.example.com"}); err == nil {
		t.Error("the loop is not seen")
	}
	one.start()
	other.start()
	if _, got := one.ask("bank-0.use1.bank.db.example.com.", mdns.TypeA); strings.Contains(got, "NOERROR") {
		t.Errorf("an answer came out of a loop: %s", got)
	}
}

// TestConflictIsReal: CoreDNS does not start with what is refused as another's zone.
func TestConflictIsReal(t *testing.T) {
	t.Parallel()
	p := play(t, "use1", 1, "127.0.0.1:1")
	e := delegation(t, "127.0.0.2")
	foreign := p.read() + "bank.db.example.com:" + p.address[len("127.0.0.1:"):] + " {\n    bind 127.0.0.1\n    whoami\n}\n"
	if edit := planned(t, corefileInput(foreign, e)); edit.State != Foreign {
		t.Fatalf("%+v", edit)
	}
	p.write(planned(t, corefileInput(p.read(), e)).After + strings.TrimPrefix(foreign, p.read()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, coreDNS(t), "-conf", p.file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "already defined") {
		t.Errorf("%v\n%s", err, out)
	}
}
