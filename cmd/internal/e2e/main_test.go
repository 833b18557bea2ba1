package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// world is what all tests share: the binaries, and the sandboxes that were started.
type world struct {
	quorate, sandbox string
	mu               sync.Mutex
	started          map[string]*sandboxHandle
}

var shared = &world{started: map[string]*sandboxHandle{}}

func TestMain(m *testing.M) {
	shared.sandbox = os.Getenv("QUORATE_SANDBOX")
	if shared.sandbox == "" {
		fmt.Println("skipped: the end-to-end tests need QUORATE_SANDBOX, the sandbox binary; `make test` builds and names it")
		os.Exit(0)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "quorate-e2e-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	shared.quorate = filepath.Join(dir, "quorate")
	if out, err := exec.Command("go", "build", "-o", shared.quorate, "quorate.dev/quorate/cmd/quorate").CombinedOutput(); err != nil {
		fmt.Printf("build quorate: %v\n%s", err, out)
		return 1
	}
	defer shared.downAll()
	return m.Run()
}
