package kustomize

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"quorate.dev/quorate/regions"
)

func TestLoadProfile(t *testing.T) {
	p, err := LoadProfile("cockroachdb")
	if err != nil {
		t.Fatal(err)
	}
	if p.Model != regions.ModelRanges || p.Container != "cockroachdb" || p.SeedPort != 26257 || p.Ports["http"] != 8080 || !p.BringsManifests() {
		t.Errorf("unexpected profile %+v", p)
	}
	if p.DefaultVoters[regions.FailureRegion] != 5 || p.DefaultVoters[regions.FailureZone] != 3 {
		t.Errorf("unexpected voters %v", p.DefaultVoters)
	}
	g, err := LoadProfile("generic")
	if err != nil {
		t.Fatal(err)
	}
	if g.Model != regions.ModelNone || g.BringsManifests() || g.Hooks != (Hooks{}) {
		t.Errorf("unexpected profile %+v", g)
	}
	if _, err := LoadProfile("cassandra"); err == nil || !strings.Contains(err.Error(), "there are: cockroachdb, etcd, generic") {
		t.Errorf("unexpected error %v", err)
	}
	for _, name := range []string{"", ".", "..", "cockroachdb/base"} {
		if _, err := LoadProfile(name); err == nil {
			t.Errorf("profile %q was loaded", name)
		}
	}
}

func TestCockroachHooks(t *testing.T) {
	p, err := LoadProfile("cockroachdb")
	if err != nil {
		t.Fatal(err)
	}
	const host = "bank-0.use1.bank.db.example.com."
	tests := map[string]struct {
		got  []string
		want string
	}{
		"init": {p.Hooks.Init.Command(host, p.SeedPort), "cockroach|init|--insecure|--host=bank-0.use1.bank.db.example.com:26257"},
		"id": {p.Hooks.ClusterID.Command(host, p.SeedPort), "cockroach|sql|--insecure|--host=bank-0.use1.bank.db.example.com:26257|--format=csv|" +
			"--execute=SELECT crdb_internal.cluster_id()"},
		"gate": {p.Hooks.Gate.Tables[0].Command(host, p.SeedPort), "cockroach|node|status|--ranges|--format=csv|--insecure|--host=bank-0.use1.bank.db.example.com:26257"},
	}
	for name, test := range tests {
		if got := strings.Join(test.got, "|"); got != test.want {
			t.Errorf("%s is %s, want %s", name, got, test.want)
		}
	}
	gate := p.Hooks.Gate
	if got := gate.Tables[0].Expected(host, p.SeedPort); got != "bank-0.use1.bank.db.example.com:26257" {
		t.Errorf("the gate looks for %s", got)
	}
	// The metrics are recomputed every 10 s: two looks must have a whole round between them.
	if d := gate.IntervalDuration(); d <= 20*time.Second {
		t.Errorf("the gate's interval is %s", d)
	}
	if p.Hooks.Init.Done("Cluster successfully initialized\n") {
		t.Error("a first init counts as already done")
	}
	if !p.Hooks.Init.Done("ERROR: cluster has already been initialized\nFailed running \"init\"\n") {
		t.Error("a second init is not recognised")
	}
	id, err := p.Hooks.ClusterID.Extract("crdb_internal.cluster_id\n1aa3f0e8-6f5c-4a0e-9d0f-3a2b1c4d5e6f\n")
	if err != nil || id != "1aa3f0e8-6f5c-4a0e-9d0f-3a2b1c4d5e6f" {
		t.Errorf("got %q, %v", id, err)
	}
	for _, output := range []string{"", "ERROR: cannot dial server.\n", "crdb_internal.cluster_id\nNULL\n"} {
		if id, err := p.Hooks.ClusterID.Extract(output); err == nil {
			t.Errorf("%q gave %q", output, id)
		}
	}
}

func TestBadProfiles(t *testing.T) {
	const head = "name: x\nmodel: none\nseedPort: 1\n"
	gate := func(more string) string {
		return head + "hooks: {gate: {interval: 1s, tables: [{name: n, argv: [a], timeout: 1s, key: k, keyValue: '{host}', " + more + "}]}}\n"
	}
	handover := func(move string) string {
		return head + "hooks: {handover: {ask: {argv: [a], timeout: 1s, member: a, leader: b}, move: {argv: " + move + ", timeout: 1s}}}\n"
	}
	tests := map[string]struct{ yaml, want string }{
		"unknown field":   {head + "sharks: 3\n", "field sharks not found"},
		"no name":         {"model: none\n", "name is missing"},
		"no model":        {"name: x\n", "model is missing"},
		"empty argv":      {head + "hooks: {init: {timeout: 1s}}\n", "hooks.init.argv is empty"},
		"placeholder":     {head + "hooks: {init: {argv: ['{hots}'], timeout: 1s}}\n", "placeholder other than"},
		"port, no seed":   {"name: x\nmodel: none\nhooks: {init: {argv: ['{port}'], timeout: 1s}}\n", "seedPort is not set"},
		"timeout":         {head + "hooks: {init: {argv: [a], timeout: soon}}\n", "is not a positive duration"},
		"expression":      {head + "hooks: {init: {argv: [a], timeout: 1s, alreadyDone: '('}}\n", "hooks.init.alreadyDone"},
		"value, no group": {head + "hooks: {clusterID: {argv: [a], timeout: 1s, value: a}}\n", "exactly one group"},
		"no value":        {head + "hooks: {clusterID: {argv: [a], timeout: 1s}}\n", "value is missing"},
		"gate format":     {gate("format: xml, mustBeTrue: [a]"), `"xml" is neither "csv" nor "json"`},
		"blind table":     {gate("format: csv"), "checks nothing"},
		"no tables":       {head + "hooks: {gate: {interval: 1s}}\n", "hooks.gate.tables is empty"},
		"gate interval":   {strings.Replace(gate("format: csv, exact: true"), "interval: 1s", "interval: 0s", 1), "hooks.gate.interval"},
		"table's key":     {strings.Replace(gate("format: csv"), "keyValue: '{host}'", "exact: true", 1), "name, key and keyValue are all needed"},
		"rows of a CSV":   {gate("format: csv, exact: true, rows: a"), "no path to its rows"},
		"idle words":      {gate("format: json, exact: true, words: {b: is odd}"), `no rule is about column "b"`},
		"old gate":        {head + "hooks: {gate: {argv: [a], interval: 1s}}\n", "field argv not found"},
		"handover to":     {handover("[a]"), "nothing says to whom"},
		"handover blank":  {handover("['{target:oct}']"), "placeholder other than"},
		"handover ask":    {strings.Replace(handover("['{target}']"), "leader: b", "leader: ''", 1), "member and leader are both needed"},
		"target in init":  {head + "hooks: {init: {argv: ['{target}'], timeout: 1s}}\n", "placeholder other than"},
		"preAdd":          {head + "members: {preAdd: {argv: [], timeout: 1s}}\n", "members.preAdd.argv is empty"},
		"listedIn":        {head + "members: {listedIn: 'a,b'}\n", "members.listedIn"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readProfile(fstest.MapFS{"profile.yaml": {Data: []byte(test.yaml)}}, "p")
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "p/profile.yaml") {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}
