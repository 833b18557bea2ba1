package serve_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/regions"
)

// TestForwarder runs the Corefile that is rendered under a real CoreDNS, in front of a real authority: the
// zone's answers pass unchanged and fresh, failures included; everything else goes to the cluster's DNS; and
// whoever is no pod of the cluster is refused.
func TestForwarder(t *testing.T) {
	binary := os.Getenv("QUORATE_COREDNS")
	if binary == "" {
		t.Skip("QUORATE_COREDNS names no CoreDNS to run")
	}
	elsewhere := clusterDNS(t)
	upstream, front, health, ready := freePort(t), freePort(t), freePort(t), freePort(t)
	corefile := renderedCorefile(t)
	for from, to := range map[string]string{
		":1053": ":" + front, "127.0.0.1:1054": "127.0.0.1:" + upstream, ":8080": ":" + health, ":8181": ":" + ready,
	} {
		if !bytes.Contains(corefile, []byte(from)) {
			t.Fatalf("the Corefile has no %s:\n%s", from, corefile)
		}
		corefile = bytes.ReplaceAll(corefile, []byte(from), []byte(to))
	}
	dir := t.TempDir()
	// A resolv.conf has no ports, so the cluster's DNS is written in instead of the file that names it.
	corefile = bytes.ReplaceAll(corefile, []byte("/etc/resolv.conf {"), []byte(elsewhere+" {"))
	file := filepath.Join(dir, "Corefile")
	if err := os.WriteFile(file, corefile, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, binary, "-conf", file)
	probe(t, "http://127.0.0.1:"+ready+"/ready")
	probe(t, "http://127.0.0.1:"+health+"/health")

	address := "127.0.0.1:" + front
	listening(t, address)
	const replica = "bank-0.use1." + origin
	expect := func(network, name, want string) {
		t.Helper()
		if got := asked(t, network, address, name); got != want {
			t.Errorf("%s %s: got %s, want %s", network, name, got, want)
		}
	}
	expect("udp", replica, "SERVFAIL") // the authority does not run yet
	use1, stop := authorityAt(t, "127.0.0.1:"+upstream)
	for _, network := range []string{"udp", "tcp"} {
		expect(network, replica, "NOERROR aa 10.1.0.4")
		expect(network, "bank-9.use1."+origin, "NXDOMAIN aa")
		expect(network, "bank-0.euw1."+origin, "SERVFAIL") // never read
		expect(network, "backup.example.org.", "NOERROR 192.0.2.7")
	}
	// A new address is answered at once, whatever was answered before.
	for i := range 20 {
		ip := fmt.Sprintf("10.1.1.%d", i)
		use1.set(t, newSlice("s", "bank-headless", slicePod("bank-0", fmt.Sprint("uid", i), ip)))
		eventually(t, "127.0.0.1:"+upstream, replica, "NOERROR["+ip+"]")
		expect("udp", replica, "NOERROR aa "+ip)
	}
	stop()
	expect("udp", replica, "SERVFAIL")
	_, stop = authorityAt(t, "127.0.0.1:"+upstream)
	defer stop()
	expect("udp", replica, "NOERROR aa 10.1.0.4") // back with the first question
	if host := otherAddress(t); host != "" {
		for _, name := range []string{replica, "backup.example.org."} {
			if got := asked(t, "udp", net.JoinHostPort(host, front), name); got != "REFUSED" {
				t.Errorf("%s, which is no pod, is answered %s for %s", host, got, name)
			}
		}
	}
}

// renderedCorefile is that of cluster use1 in a topology like bank.
func renderedCorefile(t *testing.T) []byte {
	t.Helper()
	top, problems := regions.Parse([]byte(`apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: bank}
spec:
  profile: cockroachdb
  image: cockroachdb/cockroach:v25.4.1
  storage: {size: 1Gi, className: standard}
  tls: {mode: disabled}
  survive: {failure: none}
  dns:
    zone: `+strings.TrimSuffix(origin, ".")+`
    publish: [{serve: {inCluster: {image: "quorate:1", forwarder: "coredns:1"}}}]
  regions:
    - {name: us-east1, clusters: [{name: use1, replicas: 2, dnsServers: [10.96.0.53], podCIDRs: [203.0.113.0/24, "2001:db8::/64"]}]}
    - {name: europe-west1, clusters: [{name: euw1, replicas: 1, dnsServers: [10.97.0.53], podCIDRs: [198.51.100.0/24]}]}
`), "topology.yaml")
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	profile, err := kustomize.LoadProfile(top.Spec.Profile)
	if err != nil {
		t.Fatal(err)
	}
	r, err := kustomize.Render(top, profile, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Files[r.Overlays[0].AuthorityDir()+"/Corefile"]
}

// authorityAt runs an authority of which cluster euw1 was never read, until stop is called.
func authorityAt(t *testing.T, address string) (*cluster, func()) {
	t.Helper()
	use1 := newCluster(t, "use1")
	use1.put(t, "s", slicePod("bank-0", "a", "10.1.0.4"))
	server, err := serve.New(t.Context(), serve.Config{Topology: bank(), Sources: []serve.Source{use1.source()}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Listen(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	return use1, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// clusterDNS answers every name with one address, without authority.
func clusterDNS(t *testing.T) string {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	handler := mdns.HandlerFunc(func(w mdns.ResponseWriter, query *mdns.Msg) {
		reply := new(mdns.Msg).SetReply(query)
		reply.Answer = []mdns.RR{&mdns.A{
			Hdr: mdns.RR_Header{Name: query.Question[0].Name, Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: 30}, A: net.IPv4(192, 0, 2, 7),
		}}
		_ = w.WriteMsg(reply)
	})
	for _, server := range []*mdns.Server{{PacketConn: packets, Handler: handler}, {Listener: stream, Handler: handler}} {
		go func() { _ = server.ActivateAndServe() }()
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return packets.LocalAddr().String()
}

// listening waits until a server answers over both networks: CoreDNS says that it is ready before.
func listening(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, network := range []string{"udp", "tcp"} {
		client := &mdns.Client{Net: network, Timeout: time.Second}
		for {
			_, _, err := client.ExchangeContext(ctx, question("listening.example.org.", mdns.TypeA), address)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("%s %s does not answer: %v", network, address, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// asked is the answer in brief: rcode, aa, addresses.
func asked(t *testing.T, network, address, name string) string {
	t.Helper()
	reply, _, err := (&mdns.Client{Net: network, Timeout: 10 * time.Second}).ExchangeContext(t.Context(), question(name, mdns.TypeA), address)
	if err != nil {
		t.Fatalf("%s %s: %v", network, name, err)
	}
	out := []string{mdns.RcodeToString[reply.Rcode]}
	if reply.Authoritative {
		out = append(out, "aa")
	}
	for _, rr := range reply.Answer {
		if a, ok := rr.(*mdns.A); ok {
			out = append(out, a.A.String())
		}
	}
	return strings.Join(out, " ")
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil || listener.Close() != nil {
		t.Fatal(err)
	}
	return port
}

// otherAddress is an address of this machine that is not loopback; empty where it has none.
func otherAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	return ""
}

func run(t *testing.T, binary string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGKILL) } // its lameduck would be waited for
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
}

// probe asks until the answer is 200, for half a minute at most.
func probe(t *testing.T, url string) {
	t.Helper()
	waitFor(t, url, func() bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}
