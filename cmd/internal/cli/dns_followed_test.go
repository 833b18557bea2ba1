package cli

import (
	"errors"
	"strings"
	"testing"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// TestSeedsKnown: a new cluster alone, without a record, does not say where the seed names point.
func TestSeedsKnown(t *testing.T) {
	recorded := planner.Observation{Cluster: "use1"}
	recorded.State.Record.Database.Slots = []regions.ReplicaID{{Cluster: "use1", Pool: "bank"}}
	fresh := planner.Observation{Cluster: "euw1"}
	silent := errors.New("use1 does not answer")
	tests := map[string]struct {
		observed []planner.Observation
		missing  error
		known    bool
	}{
		"all answer":                     {[]planner.Observation{recorded, fresh}, nil, true},
		"nothing is installed":           {[]planner.Observation{fresh}, nil, true},
		"one that has them answers":      {[]planner.Observation{recorded}, silent, true},
		"only one without a record does": {[]planner.Observation{fresh}, silent, false},
		"nobody answers":                 {nil, silent, false},
	}
	for name, test := range tests {
		if err := seedsKnown(test.observed, test.missing); (err == nil) != test.known || err != nil && !errors.Is(err, silent) {
			t.Errorf("%s: got %v, known: %v", name, err, test.known)
		}
	}
}

// TestToldByNslookup: a failure is not the answer that there is nothing.
func TestToldByNslookup(t *testing.T) {
	for text, test := range map[string]struct {
		code    int
		problem string
	}{
		"** server can't find a.: NXDOMAIN":           {1, ""},
		"** server can't find a.: SERVFAIL":           {1, "SERVFAIL"},
		";; connection timed out; no servers reached": {1, "timed out"},
		"*** Can't find a.: No answer":                {0, ""},
	} {
		got, err := toldByNslookup(rollout.ExecResult{Stdout: "Server:\t10.0.0.10\nAddress:\t10.0.0.10:53\n\n" + text, ExitCode: test.code})
		if len(got) > 0 || (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
}
