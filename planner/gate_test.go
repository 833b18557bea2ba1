package planner

import (
	"slices"
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

func testProfile(t testing.TB, name string) kustomize.Profile {
	t.Helper()
	p, err := kustomize.LoadProfile(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// judged is what one cluster's answer, of one table, is judged as.
func judged(p kustomize.Profile, output string, hosts []string) string {
	answer := Answer{Cluster: "use1", Outputs: []Output{{Stdout: output}}}
	return strings.Join(Judge(*p.Hooks.Gate, p.SeedPort, []Answer{answer}, hosts), "|")
}

// holds asserts that the judgement has every part of want, or is empty where want is.
func holds(t *testing.T, got, want string) {
	t.Helper()
	if (want == "") != (got == "") {
		t.Fatalf("got %q, want %q", got, want)
	}
	for part := range strings.SplitSeq(want, "|") {
		if !strings.Contains(got, part) {
			t.Errorf("got %q, want %q in it", got, part)
		}
	}
}

func TestJudge(t *testing.T) {
	healthy := statusHeader + statusRow("1", "bank-0.use1", "true", "true", "0", "0") + statusRow("2", "bank-0.usw1", "true", "true", "0", "0")
	hosts := []string{"bank-0.use1.bank.example.com", "bank-0.usw1.bank.example.com"}
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
		"a member missing":             {statusHeader + statusRow("1", "bank-0.use1", "true", "true", "0", "0"), "bank-0.usw1.bank.example.com is not among the nodes yet"},
		"a member not live":            {strings.Replace(healthy, "true,true,20,20,60,0,0\n2", "true,false,20,20,60,0,0\n2", 1), `bank-0.use1.bank.example.com: is_live is "false"`},
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
			holds(t, judged(testProfile(t, "cockroachdb"), test.output, hosts), test.want)
		})
	}
}

// The answers of etcdctl 3.6 and 3.7 (they print the same): two members.
const (
	etcdHealth = `[{"endpoint":"http://kv-0.eu.kv.example.com:2379","health":true,"took":"5.7ms"},` +
		`{"endpoint":"http://kv-0.no.kv.example.com:2379","health":true,"took":"6.1ms"}]` + "\n"
	etcdMembers = `{"header":{"cluster_id":8570459336700167655,"member_id":8645782499530242234,"raft_term":2},"members":[` +
		`{"ID":8645782499530242234,"name":"kv-0.eu","peerURLs":["http://kv-0.eu.kv.example.com:2380"],"clientURLs":["http://kv-0.eu.kv.example.com:2379"]},` +
		`{"ID":11539305337000706507,"name":"kv-0.no","peerURLs":["http://kv-0.no.kv.example.com:2380"],"clientURLs":["http://kv-0.no.kv.example.com:2379"]}]}` + "\n"
	etcdStatus = `[{"Endpoint":"http://kv-0.no.kv.example.com:2379","Status":{"header":{"cluster_id":8570459336700167655,"member_id":11539305337000706507,"revision":1,"raft_term":2},` +
		`"version":"3.6.16","leader":11539305337000706507,"raftIndex":11,"raftTerm":2,"raftAppliedIndex":11,"downgradeInfo":{}}},` +
		`{"Endpoint":"http://kv-0.eu.kv.example.com:2379","Status":{"header":{"cluster_id":8570459336700167655,"member_id":8645782499530242234,"revision":1,"raft_term":2},` +
		`"version":"3.6.16","leader":11539305337000706507,"raftIndex":11,"raftTerm":2,"raftAppliedIndex":11,"downgradeInfo":{}}}]` + "\n"
)

func etcdAnswer(cluster string) Answer {
	return Answer{Cluster: cluster, Outputs: []Output{{Stdout: etcdHealth}, {Stdout: etcdMembers}, {Stdout: etcdStatus}}}
}

