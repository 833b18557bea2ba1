package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spf13/viper"
)

// Whoever finds the lock taken reads which command holds it: a run that scale began is no apply.
func TestHolderNamesTheCommand(t *testing.T) {
	for _, want := range []string{"quorate apply", "quorate scale", "quorate release", "quorate adopt"} {
		t.Run(want, func(t *testing.T) {
			p := &process{
				in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}, env: func(string) string { return "" },
				now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
			}
			a := &app{process: p, settings: viper.New()}
			cmd, _, err := a.rootCommand().Find(strings.Fields(want)[1:])
			if err != nil {
				t.Fatal(err)
			}
			if err := a.configure(cmd); err != nil {
				t.Fatal(err)
			}
			if got := a.holder(); !strings.HasPrefix(got, want+" on ") || !strings.HasSuffix(got, "since 2026-01-02T03:04:05Z") {
				t.Errorf("the lock would say %q", got)
			}
		})
	}
}
