package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
)

// typist is somebody at a terminal, in a directory of their own, with three clusters that hold nothing.
type typist struct {
	t   *testing.T
	dir string
	env []string
}

func newTypist(t *testing.T, version string) typist {
	t.Helper()
	dir := t.TempDir()
	return typist{t, dir, append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+dir+"/state", "KUBECONFIG="+emptyClusters(t, version), "TERM=xterm-256color", "NO_COLOR=")}
}

// types runs quorate on a terminal with something typed, and gives what was shown. An interrupt, last of what is
// typed, waits for the question before it.
func (ty typist) types(want int, typed string, args ...string) string {
	ty.t.Helper()
	cmd := exec.Command("quorate", args...) // of TestMain, first in PATH
	cmd.Dir, cmd.Env = ty.dir, ty.env
	ahead, interrupted := strings.CutSuffix(typed, "\x03")
	p := subprocess.OnTerminal(ty.t, cmd, ahead)
	if interrupted {
		question := map[string]string{"init": "DNS zone in which", "scale": "Only 'yes' does: "}[args[0]]
		p.WaitFor(ty.t, "", question)
		p.Type(ty.t, "\x03")
	}
	code := p.Wait()
	shown := strings.ReplaceAll(p.Output(), "\r\n", "\n")
	if code != want {
		ty.t.Fatalf("quorate %s: exit %d, want %d:\n%s", strings.Join(args, " "), code, want, shown)
	}
	return shown
}

func (ty typist) read(name string) string {
	ty.t.Helper()
	data, err := os.ReadFile(filepath.Join(ty.dir, name))
	if err != nil {
		ty.t.Fatal(err)
	}
	return string(data)
}

func (ty typist) shows(shown string, texts ...string) {
	ty.t.Helper()
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			ty.t.Errorf("the terminal does not show %q:\n%s", text, shown)
		}
	}
}

// On a terminal init asks for what is missing, and writes a file that is valid.
func TestInitOnATerminal(t *testing.T) {
	t.Parallel()
	ty := newTypist(t, "v1.34.2")
	shown := ty.types(0, "bank\n\n\ncockroachdb/cockroach:v25.4.1\n", "init")
	ty.shows(shown, "name of the deployment [db]: ", "DNS zone in which replicas have their names [bank.db.internal]: ",
		"image of cockroachdb, with a tag or digest: ", "us-west1", "topology.yaml is written and valid")
	if n := strings.Count(shown, "image of cockroachdb"); n != 2 {
		t.Errorf("an empty answer where there is no default: asked %d times, want 2\n%s", n, shown)
	}
	text := ty.read("topology.yaml")
	ty.shows(text, "name: bank", "zone: bank.db.internal", "image: cockroachdb/cockroach:v25.4.1", "zone: statefulSetPerZone")
	ty.types(0, "", "validate")
	ty.types(0, "", "plan", "--offline")

	// What is there is never overwritten, and nothing is asked before that is said.
	again := ty.types(10, "other\n", "init")
	ty.shows(again, "topology.yaml exists and is never overwritten")
	if strings.Contains(again, "name of the deployment") || ty.read("topology.yaml") != text {
		t.Errorf("it asked, or wrote: %s", again)
	}
}

// Whoever ends init at a question finds nothing written.
func TestInitOnATerminalInterrupted(t *testing.T) {
	t.Parallel()
	for name, typed := range map[string]string{"Ctrl-C": "bank\n\x03", "Ctrl-D": "bank\n\x04"} {
		ty := newTypist(t, "v1.37.2")
		shown := ty.types(ExitAborted, typed, "init")
		ty.shows(shown, "Next: ")
		if entries, err := os.ReadDir(ty.dir); err != nil || len(entries) > 0 {
			t.Errorf("%s left %v, %v", name, entries, err)
		}
	}
}

// On a terminal scale asks before it changes the file; anything but yes leaves it, byte by byte.
func TestScaleOnATerminal(t *testing.T) {
	t.Parallel()
	ty := newTypist(t, "v1.37.2")
	ty.types(0, "bank\nbank.db.internal\ncockroachdb/cockroach:v25.4.1\n", "init", "--dns-authority", "127.0.0.1:1")
	before := strings.ReplaceAll(ty.read("topology.yaml"), "\n", "\r\n")
	file := filepath.Join(ty.dir, "topology.yaml")
	if err := errors.Join(os.WriteFile(file, []byte(before), 0o600), os.Chmod(file, 0o640)); err != nil {
		t.Fatal(err)
	}
	for name, typed := range map[string]string{
		"YES": "YES\n", "an empty line": "\n", "Ctrl-C": "\x03", "Ctrl-D": "\x04",
	} {
		shown := ty.types(ExitAborted, typed, "scale", "use1=5")
		ty.shows(shown, "use1", "Change the file and run this plan? Only 'yes' does: ")
		if got := ty.read("topology.yaml"); got != before {
			t.Fatalf("%s: the file was changed:\n%s", name, got)
		}
	}
	if _, err := os.Stat(filepath.Join(ty.dir, "state")); err == nil {
		t.Error("a run began without approval")
	}
	shown := ty.types(ExitError, "yes\n", "scale", "use1=5")
	ty.shows(shown, "topology.yaml was changed", "topology.yaml stays changed, since it says what is wanted")
	want := strings.Replace(before, "- name: use1\r\n          context: use1\r\n          replicas: 3", "- name: use1\r\n          context: use1\r\n          replicas: 5", 1)
	if got := ty.read("topology.yaml"); want == before || got != want {
		t.Errorf("more or less than the number was changed:\n%s", got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}
