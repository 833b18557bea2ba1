package view

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner"
)

func TestCredentials(t *testing.T) {
	c := NewCredentials("bank")
	c.Add("use1", "euw1", CredentialIssued, time.Date(2027, 2, 20, 1, 0, 0, 0, time.FixedZone("", 3600)))
	c.Add("euw1", "use1", CredentialMissing, time.Time{})
	var text, doc bytes.Buffer
	c.Text(&text)
	if err := c.JSON(&doc); err != nil {
		t.Fatal(err)
	}
	if want := "use1  watches euw1  issued   expires 2027-02-20T00:00:00Z\neuw1  watches use1  missing"; strings.TrimSpace(text.String()) != want {
		t.Errorf("text:\n%s\nwant:\n%s", text.String(), want)
	}
	for _, want := range []string{`"format_version": "1.0"`, `"expires": "2027-02-20T00:00:00Z"`} {
		if strings.Count(doc.String(), want) != 1 {
			t.Errorf("not once %s in\n%s", want, doc.String())
		}
	}
}

func TestPlanCountsCredentials(t *testing.T) {
	p := &planner.Plan{Steps: []planner.Step{
		{ID: "a/credentials", Payload: planner.Payload{Peers: []string{"b", "c"}}},
		{ID: "b/credentials", Payload: planner.Payload{Peers: []string{"a"}}},
	}}
	if got := planSummary(p); !strings.HasSuffix(got, "none restarts. Credentials: 3 are issued.") {
		t.Errorf("summary %q", got)
	}
}
