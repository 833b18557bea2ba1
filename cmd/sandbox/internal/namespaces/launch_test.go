//go:build linux

package namespaces

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"quorate.dev/quorate/cmd/sandbox/internal/processes"
)

func TestKillWaitsForTheEnd(t *testing.T) {
	cmd := exec.Command("sh", "-c", "trap '' TERM; echo ready; while :; do read x; done <&1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	process := processes.Process{PID: cmd.Process.Pid, Args: cmd.Args}
	other := processes.Process{PID: cmd.Process.Pid, Args: []string{InitName}}
	if err := Kill(t.Context(), other); err != nil || !process.Runs() {
		t.Fatalf("a pid of another process: %v", err)
	}
	if err := Kill(t.Context(), process); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), syscall.SIGKILL.String()) {
		t.Errorf("it ended with %v", err)
	}
	if err := Kill(t.Context(), process); err != nil {
		t.Errorf("what has ended already: %v", err)
	}
}

func TestAnInitIsFoundByItsDescription(t *testing.T) {
	init := processes.Process{Args: []string{InitName, InitName, "--file", "/x/place.json"}}
	if Description(init) != "/x/place.json" || Description(processes.Process{Args: []string{InitName}}) != "" {
		t.Errorf("%q", Description(init))
	}
	if found, err := Inits(t.TempDir()); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}
