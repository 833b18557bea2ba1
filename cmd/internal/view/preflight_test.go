package view

import (
	"bytes"
	"strings"
	"testing"

	"quorate.dev/quorate/planner/preflight"
)

// At 80 columns nothing runs over, a long message goes on in its own column, and what several clusters need is said once.
func TestPreflightFitsTheTerminal(t *testing.T) {
	t.Parallel()
	long := "no TCP connection to euw1 at 10.3.0.5:26257: dial tcp 10.3.0.5:26257: i/o timeout after three attempts"
	found := []preflight.Finding{
		{Cluster: "use1", Check: "storage-class", Level: preflight.Warning, Message: "fast does not let volumes grow", Hint: "use another"},
		{Cluster: "usw1", Check: "storage-class", Level: preflight.Warning, Message: "fast does not let volumes grow", Hint: "use another"},
		{Cluster: "usw1", Check: "network", Level: preflight.Failed, Message: long, Hint: "let pods of usw1 reach pods of euw1 at that port: routes, firewalls, network policies"},
		{Check: "clocks", Level: preflight.OK, Message: "they agree"},
	}
	var out bytes.Buffer
	Preflight(&out, Style{Width: 80}, found)
	text := out.String()
	for line := range strings.Lines(text) {
		if len(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("%d columns: %q", len(line)-1, line)
		}
	}
	for _, want := range []string{
		"CLUSTER  CHECK          RESULT\n", "usw1     network        failed   no TCP connection to euw1 at 10.3.0.5:26257:\n" + strings.Repeat(" ", 33) + "dial tcp",
		"all      clocks         ok       they agree\n", "  storage-class (use1, usw1): use another\n", "\n1 ok, 2 warnings, 1 failed\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if style := (Style{Colour: true}); strings.Count(printed(t, style, found), long+"\n") != 1 {
		t.Error("without a width a message is not in one line")
	}
}

func printed(t *testing.T, style Style, found []preflight.Finding) string {
	t.Helper()
	var out bytes.Buffer
	Preflight(&out, style, found)
	return out.String()
}
