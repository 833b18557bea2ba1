package processes

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// run starts a shell that waits, with a command line that names a file under dir, and tells when
// it is gone.
func run(t *testing.T, dir, script string) (*exec.Cmd, chan error) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script, filepath.Join(dir, "data"))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if _, err := stdout.Read(make([]byte, 1)); err != nil { // it has said that it is ready
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	return cmd, gone
}

const (
	waits    = "echo ready; while :; do read x; done <&1"
	stubborn = "trap '' TERM; " + waits
)

func TestEndStopsOnlyWhatBelongsToTheDirectory(t *testing.T) {
	mine, other := t.TempDir(), t.TempDir()
	cmd, gone := run(t, mine, waits)
	bystander, _ := run(t, other, waits)
	found, err := Under(mine, "sh")
	if err != nil || len(found) != 1 || found[0].PID != cmd.Process.Pid {
		t.Fatalf("found %+v, %v", found, err)
	}
	if named, err := Under(mine, "etcd"); err != nil || len(named) != 0 {
		t.Errorf("a process of another name was found: %+v, %v", named, err)
	}
	find := func() ([]Process, error) { return Under(mine, "sh") }
	if err := End(context.Background(), time.Minute, find); err != nil {
		t.Fatal(err)
	}
	if err := <-gone; err == nil || !strings.Contains(err.Error(), syscall.SIGTERM.String()) {
		t.Errorf("it was not asked to end first: %v", err)
	}
	if err := bystander.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("a process of another directory was ended: %v", err)
	}
}

func TestEndKillsWhatDoesNotListen(t *testing.T) {
	dir := t.TempDir()
	_, gone := run(t, dir, stubborn)
	if err := End(context.Background(), 50*time.Millisecond, func() ([]Process, error) { return Under(dir, "sh") }); err != nil {
		t.Fatal(err)
	}
	if err := <-gone; err == nil || !strings.Contains(err.Error(), syscall.SIGKILL.String()) {
		t.Errorf("it ended with %v", err)
	}
}

func TestEndGivesUpWithItsContext(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, stubborn)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := End(ctx, time.Hour, func() ([]Process, error) { return Under(dir, "sh") }); err == nil {
		t.Error("it did not say that a process is still there")
	}
}

func TestListByPSAgreesWithProc(t *testing.T) {
	if _, err := exec.LookPath("ps"); err != nil {
		t.Logf("no ps here, which only systems without /proc need: %v", err)
		return
	}
	dir := t.TempDir()
	cmd, _ := run(t, dir, waits)
	all, err := listByPS()
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range all {
		if process.PID == cmd.Process.Pid && mentions(process.Args, dir+"/") {
			return
		}
	}
	t.Errorf("ps does not show pid %d with %s", cmd.Process.Pid, dir)
}