func TestJudgeTables(t *testing.T) {
	const logLine = `{"level":"warn","msg":"retrying of unary invoker failed"}` + "\n"
	in := func(table int, old, replacement string) func(*Answer) {
		return func(a *Answer) {
			a.Outputs[table].Stdout = strings.ReplaceAll(a.Outputs[table].Stdout, old, replacement)
		}
	}
	learner := in(1, `]}`+"\n", `,{"ID":15214323042316511158,"peerURLs":["http://127.0.0.1:23809"],"isLearner":true}]}`)
	tests := map[string]struct {
		edit func(*Answer)
		want string
	}{
		"healthy": {func(*Answer) {}, ""},
		"one is not healthy": {
			in(0, `"health":true,"took":"6.1ms"`, `"health":false,"took":"5.0s","error":"context deadline exceeded"`),
			"the database, asked in eu: kv-0.no.kv.example.com is not healthy (context deadline exceeded)",
		},
		"one does not answer for itself": {in(0, `"health":true,"took":"6.1ms"`, `"took":"6.1ms"`), "kv-0.no.kv.example.com is not healthy"},
		"one is missing":                 {in(2, "kv-0.no.kv.example.com:2379", "kv-0.xx.kv.example.com:2379"), "kv-0.no.kv.example.com is not among the states yet|http://kv-0.xx.kv.example.com:2379 is among the states and is none of the replicas"},
		"a stranger":                     {in(1, `"name":"kv-0.no"`, `"name":"kv-9.no"`), "kv-9.no is among the members and is none of the replicas|kv-0.no.kv.example.com is not among the members yet"},
		"one twice":                      {in(1, `"name":"kv-0.no"`, `"name":"kv-0.eu"`), "kv-0.eu.kv.example.com is among the members 2 times"},
		"a member without a name":        {learner, "one of the members has no name"},
		"a learner":                      {in(1, `"name":"kv-0.no"`, `"name":"kv-0.no","isLearner":true`), "kv-0.no.kv.example.com does not vote yet"},
		"no leader":                      {in(2, `"leader":11539305337000706507,`, ``), "kv-0.eu.kv.example.com does not know the leader"},
		"leader zero":                    {in(2, `"leader":11539305337000706507,`, `"leader":0,`), "does not know the leader"},
		"IDs that differ in the last digit of 64 bits": {func(a *Answer) {
			a.Outputs[2].Stdout = strings.Replace(a.Outputs[2].Stdout, `"leader":11539305337000706507`, `"leader":11539305337000706508`, 1)
		}, "they do not agree on the leader: kv-0.eu.kv.example.com says 11539305337000706507, kv-0.no.kv.example.com says 11539305337000706508"},
		"terms differ": {func(a *Answer) {
			a.Outputs[2].Stdout = strings.Replace(a.Outputs[2].Stdout, `"raftTerm":2`, `"raftTerm":3`, 1)
		}, "do not agree on the term"},
		"errors":               {in(2, `"downgradeInfo":{}`, `"errors":["etcdserver: no leader"]`), "kv-0.eu.kv.example.com reports errors"},
		"no list of errors":    {in(2, `"downgradeInfo":{}`, `"errors":[]`), ""},
		"no JSON":              {in(1, `{"header"`, `header`), "the answer about its members is no JSON"},
		"two documents":        {in(1, "\n", `{}`), "goes on after its JSON document"},
		"another shape":        {in(1, `"members":[`, `"people":[`), "holds no list of rows at members"},
		"rows of another kind": {in(0, etcdHealth, `[1]`), "holds something other than objects"},
		"nothing":              {in(0, etcdHealth, ""), "printed nothing"},
		"fails, and says more": {func(a *Answer) {
			in(0, `"health":true,"took":"6.1ms"`, `"health":false`)(a)
			a.Outputs[0].ExitCode, a.Outputs[0].Stderr = 1, logLine+"Error: unhealthy cluster\n"
		}, "kv-0.no.kv.example.com is not healthy|the command for its endpoints ended with exit 1: Error: unhealthy cluster"},
		"fails, with a table that is well": {func(a *Answer) { a.Outputs[2].ExitCode = 1 }, "the command for its states ended with exit 1 and no word"},
		"fails without a table": {
			func(a *Answer) {
				a.Outputs[1] = Output{ExitCode: 1, Stderr: logLine + "Error: context deadline exceeded"}
			},
			"the command for its members ended with exit 1: Error: context deadline exceeded",
		},
		"could not be run": {func(a *Answer) { a.Outputs[1] = Output{Failure: "exec in eu/kv-0: no route"} }, "exec in eu/kv-0: no route"},
		"nobody to ask":    {func(a *Answer) { *a = Answer{Cluster: "eu", Problem: "no replica is ready"} }, "the database, asked in eu: no replica is ready"},
		"the regions disagree": {
			in(1, "11539305337000706507", "11539305337000706509"),
			"the regions disagree about the members: of kv-0.no eu says ID 11539305337000706509, peerURLs [\"http://kv-0.no.kv.example.com:2380\"]|, no says ID 11539305337000706507",
		},
		"one region does not list it": {in(1, `"name":"kv-0.no"`, `"name":"kv-0.x"`), "of kv-0.no eu says it is none, no says ID 11539305337000706507"},
	}
	p := testProfile(t, "etcd")
	hosts := []string{"kv-0.eu.kv.example.com", "kv-0.no.kv.example.com"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			eu := etcdAnswer("eu")
			test.edit(&eu)
			holds(t, strings.Join(Judge(*p.Hooks.Gate, p.SeedPort, []Answer{eu, etcdAnswer("no")}, hosts), "|"), test.want)
		})
	}
}

