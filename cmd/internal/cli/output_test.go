package cli

import (
	"bytes"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"
)

// broken is a standard output that takes nothing.
type broken struct{ err syscall.Errno }

func (b broken) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: b.err}
}

// What could not be printed is said, once, and never ends with 0; a reader that went away is none of this.
func TestOutputThatIsLost(t *testing.T) {
	tests := map[string]struct{ full, gone int }{
		"version":                   {ExitError, 0},
		"version --output json":     {ExitError, 0},
		"validate -f topology.yaml": {ExitError, 0},
		"validate -f broken.yaml":   {ExitInvalid, ExitInvalid},
		"schema":                    {ExitError, 0},
		"dns serve --help":          {ExitError, 0},
		"completion bash":           {ExitError, 0},
		"dns records extra":         {ExitInvalid, ExitInvalid}, // prints nothing there
	}
	for line, want := range tests {
		t.Run(line, func(t *testing.T) {
			inFixture(t)
			run := func(why syscall.Errno) (int, string) {
				var said bytes.Buffer
				p := &process{in: strings.NewReader(""), out: broken{why}, err: &said, env: func(string) string { return "" }, now: time.Now}
				return p.run(t.Context(), strings.Fields(line)), said.String()
			}
			code, said := run(syscall.ENOSPC)
			if n := strings.Count(said, "no space left on device"); code != want.full || n > 1 || n == 0 && code == ExitError {
				t.Errorf("with a full disk: exit %d, want %d:\n%s", code, want.full, said)
			}
			if code, said := run(syscall.EPIPE); code != want.gone || strings.Contains(said, "pipe") {
				t.Errorf("with a reader that went away: exit %d, want %d:\n%s", code, want.gone, said)
			}
		})
	}
}

// Changes that are pending are not told by a code alone where the plan itself was lost.
func TestLostOutputIsAnErrorOfItsOwn(t *testing.T) {
	o := &output{to: broken{syscall.ENOSPC}}
	if _, err := o.Write([]byte("plan")); err == nil {
		t.Fatal("written")
	}
	p := &process{err: new(bytes.Buffer)}
	if code := p.reportLost(o.incomplete(), pendingChanges{}); code != ExitError {
		t.Errorf("exit %d, want %d", code, ExitError)
	}
}
