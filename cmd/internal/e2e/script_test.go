package e2e

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
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
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("KUBECONFIG", h.kubeconfig)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("PATH", filepath.Dir(shared.quorate)+string(filepath.ListSeparator)+env.Getenv("PATH"))
			return nil
		},
	})
}

// exits runs a command and holds its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v exits %d, want %d", args[1:], got, want)
	}
}