func TestReadLeader(t *testing.T) {
	const status = `[{"Endpoint":"http://127.0.0.1:2379","Status":{"header":{"member_id":11539305337000706507},"leader":11539305337000706507,"raftTerm":2}}]`
	tests := map[string]struct {
		output, self, leader string
		fails                string
	}{
		"leads":           {status, "11539305337000706507", "11539305337000706507", ""},
		"follows":         {strings.Replace(status, `"leader":11539305337000706507`, `"leader":11539305337000706508`, 1), "11539305337000706507", "11539305337000706508", ""},
		"knows of none":   {strings.Replace(status, `"leader":11539305337000706507,`, ``, 1), "11539305337000706507", "", ""},
		"leader zero":     {strings.Replace(status, `"leader":11539305337000706507`, `"leader":0`, 1), "11539305337000706507", "", ""},
		"no member":       {strings.Replace(status, `"member_id":11539305337000706507`, ``, 1), "", "", "no Status.header.member_id"},
		"member zero":     {strings.Replace(status, `"member_id":11539305337000706507`, `"member_id":0`, 1), "", "", "no Status.header.member_id"},
		"two rows":        {strings.TrimSuffix(status, "]") + "," + strings.TrimPrefix(status, "["), "", "", "2 rows"},
		"nothing":         {"", "", "", "no JSON"},
		"a word of error": {"Error: context deadline exceeded", "", "", "no JSON"},
	}
	ask := testProfile(t, "etcd").Hooks.Handover.Ask
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			self, leader, err := ReadLeader(ask, test.output)
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("got %q, %q, %v, want an error with %q", self, leader, err, test.fails)
				}
				return
			}
			if err != nil || self != test.self || leader != test.leader {
				t.Errorf("got %q, %q, %v", self, leader, err)
			}
		})
	}
}

// FuzzJudge: whatever a command prints, an expected member that has no row of its
// own keeps the gate shut.
func FuzzJudge(f *testing.F) {
	f.Add(statusHeader+statusRow("1", "bank-0.use1", "true", "true", "0", "0"), 0)
	f.Add("address,is_live,is_available,ranges_unavailable,ranges_underreplicated\nx,true,true,0,0\n", 0)
	f.Add("\"\n", 0)
	f.Add(etcdHealth, 1)
	f.Add(etcdMembers, 1)
	f.Add(etcdStatus, 1)
	f.Add(`{"members":[{"name":"a","isLearner":[[]]},{"name":{}},{}]}`, 1)
	f.Add(`[{"Endpoint":null,"Status":[]}]`, 1)
	profiles := []kustomize.Profile{testProfile(f, "cockroachdb"), testProfile(f, "etcd")}
	f.Fuzz(func(t *testing.T, output string, n int) {
		p := profiles[uint(n)%2]
		const stranger = "nobody.none.example.com"
		answer := Answer{Cluster: "a"}
		for range p.Hooks.Gate.Tables {
			answer.Outputs = append(answer.Outputs, Output{Stdout: output})
		}
		got := Judge(*p.Hooks.Gate, p.SeedPort, []Answer{answer}, []string{stranger})
		if !strings.Contains(output, stranger) && len(got) == 0 {
			t.Errorf("the gate opens for %s on %q", stranger, output)
		}
		if again := Judge(*p.Hooks.Gate, p.SeedPort, []Answer{answer}, []string{stranger}); !slices.Equal(got, again) {
			t.Errorf("judged twice: %q and %q", got, again)
		}
	})
}
