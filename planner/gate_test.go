package planner

import (
	"strings"
	"testing"

	"quorate.dev/quorate/kustomize"
)

// The answer of `cockroach node status --ranges --format=csv`, as version 25.4 writes it.
const statusHeader = "id,address,sql_address,build,started_at,updated_at,locality,attrs,is_available,is_live," +
	"replicas_leaders,replicas_leaseholders,ranges,ranges_unavailable,ranges_underreplicated\n"

func statusRow(id, host, available, live, unavailable, underreplicated string) string {
	address := host + ".bank.example.com:26257"
	return id + "," + address + "," + address + `,v25.4.1,2026-01-01 10:00:00.000001 +0000 UTC,2026-01-01 11:00:00.000001 +0000 UTC,"region=us-east1,zone=us-east1-b",[],` +
		available + "," + live + ",20,20,60," + unavailable + "," + underreplicated + "\n"
}

func testGate(t testing.TB) kustomize.Gate {
	t.Helper()
	p, err := kustomize.LoadProfile("cockroachdb")
	if err != nil {
		t.Fatal(err)
	}
	return *p.Hooks.Gate
}

func TestJudge(t *testing.T) {
	healthy := statusHeader + statusRow("1", "bank-0.use1", "true", "true", "0", "0") + statusRow("2", "bank-0.usw1", "true", "true", "0", "0")
	expected := []string{"bank-0.use1.bank.example.com:26257", "bank-0.usw1.bank.example.com:26257"}
	dead := statusRow("1", "bank-0.use1", "false", "false", "3", "7")
	tests := map[string]struct {
		output string
		want   string // parts of the problems, separated by |; empty: the gate is open
	}{
		"healthy":                      {healthy, ""},
		"the other spelling":           {strings.ReplaceAll(healthy, "true", "t"), ""},
		"nothing":                      {"", "printed nothing"},
		"no CSV":                       {"a,b\n\"", "no CSV"},
		"an error text":                {"ERROR: cannot dial server.\n", "no column address, is_live, is_available, ranges_unavailable, ranges_underreplicated"},
		"a row too short":              {healthy + "3,x\n", "no CSV"},
		"a column gone":                {strings.Replace(healthy, "is_live", "is_alive", 1), "no column is_live"},
		"a member missing":             {statusHeader + statusRow("1", "bank-0.use1", "true", "true", "0", "0"), "bank-0.usw1.bank.example.com:26257 is no member yet"},
		"a member not live":            {strings.Replace(healthy, "true,true,20,20,60,0,0\n2", "true,false,20,20,60,0,0\n2", 1), `bank-0.use1.bank.example.com:26257: is_live is "false"`},
		"under-replicated elsewhere":   {strings.Replace(healthy, "60,0,0\n2", "60,0,4\n2", 1), "ranges_underreplicated is 4"},
		"unavailable":                  {strings.Replace(healthy, "60,0,0\n2", "60,2,4\n2", 1), "ranges_unavailable is 2|ranges_underreplicated is 4"},
		"no metrics yet":               {strings.Replace(healthy, "60,0,0\n2", "60,NULL,NULL\n2", 1), `ranges_unavailable is "NULL"`},
		"figures that cancel out":      {strings.Replace(strings.Replace(healthy, "60,0,0\n2", "60,0,1\n2", 1), "60,0,0\n", "60,0,-1\n", 1), "ranges_underreplicated is"},
		"figures that wrap round":      {strings.ReplaceAll(healthy, "60,0,0\n", "60,0,9223372036854775807\n"), "ranges_underreplicated is"},
		"an old row of the same name":  {statusHeader + dead + strings.TrimPrefix(healthy, statusHeader), ""},
		"a dead member of former days": {healthy + statusRow("9", "bank-7.use1", "false", "false", "3", "NULL"), ""},
		"a stranger that lives":        {healthy + statusRow("9", "bank-7.use1", "true", "true", "0", "5"), "ranges_underreplicated is 5"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(Judge(testGate(t), test.output, expected), "|")
			if (test.want == "") != (got == "") {
				t.Fatalf("got %q, want %q", got, test.want)
			}
			for part := range strings.SplitSeq(test.want, "|") {
				if !strings.Contains(got, part) {
					t.Errorf("got %q, want %q in it", got, part)
				}
			}
		})
	}
}

// FuzzJudge: whatever a command prints, an expected member that has no row of its
// own keeps the gate shut.
func FuzzJudge(f *testing.F) {
	f.Add(statusHeader + statusRow("1", "bank-0.use1", "true", "true", "0", "0"))
	f.Add("address,is_live,is_available,ranges_unavailable,ranges_underreplicated\nx,true,true,0,0\n")
	f.Add("\"\n")
	gate := testGate(f)
	f.Fuzz(func(t *testing.T, output string) {
		const stranger = "nobody.example.com:26257"
		if !strings.Contains(output, stranger) && len(Judge(gate, output, []string{stranger})) == 0 {
			t.Errorf("the gate opens for %s on %q", stranger, output)
		}
	})
}
