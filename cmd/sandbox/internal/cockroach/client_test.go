package cockroach

import (
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/cmd/sandbox/internal/database"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 250_000_000, time.UTC)

const clusterID = "11111111-2222-3333-4444-555555555555"

func newID() string { return clusterID }

// world has three replicas: two run, the third has stopped; initialised or not.
func world(t *testing.T, initialised bool) *database.World {
	t.Helper()
	w := &database.World{Settings: database.Settings{UnderReplicatedFor: time.Second, DeadAfter: 5 * time.Minute}}
	for _, pod := range []string{"bank-0", "bank-1", "bank-2"} {
		w.Start(database.Replica{
			Cluster: "use1", Namespace: "bank", Pod: pod, PodUID: pod + "-uid", Disk: pod + "-disk", IP: "10.64.0.1",
			Address: pod + ".use1.bank.example.com:26257", Seeds: []string{"join-0"},
			Locality: "region=us-east1,zone=us-east1-b", Build: "v25.4.1",
		}, now.Add(-time.Minute), now.Add(-time.Minute), newID)
	}
	if initialised {
		if err := w.Init("bank-0-uid", now.Add(-time.Minute), newID); err != nil {
			t.Fatal(err)
		}
	}
	w.Stop("bank-2-uid", now.Add(-time.Second))
	return w
}

const cannotReach = "ERROR: cannot dial server.\nIs the server running?\n" +
	"If the server is running, check --host client-side and --advertise server-side.\n\n"

func TestCommands(t *testing.T) {
	const host = "--host=bank-0.use1.bank.example.com"
	id := []string{"sql", "--insecure", host, "--format=csv", "--execute=SELECT crdb_internal.cluster_id()"}
	tests := map[string]struct {
		fresh bool // the database is not initialised
		args  []string
		want  Result
	}{
		"init":              {true, []string{"init", "--insecure", host + ":26257"}, Result{Stdout: "Cluster successfully initialized\n"}},
		"init on localhost": {true, []string{"init", "--insecure"}, Result{Stdout: "Cluster successfully initialized\n"}},
		"a second init": {
			false,
			[]string{"init", "--insecure", host},
			Result{Stderr: "ERROR: cluster has already been initialized\nFailed running \"init\"\n", Code: 1},
		},
		"a name that nobody has": {
			true,
			[]string{"init", "--insecure", "--host", "nobody:1"},
			Result{Stderr: cannotReach + "dial tcp: lookup nobody: no such host\nFailed running \"init\"\n", Code: 1},
		},
		"a node that is down": {
			false,
			[]string{"sql", "--insecure", "--host=bank-2.use1.bank.example.com", "-e", "SELECT 1"},
			Result{Stderr: cannotReach + "dial tcp bank-2.use1.bank.example.com:26257: connect: connection refused\nFailed running \"sql\"\n", Code: 1},
		},
		"sql before init": {true, id, Result{Stderr: cannotReach + "failed to connect to `user=root database=`: 10.64.0.1:26257 " +
			"(bank-0.use1.bank.example.com): failed to receive message: timeout: context deadline exceeded\nFailed running \"sql\"\n", Code: 1}},
		"the cluster's id":   {false, id, Result{Stdout: "crdb_internal.cluster_id\n" + clusterID + "\n"}},
		"an alias":           {false, []string{"sql", "--insecure", "-e", "select 1 as one;"}, Result{Stdout: "one\n1\n"}},
		"by URL":             {false, []string{"sql", "--url", "postgresql://root@10.64.0.1:26257/?sslmode=disable", "-e", "SELECT crdb_internal.node_id()"}, Result{Stdout: "crdb_internal.node_id\n1\n"}},
		"node ls as a table": {false, []string{"node", "ls", "--insecure", "--format=table"}, Result{Stdout: "  id \n-----\n  1  \n  2  \n  3  \n(3 rows)\n"}},
		"a statement that is not played": {
			false,
			[]string{"sql", "--insecure", "-e", "SELECT 1; DROP TABLE x"},
			Result{Stdout: "?column?\n1\n", Stderr: "ERROR: the sandbox's played database does not know this statement: DROP TABLE x\nSQLSTATE: 0A000\nFailed running \"sql\"\n", Code: 1},
		},
		"without --insecure": {
			false,
			[]string{"node", "status", host},
			Result{Stderr: "ERROR: problem using security settings: no certificates found; does certs dir exist?\nFailed running \"node status\"\n", Code: 1},
		},
		"a flag that is not there": {
			false,
			[]string{"init", "--nonsense"},
			Result{Stderr: "ERROR: unknown flag: --nonsense\nFailed running \"init\"\n", Code: 1},
		},
		"a command that is not played": {
			false,
			[]string{"node", "decommission", "3", "--insecure"},
			Result{Stderr: "ERROR: the sandbox's played database does not have the command \"node decommission 3 --insecure\"\nFailed running \"node decommission\"\n", Code: 1},
		},
		"no command": {false, nil, Result{Stderr: "ERROR: the sandbox's played database does not have the command \"\"\nFailed running \"\"\n", Code: 1}},
		"a format that is not played": {
			false,
			[]string{"node", "ls", "--insecure", "--format=html"},
			Result{Stderr: "ERROR: invalid argument \"html\" for \"--format\" flag: the sandbox plays csv, tsv and table\nFailed running \"node ls\"\n", Code: 1},
		},
		"a node that does not exist": {
			false,
			[]string{"node", "status", "9", "--insecure"},
			Result{Stderr: "ERROR: node 9 doesn't exist\nFailed running \"node status\"\n", Code: 1},
		},
		"version": {false, []string{"version"}, Result{Stdout: "Build Tag:        v25.4.1\nBuild Type:       played\n"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := &Client{World: world(t, !test.fresh), PodUID: "bank-0-uid", Now: now, NewID: newID}
			if got := client.Run(test.args); got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestNodeStatusListsEveryNodeOfEveryCluster(t *testing.T) {
	client := &Client{World: world(t, true), PodUID: "bank-1-uid", Now: now, NewID: newID}
	got := client.Run([]string{"node", "status", "--ranges", "--format=csv", "--insecure", "--host=bank-0.use1.bank.example.com:26257"})
	want := `id,address,sql_address,build,started_at,updated_at,locality,is_available,is_live,replicas_leaders,replicas_leaseholders,ranges,ranges_unavailable,ranges_underreplicated
1,bank-0.use1.bank.example.com:26257,bank-0.use1.bank.example.com:26257,v25.4.1,2026-01-02 03:03:05.25 +0000 UTC,2026-01-02 03:04:05.25 +0000 UTC,"region=us-east1,zone=us-east1-b",true,true,17,17,52,0,3
2,bank-1.use1.bank.example.com:26257,bank-1.use1.bank.example.com:26257,v25.4.1,2026-01-02 03:03:05.25 +0000 UTC,2026-01-02 03:04:05.25 +0000 UTC,"region=us-east1,zone=us-east1-b",true,true,17,17,52,0,3
3,bank-2.use1.bank.example.com:26257,bank-2.use1.bank.example.com:26257,v25.4.1,2026-01-02 03:03:05.25 +0000 UTC,2026-01-02 03:04:04.25 +0000 UTC,"region=us-east1,zone=us-east1-b",false,false,0,0,52,0,0
`
	if got.Stdout != want || got.Code != 0 {
		t.Errorf("code %d, stderr %q\n got %s\nwant %s", got.Code, got.Stderr, got.Stdout, want)
	}
	all := client.Run([]string{"node", "status", "1", "--all", "--format=tsv", "--insecure"})
	if lines := strings.Split(strings.TrimSpace(all.Stdout), "\n"); len(lines) != 2 || strings.Count(lines[0], "\t") != 22 || strings.Count(lines[1], "\t") != 22 {
		t.Errorf("--all of one node does not have 23 columns: %q", all.Stdout)
	}
}

func TestWithoutAQuorumSQLDoesNotAnswer(t *testing.T) {
	w := world(t, true)
	w.Stop("bank-1-uid", now)
	client := &Client{World: w, PodUID: "bank-0-uid", Now: now, NewID: newID}
	if got := client.Run([]string{"node", "status", "--insecure"}); got.Code != 1 || !strings.Contains(got.Stderr, "statement timeout") {
		t.Errorf("one of three nodes answered: %+v", got)
	}
}

func TestOnlyInitChangesTheWorld(t *testing.T) {
	client := &Client{World: world(t, false), PodUID: "bank-0-uid", Now: now, NewID: newID}
	if client.Run([]string{"node", "ls", "--insecure"}); client.Changed {
		t.Error("node ls changed the world")
	}
	if client.Run([]string{"init", "--insecure"}); !client.Changed {
		t.Error("init is not noted as a change")
	}
}
