package player

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// envRole makes this test binary a player: it claims the sandbox, says so, and waits to be ended.
const envRole = "SANDBOX_TEST_PLAYER"

func TestMain(m *testing.M) {
	if name := os.Getenv(envRole); name != "" {
		os.Exit(pretend(name))
	}
	os.Exit(m.Run())
}

func pretend(name string) int {
	paths, err := state.FindPaths(os.Getenv)
	if err != nil {
		return 2
	}
	dir, err := paths.Sandbox(name)
	if err != nil {
		return 2
	}
	if _, err := Claim(context.Background(), dir); err != nil {
		_, _ = os.Stdout.WriteString(err.Error() + "\n")
		return 1
	}
	_, _ = os.Stdout.WriteString("claimed\n")
	select {}
}

// start runs this binary as a player of the sandbox and gives what it says first.
func start(t *testing.T, paths state.Paths, name string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envRole+"="+name, state.EnvCache+"="+paths.Cache, state.EnvSandboxes+"="+paths.Sandboxes)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line)
}

func testDir(t *testing.T) (state.Paths, state.Dir) {
	t.Helper()
	root := t.TempDir()
	paths := state.Paths{Cache: root + "/cache", Sandboxes: root + "/sandboxes"}
	dir, err := paths.Sandbox("s")
	if err != nil {
		t.Fatal(err)
	}
	return paths, dir
}

func TestOnePlayerPerSandboxAndItCanBeEnded(t *testing.T) {
	paths, dir := testDir(t)
	first, said := start(t, paths, "s")
	if said != "claimed" {
		t.Fatalf("the first player said %q", said)
	}
	if running, err := Runs(dir); err != nil || !running {
		t.Errorf("a player runs: %t, %v", running, err)
	}
	if data, err := os.ReadFile(dir.PlayerPID()); err != nil || string(data) != strconv.Itoa(first.Process.Pid) {
		t.Errorf("pid file: %q, %v", data, err)
	}
	if _, said := start(t, paths, "s"); !strings.Contains(said, "has a player already") {
		t.Errorf("a second player said %q", said)
	}
	gone := make(chan error, 1)
	go func() { gone <- first.Wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := End(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if err := <-gone; err == nil {
		t.Error("the player ended by itself, not by the signal")
	}
	if running, err := Runs(dir); err != nil || running {
		t.Errorf("after its end a player runs: %t, %v", running, err)
	}
	if err := End(ctx, dir); err != nil {
		t.Errorf("ending what does not run: %v", err)
	}
	if _, said := start(t, paths, "s"); said != "claimed" {
		t.Errorf("a player after the first said %q", said)
	}
}
