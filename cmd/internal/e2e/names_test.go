package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/dns/query"
)

// A standing authority, named by the topology, is what a run asks: while it does
// not answer, nothing counts as ready. It has exactly the rights that are printed for it.
func TestStandingAuthority(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "standing")
	b.makesNamespaces()
	printed := b.grant("dns-serve", "standing-names")
	authority := *b
	var record *recorder
	authority.sandbox, record = b.sandbox.as(t, "standing-names")
	server := authority.start("dns", "serve", "--listen", "127.0.0.1:0")
	address := server.Find(t, regexp.MustCompile(`serving standing\.db\.example\.com\. at (\S+) `))
	b.write(func(s *settings) { s.Authorities = fmt.Sprintf("[%q]", address) })
	if r := b.apply(); !strings.Contains(r.stderr, "names are asked at "+address) {
		t.Errorf("the run does not say whom it asks:\n%s", r.stderr)
	}
	b.expectSettled()
	b.followsPod(address)
	if err := server.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := server.Wait(); code != 0 {
		t.Errorf("dns serve ends with %d after an interrupt:\n%s", code, server.Output())
	}
	for _, cluster := range clusterNames {
		if left := record.unused(cluster, printed[cluster].rights()); len(left) > 0 {
			t.Errorf("%s: printed, and never used:\n  %s", cluster, strings.Join(left, "\n  "))
		}
	}
	b.write(func(s *settings) { s.Image = "v25.4.1"; s.Timeout = "6s" })
	r := b.expect(1, "apply", "--auto-approve")
	if !strings.Contains(r.stderr, address) {
		t.Errorf("the account does not name the silent authority:\n%s", r.stderr)
	}
	if doc := b.status(0); ready(doc) != 9 {
		t.Errorf("%d replicas are ready, want 9: with no authority at most one replica moves, and it comes back", ready(doc))
	}
}

// followsPod: a pod that comes back with a new address is answered with that one.
func (b *bank) followsPod(address string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	name := b.settings.Name + "-1.euw1." + b.settings.Name + ".db.example.com."
	before := b.ask(ctx, address, name)
	pods := b.sandbox.clients["euw1"].CoreV1().Pods(b.settings.Name)
	if err := pods.Delete(ctx, b.settings.Name+"-1", metav1.DeleteOptions{}); err != nil {
		b.t.Fatal(err)
	}
	for {
		pod, err := pods.Get(ctx, b.settings.Name+"-1", metav1.GetOptions{})
		if err == nil && pod.Status.PodIP != "" && pod.Status.PodIP != before && b.ask(ctx, address, name) == pod.Status.PodIP {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("%s still answers %s", name, before)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ask returns the one address of a name, empty where it has none.
func (b *bank) ask(ctx context.Context, address, name string) string {
	b.t.Helper()
	answer, err := query.Client{}.LookupAddresses(ctx, address, name)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(answer.Addresses) != 1 {
		return ""
	}
	return answer.Addresses[0].String()
}

// On a terminal apply asks; anything but yes changes nothing.
func TestApproval(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "asked")
	no := b.startOnTerminal("no\n", "apply")
	if code := no.Wait(); code != 14 || !strings.Contains(no.Output(), "Only 'yes' runs it") {
		t.Fatalf("exit %d after a no, want 14\n%s", code, no.Output())
	}
	if len(b.journals()) != 0 {
		t.Error("a run began without approval")
	}
	stopped := b.startOnTerminal("yes\n", "apply")
	stopped.WaitFor(t, "; journal", "steps done")
	stopped.Resize(t, 60, 20)
	stopped.Type(t, "\x03")
	if code := stopped.Wait(); code != 14 || !strings.Contains(stopped.Output(), "stopping after the current step") {
		t.Fatalf("exit %d after an interrupt, want 14\n%s", code, stopped.Output())
	}
	restored(t, stopped.Output())
	yes := b.startOnTerminal("yes\n", "apply")
	if code := yes.Wait(); code != 0 {
		t.Fatalf("exit %d after a yes\n%s", code, yes.Output())
	}
	for _, want := range []string{"\x1b[3", "steps done", "us-east1", "now: a region may be lost", "✓ the database is healthy", "Done: every step is true."} {
		if !strings.Contains(yes.Output(), want) {
			t.Errorf("a terminal does not get %q:\n%s", want, yes.Output())
		}
	}
	restored(t, yes.Output())
	b.expectSettled()
}

// restored: the cursor that a display hid is seen again at the end.
func restored(t *testing.T, output string) {
	t.Helper()
	if shown, hidden := strings.LastIndex(output, "\x1b[?25h"), strings.LastIndex(output, "\x1b[?25l"); shown < hidden || hidden < 0 {
		t.Errorf("the terminal was not given back: %q", output)
	}
}
