package e2e

import (
	"testing"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
)

// running is one quorate under way.
type running struct{ *subprocess.Process }

func (b *bank) start(args ...string) running {
	b.t.Helper()
	return running{subprocess.Start(b.t, b.command(b.t.Context(), args...))}
}

// startOnTerminal runs quorate on a terminal of its own, with somebody typing.
func (b *bank) startOnTerminal(typed string, args ...string) running {
	b.t.Helper()
	cmd := b.command(b.t.Context(), args...)
	cmd.Env = append(cmd.Env, "TERM=xterm")
	return running{subprocess.OnTerminal(b.t, cmd, typed)}
}

// narrates waits until the narration, which follows the plan, says a text.
func (r running) narrates(t *testing.T, text string) {
	t.Helper()
	r.WaitFor(t, "; journal ", text)
}
