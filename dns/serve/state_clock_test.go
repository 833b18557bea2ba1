package serve_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/dns/serve"
)

// TestStateOfAnotherClock: a state of a time to come, kept by a clock that was ahead, would be trusted until that time has come and a week
// more. Nobody knows how old it is, so it is left out; the small steps that clocks make are not minded.
func TestStateOfAnotherClock(t *testing.T) {
	_, data := keptState(t)
	for what, test := range map[string]struct {
		behind time.Duration // what the reader's clock is behind the writer's
		want   string
	}{
		"a small step":  {time.Minute, "NOERROR; aa; answer"},
		"a day":         {24 * time.Hour, "SERVFAIL"},
		"years":         {10 * 365 * 24 * time.Hour, "SERVFAIL"},
		"ahead, a week": {-8 * 24 * time.Hour, "SERVFAIL"},
	} {
		t.Run(what, func(t *testing.T) {
			log := &sharedLog{}
			use1 := newCluster(t, "use1")
			server, err := serve.New(t.Context(), serve.Config{
				Topology: bank(), Sources: []serve.Source{use1.source()}, State: &memory{data: data}, Log: slog.New(slog.NewTextHandler(log, nil)),
				Now: func() time.Time { return time.Now().Add(-test.behind) },
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := answerTo(server, "bank-0.use1."); !strings.HasPrefix(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if leftOut := log.says("cluster use1 is left out"); leftOut != (test.want == "SERVFAIL") {
				t.Errorf("left out: %t\n%s", leftOut, log.text.String())
			}
		})
	}
}
