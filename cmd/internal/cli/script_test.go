package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"quorate": func() { os.Exit(Main()) }})
}

// TestScripts drives the command line: each script runs the real commands in a
// fresh directory. `exits CODE quorate …` holds the documented exit code.
func TestScripts(t *testing.T) {
	example, err := filepath.Abs("../../../docs/examples/bank")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": subprocess.Exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLE", example)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("KUBECONFIG", filepath.Join(env.WorkDir, "kubeconfig"))
			return nil
		},
	})
}
