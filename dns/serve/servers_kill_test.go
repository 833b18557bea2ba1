package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/serve"
)

// processVariable makes the test binary the name server that TestKill9 kills: its address, the file of its state, and whom it notifies.
const processVariable = "QUORATE_TEST_SERVE_PROCESS"

// serveProcess is that process. Lines on its standard input say what its clusters do: "up", or the address of bank-0 in use1 from now on.
func serveProcess(t *testing.T, settings []string) {
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.down.Store(true)
	euw1.down.Store(true)
	transfers := serve.Transfers{AllowPrefixes: loopback}
	for _, address := range settings[2:] {
		transfers.NotifyTo = append(transfers.NotifyTo, serve.NotifyTarget{Address: address})
	}
	server, err := serve.New(t.Context(), serve.Config{
		Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()}, Now: time.Now, Ports: []dns.Port{{Name: "sql", Number: 26257}},
		Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Transfers: transfers, State: serve.StateFile(settings[1]),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Listen(t.Context(), settings[0]); err != nil {
		t.Fatal(err)
	}
	use1.put(t, "slice")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer cancel() // whoever started it is gone
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			if lines.Text() == "up" {
				use1.down.Store(false)
				euw1.down.Store(false)
				continue
			}
			use1.set(t, newSlice("slice", "bank-headless", slicePod("bank-0", lines.Text(), lines.Text())))
		}
	}()
	if err := server.Run(ctx); err != nil {
		t.Error(err)
	}
}

// killable is a name server in a process of its own.
type killable struct {
	address, state string
	notify         []string
	cmd            *exec.Cmd
	in             io.WriteCloser
}

func (k *killable) start(t *testing.T) {
	t.Helper()
	k.cmd = exec.Command(os.Args[0], "-test.run=^TestKill9$")
	k.cmd.Env = append(os.Environ(), processVariable+"="+strings.Join(append([]string{k.address, k.state}, k.notify...), " "))
	var err error
	if k.in, err = k.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill9 ends the process as a power cut would.
func (k *killable) kill9(t *testing.T) {
	t.Helper()
	if k.cmd == nil {
		return
	}
	if err := k.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = k.cmd.Wait() // it says that it was killed
	k.cmd = nil
}

func (k *killable) say(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(k.in, line); err != nil {
		t.Fatal(err)
	}
}

// serialAt waits until a server answers that bank-0 in use1 has an address, and gives its serial.
func serialAt(t *testing.T, server, address string) (serial uint32) {
	t.Helper()
	client := mdns.Client{Timeout: time.Second}
	waitFor(t, server+" answers "+address, func() bool {
		a, _, err := client.Exchange(question("bank-0.use1."+origin, mdns.TypeA), server)
		soa, _, err2 := client.Exchange(question(origin, mdns.TypeSOA), server)
		if err != nil || err2 != nil || len(a.Answer) != 1 || len(soa.Answer) != 1 {
			return false
		}
		serial = soa.Answer[0].(*mdns.SOA).Serial
		return a.Answer[0].(*mdns.A).A.String() == address
	})
	return serial
}

// TestKill9: a server that is killed, also in the middle of changes that its file does not hold yet, answers what it knew while no
// cluster can be read, under a serial that its secondaries take for a newer one, and they follow it from there.
func TestKill9(t *testing.T) {
	if settings := strings.Fields(os.Getenv(processVariable)); len(settings) > 0 {
		serveProcess(t, settings)
		return
	}
	servers.Needed(t)
	kinds := []servers.Kind{servers.BIND, servers.Knot, servers.NSD}
	if os.Getenv(servers.CoreDNSVariable) != "" {
		kinds = append(kinds, servers.CoreDNS)
	}
	k := &killable{address: servers.FreeAddress(t), state: t.TempDir() + "/state.json"}
	for range kinds {
		k.notify = append(k.notify, servers.FreeAddress(t))
	}
	k.start(t)
	t.Cleanup(func() { k.kill9(t) })
	k.say(t, "10.1.0.1")
	k.say(t, "up")
	serialAt(t, k.address, "10.1.0.1")
	for i, kind := range kinds {
		servers.Secondary(t, kind, k.address, origin, servers.Following{Address: k.notify[i], Extra: quickRefresh[kind]})
	}
	follow := func(address string) {
		t.Helper()
		serial := serialAt(t, k.address, address)
		for i, kind := range kinds {
			waitFor(t, fmt.Sprintf("%s has serial %d", kind, serial), func() bool { return serialAt(t, k.notify[i], address) == serial })
		}
	}
	follow("10.1.0.1")
	k.say(t, "10.1.1.1")
	follow("10.1.1.1")
	waitFor(t, "the state is kept", func() bool {
		data, err := os.ReadFile(k.state)
		return err == nil && strings.Contains(string(data), "10.1.1.1")
	})
	for i := range 60 { // more changes than seconds, and the file holds few of them
		k.say(t, fmt.Sprintf("10.1.2.%d", i))
		serialAt(t, k.address, fmt.Sprintf("10.1.2.%d", i))
	}
	before := serialAt(t, k.notify[0], "10.1.2.59") // one of them has it, which must never see an older one
	k.kill9(t)
	serialAt(t, k.notify[0], "10.1.2.59") // and goes on
	data, err := os.ReadFile(k.state)
	if err != nil {
		t.Fatal(err)
	}
	known := "10.1.1.1"
	if _, rest, found := strings.Cut(string(data), `"ips":["10.1.2.`); found {
		last, _, _ := strings.Cut(rest, `"`)
		known = "10.1.2." + last
	}
	k.start(t)
	if after := serialAt(t, k.address, known); int32(after-before) <= 0 { //nolint:gosec // serial arithmetic
		t.Errorf("serial %d follows %d", after, before)
	}
	follow(known)
	k.say(t, "10.1.3.1")
	k.say(t, "up")
	follow("10.1.3.1")
}
