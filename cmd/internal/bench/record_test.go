package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/planner/rollout"
)

func whole() table {
	t := table{machine: "2 cores, 24 GB"}
	for _, key := range historyKeys() {
		t.rows = append(t.rows, row{key: key, what: "what " + key, ours: "1 ms", ratio: "0.5", aim: "≤ 2 ms"})
	}
	return t
}

// The page in docs must be one that a run can be recorded in.
func TestRecord(t *testing.T) {
	page, err := os.ReadFile("../../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	once, err := recorded(string(page), whole(), "v1", now)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := recorded(once, whole(), "v2", now)
	if err != nil {
		t.Fatal(err)
	}
	for text, n := range map[string]int{"| what apply ": 1, "| 2026-01-02 | v1 | ": 1, "| 2026-01-02 | v2 | ": 1, tableEnds: 1, historyEnds: 1} {
		if got := strings.Count(twice, text); got != n {
			t.Errorf("%q is there %d times, want %d:\n%s", text, got, n, twice)
		}
	}
	if strings.Index(twice, "| v1 |") > strings.Index(twice, "| v2 |") || strings.Index(twice, "| v2 |") > strings.Index(twice, historyEnds) {
		t.Error("the history is not in order")
	}
	if _, err := recorded(once, table{machine: "m"}, "v3", now); err == nil {
		t.Error("a part of a run was recorded")
	}
	if _, err := recorded("# no place for it", whole(), "v3", now); err == nil {
		t.Error("recorded into a page without a place for it")
	}
}

func TestTable(t *testing.T) {
	got := table{machine: "m", rows: []row{{what: "a", ours: "1 µs", aim: "≤ 1"}}}.text()
	want := "Machine: m.\n\n" +
		"| what | quorate | beside it | ratio | aim |\n" +
		"|------|---------|-----------|-------|-----|\n" +
		"| a    | 1 µs    |           |       | ≤ 1 |\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCriticalPath(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(1000+int64(seconds), 0) }
	events := []rollout.Event{
		{Type: rollout.EventStepDone, Kind: "apply", Step: "c/apply", Time: at(1)},
		{Type: rollout.EventStepDone, Kind: "partition", Step: "c/hold/db", Time: at(1)},
		{Type: rollout.EventStepDone, Kind: "partition", Step: "c/partition/db-1", Cluster: "c", Time: at(5)},
		{Type: rollout.EventStepDone, Kind: "probe", Time: at(9)},
		{Type: rollout.EventStepDone, Kind: "soak", Time: at(13)},
		{Type: rollout.EventRunEnd, Elapsed: 14 * time.Second},
	}
	entries := []journal.Entry{{Event: journal.StepWrote, Step: "c/partition/db-1", Time: at(2)}}
	seen := &podWatch{times: map[string][]time.Time{"c/db-1": {at(0), at(4)}}}
	wall, path, err := criticalPath(events, entries, seen.ready)
	if err != nil || wall != 14*time.Second || path != 2*time.Second+gateInterval+soak {
		t.Errorf("%s, %s, %v", wall, path, err)
	}
	if _, _, err := criticalPath(events, nil, seen.ready); err == nil {
		t.Error("a step without a write has a path")
	}
	if _, _, err := criticalPath(events, entries, (&podWatch{}).ready); err == nil {
		t.Error("a pod that nobody saw has a path")
	}
}

func TestAWatchTellsWhenAPodBecameReady(t *testing.T) {
	w, ready := &podWatch{times: map[string][]time.Time{}}, map[string]bool{}
	for _, line := range []string{
		"db-0 uid1 /True", "db-0 uid1 /True", "db-0 uid1 2026-01-01T00:00:00Z/True", "db-0 uid2 /", "db-0 uid2 /False", "db-0 uid2 /True", "", "odd",
	} {
		w.line("c", line, ready)
	}
	if n := len(w.times["c/db-0"]); n != 2 {
		t.Errorf("became ready %d times, want 2", n)
	}
}
