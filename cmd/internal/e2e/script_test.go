package e2e

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
)

// TestScripts drives the commands that need clusters, each script in a fresh
// directory and a namespace of its own. `exits CODE quorate …` holds the documented
// exit code.
func TestScripts(t *testing.T) {
	t.Parallel()
	h := sandbox(t, "gate-on")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": subprocess.Exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("KUBECONFIG", h.kubeconfig)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("PATH", filepath.Dir(shared.quorate)+string(filepath.ListSeparator)+env.Getenv("PATH"))
			return nil
		},
	})
}
