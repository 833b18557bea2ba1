package containers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// tools are the programs that the tests drive.
var tools struct{ quorate, sandbox, kubectl, nslookup string }

func TestMain(m *testing.M) {
	tools.sandbox, tools.kubectl = os.Getenv("QUORATE_SANDBOX"), os.Getenv("QUORATE_KUBECTL")
	if tools.sandbox == "" || tools.kubectl == "" || os.Getenv("QUORATE_CONTAINERS") == "" {
		fmt.Println("skipped: tests with real containers need QUORATE_CONTAINERS, QUORATE_SANDBOX and QUORATE_KUBECTL; `make test` sets them")
		os.Exit(0)
	}
	os.Exit(run(m))
}

// run gives every test a quorate that runs from an image, too: static.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "quorate-containers-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tools.quorate = filepath.Join(dir, "quorate")
	build := exec.Command("go", "build", "-trimpath", "-o", tools.quorate, "quorate.dev/quorate/cmd/quorate")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("build quorate: %v\n%s", err, out)
		return 1
	}
	if err := makeNslookup(dir); err != nil {
		fmt.Println(err)
		return 1
	}
	defer downAll()
	return m.Run()
}

// makeNslookup copies busybox under the name of its tool, by which it is that tool.
func makeNslookup(dir string) error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("containers of tests have the nslookup of busybox: install busybox-static: %w", err)
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	tools.nslookup = filepath.Join(dir, "nslookup")
	return os.WriteFile(tools.nslookup, program, 0o700) //nolint:gosec // it is to be run
}
