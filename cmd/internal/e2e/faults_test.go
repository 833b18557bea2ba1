package e2e

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/cmd/internal/e2e/podwatch"
	"quorate.dev/quorate/planner/journal"
)

// A broken image stops the run after exactly one replica, and a good one recovers.
func TestBrokenImage(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "broken")
	b.apply()
	before := len(b.journals())
	recorded := podwatch.Record(t, b.sandbox.clients, "broken")
	b.write(func(s *settings) { s.Image = "broken"; s.Timeout = "20s" })
	r := b.expect(1, "apply", "--auto-approve")
	for _, want := range []string{"usw1/broken-2", "ImagePull", "what is where", "apply` again"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("the account does not say %q:\n%s", want, r.stderr)
		}
	}
	if doc := b.status(0); ready(doc) != 8 || doc.Exposure.Slack != 1 {
		t.Errorf("%d replicas are ready with slack %d, want 8 with slack 1", ready(doc), doc.Exposure.Slack)
	}
	b.write(func(s *settings) { s.Image = "v25.4.1"; s.Timeout = "60s" })
	b.apply()
	recorded.Close()
	recorded.Judge(t, b.journals()[before:])
	b.expectSettled()
	b.expectEmpty()
}

// Going back to the former image instead restarts only the one replica that had left it.
func TestBackToTheFormerImage(t *testing.T) {
	t.Parallel()
	b := newBank(t, formerSandbox(t), "former")
	b.apply()
	b.write(func(s *settings) { s.Image = "broken"; s.Timeout = "20s" })
	b.expect(1, "apply", "--auto-approve")
	recorded := podwatch.Record(t, b.sandbox.clients, "former")
	before := len(b.journals())
	b.write(func(s *settings) { s.Image = "v25.4.0"; s.Timeout = "60s" })
	b.apply()
	recorded.Close()
	if order := recorded.Judge(t, b.journals()[before:]); len(order) != 1 || order[0] != "usw1/former-2" {
		t.Errorf("replicas %v were restarted, want usw1/former-2 alone", order)
	}
	b.expectSettled()
	b.expectEmpty()
}

func ready(doc statusDocument) int {
	n := 0
	for _, c := range doc.Clusters {
		for _, m := range c.Pools[0].Members {
			if m.Ready {
				n++
			}
		}
	}
	return n
}

// A replica deleted by hand in another region makes an upgrade wait.
func TestDeletedByHand(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "byhand")
	b.write(func(s *settings) { s.Soak = "1s" })
	b.apply()
	before := len(b.journals())
	recorded := podwatch.Record(t, b.sandbox.clients, "byhand")
	b.write(func(s *settings) { s.Image = "v25.4.1" })
	run := b.start("apply", "--auto-approve")
	run.narrates(t, "update usw1/byhand-1")
	pods := b.sandbox.clients["euw1"].CoreV1().Pods("byhand")
	if err := pods.Delete(t.Context(), "byhand-0", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if code := run.Wait(); code != 0 {
		t.Fatalf("exit %d\n%s", code, run.Output())
	}
	recorded.Close()
	recorded.Judge(t, b.journals()[before:])
	b.expectSettled()
}

// Two applies at once: one proceeds, the other says who holds the lock and exits 11.
func TestTwoApplies(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "twice")
	b.write(func(s *settings) { s.Soak = "1s"; s.CanarySoak = "15s" })
	b.apply()
	b.write(func(s *settings) { s.Image = "v25.4.1" })
	first := b.start("apply", "--auto-approve")
	first.narrates(t, "update usw1/twice-2")
	second := b.expect(11, "apply", "--auto-approve")
	if !strings.Contains(second.stderr, "quorate apply on ") {
		t.Errorf("the second run does not say who holds the lock:\n%s", second.stderr)
	}
	if code := first.Wait(); code != 0 {
		t.Fatalf("the first run: exit %d\n%s", code, first.Output())
	}
	b.expectSettled()
}

