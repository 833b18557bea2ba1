package subprocess

import (
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func shell(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), "sh", "-c", script)
}

func TestRunTellsHowItEnded(t *testing.T) {
	if got, want := Run(t, shell(t, "echo out; echo err >&2; exit 12")), (Result{"out\n", "err\n", 12}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestOutputOfAFailureHasItsStandardError(t *testing.T) {
	if out, err := Output(shell(t, "echo out")); out != "out\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := Output(shell(t, "echo why >&2; exit 1")); err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("%v does not say why", err)
	}
}

// The program waits for a signal, so what is waited for was said while it ran.
func TestWaitForReadsWhileTheProgramRuns(t *testing.T) {
	p := Start(t, shell(t, `trap 'echo caught; exit 14' TERM; echo plan text; echo 'port 5300'; echo begun >&2; while :; do sleep 0.05; done`))
	p.WaitFor(t, "plan", "begun")
	if port := p.Find(t, regexp.MustCompile(`port (\d+)`)); port != "5300" || p.Ended() {
		t.Errorf("port %q, ended: %v", port, p.Ended())
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.Wait(); code != 14 || !p.Ended() || !strings.Contains(p.Output(), "caught") {
		t.Errorf("exit %d, said %q", code, p.Output())
	}
}

// What is said right before the end is not lost to who waits for it.
func TestWaitForFindsTheLastWords(t *testing.T) {
	p := Start(t, shell(t, "echo last words"))
	p.Wait()
	p.WaitFor(t, "", "last words")
}

func TestOnTerminalTypes(t *testing.T) {
	p := OnTerminal(t, shell(t, `test -t 0 && read answer && echo "got $answer"`), "yes\n")
	p.WaitFor(t, "", "got yes")
	if code := p.Wait(); code != 0 {
		t.Errorf("exit %d: %s", code, p.Output())
	}
}