// kill -9 in the middle of an upgrade by a saved plan; the same plan is accepted again, waits the
// lock out, says so, and ends well.
func TestKilled(t *testing.T) {
	t.Parallel()
	b := newBank(t, formerSandbox(t), "killed")
	b.apply()
	recorded := podwatch.Record(t, b.sandbox.clients, "killed")
	before := len(b.journals())
	b.write(func(s *settings) { s.Image = "v25.4.1" })
	file := filepath.Join(b.dir, "killed.plan")
	b.expect(0, "plan", "-o", file)
	run := b.start("apply", file)
	run.narrates(t, "update use1/killed-1")
	if err := run.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	run.Wait()
	r := b.expect(0, "apply", file)
	for _, want := range []string{"its lock expires at", "going on with the saved plan " + file} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("the second run does not say %q:\n%s", want, r.stderr)
		}
	}
	recorded.Close()
	order := recorded.Judge(t, b.journals()[before:])
	for i, target := range order {
		for _, earlier := range order[:i] {
			if earlier == target && target != "use1/killed-1" {
				t.Errorf("%s was updated twice", target)
			}
		}
	}
	b.expectSettled()
	b.expectEmpty()
}

// The first interrupt stops after the current step; the same command goes on.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "stopped")
	b.apply()
	b.write(func(s *settings) { s.Image = "v25.4.1" })
	run := b.start("apply", "--auto-approve")
	run.narrates(t, "update usw1/stopped-1")
	if err := run.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := run.Wait(); code != 14 {
		t.Fatalf("exit %d, want 14\n%s", code, run.Output())
	}
	if n := ready(b.status(0)); n != 9 {
		t.Errorf("%d replicas are ready after a stop between steps, want 9", n)
	}
	b.apply()
	b.expectSettled()
	b.expectEmpty()
}

// A replica that nobody can reach: one cluster is stopped. It is named, the exit
// code says so, and nothing is done anywhere.
func TestClusterStopped(t *testing.T) {
	h := sandbox(t, "stopped")
	t.Parallel()
	h.stopping.Lock()
	defer h.stopping.Unlock()
	b := newBank(t, h, "silent")
	b.apply()
	h.must(t, "stop", "euw1", "--name", h.name)
	b.write(func(s *settings) { s.Image = "v25.4.1" })
	entries := len(b.journals())
	for _, command := range [][]string{{"plan"}, {"status"}, {"apply", "--auto-approve"}} {
		r := b.expect(17, command...)
		if !strings.Contains(r.stdout+r.stderr, "euw1") || !strings.Contains(r.stdout, "usw1") {
			t.Errorf("%v names not both the silent cluster and the others:\n%s%s", command, r.stdout, r.stderr)
		}
	}
	if len(b.journals()) != entries {
		t.Error("a run was started while a cluster did not answer")
	}
	h.must(t, "start", "euw1", "--name", h.name)
	b.waitReachable()
	run := b.start("apply", "--auto-approve")
	run.narrates(t, "update usw1/silent-1")
	h.must(t, "stop", "euw1", "--name", h.name)
	run.narrates(t, "euw1 to answer")
	before := countWrites(b.journals())
	h.must(t, "start", "euw1", "--name", h.name)
	if code := run.Wait(); code != 0 {
		t.Fatalf("exit %d after the cluster came back\n%s", code, run.Output())
	}
	if countWrites(b.journals()) == before {
		t.Error("nothing was written after the cluster came back")
	}
	b.expectSettled()
}

func countWrites(entries []journal.Entry) int {
	n := 0
	for _, e := range entries {
		if e.Event == journal.StepWrote {
			n++
		}
	}
	return n
}

// waitReachable waits until every cluster answers and every replica is ready.
func (b *bank) waitReachable() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	for {
		if r := b.quorate("status", "--output", "json"); r.code == 0 && !bytes.Contains([]byte(r.stdout), []byte(`"ready": false`)) {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatal("the clusters did not come back")
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// A first installation with a broken image is corrected by another apply, also when
// the first correction was none.
func TestCorrectedInstallation(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "fixed")
	b.write(func(s *settings) { s.Image = "broken"; s.Timeout = "12s" })
	b.expect(1, "apply", "--auto-approve")
	if inits := b.sandbox.inits(t, "fixed"); len(inits) != 0 {
		t.Fatalf("a database that does not run was initialised in %v", inits)
	}
	b.write(func(s *settings) { s.Image = "crash" })
	b.expect(1, "apply", "--auto-approve")
	b.write(func(s *settings) { s.Image = "v25.4.0"; s.Timeout = "60s" })
	b.apply()
	b.expectSettled()
	b.expectEmpty()
	if inits := b.sandbox.inits(t, "fixed"); len(inits) != 1 {
		t.Fatalf("inits: %v, want one", inits)
	}
}
