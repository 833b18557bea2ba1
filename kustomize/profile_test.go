package kustomize

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

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
	if _, err := LoadProfile("cassandra"); err == nil || !strings.Contains(err.Error(), "there are: cockroachdb, generic") {
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
		"gate": {p.Hooks.Gate.Command(host, p.SeedPort), "cockroach|node|status|--ranges|--format=csv|--insecure|--host=bank-0.use1.bank.db.example.com:26257"},
	}
	for name, test := range tests {
		if got := strings.Join(test.got, "|"); got != test.want {
			t.Errorf("%s is %s, want %s", name, got, test.want)
		}
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
		"gate format":     {head + "hooks: {gate: {argv: [a], timeout: 1s, interval: 1s, format: xml, key: k, keyValue: '{host}', mustBeTrue: [a]}}\n", `"xml" is not "csv"`},
		"blind gate":      {head + "hooks: {gate: {argv: [a], timeout: 1s, interval: 1s, format: csv, key: k, keyValue: '{host}'}}\n", "checks nothing"},
		"gate interval":   {head + "hooks: {gate: {argv: [a], timeout: 1s, interval: 0s, format: csv, key: k, keyValue: '{host}', mustBeTrue: [a]}}\n", "hooks.gate.interval"},
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

const header = "id,address,sql_address,build,started_at,updated_at,locality,is_available,is_live,replicas_leaders,replicas_leaseholders,ranges,ranges_unavailable,ranges_underreplicated\n"

func row(address, rest string) string {
	return "1," + address + "," + address + `,v25.4.1,2025-11-22 10:00:00,2025-11-22 10:00:01,"region=us-east1,zone=b",` + rest + "\n"
}

func TestGateCheck(t *testing.T) {
	p, err := LoadProfile("cockroachdb")
	if err != nil {
		t.Fatal(err)
	}
	gate := p.Hooks.Gate
	expected := []string{gate.Expected("a.", p.SeedPort), gate.Expected("b", p.SeedPort)}
	if !slices.Equal(expected, []string{"a:26257", "b:26257"}) {
		t.Fatal(expected)
	}
	good := row("a:26257", "true,true,10,10,40,0,0")
	tests := map[string]struct{ output, want string }{
		"whole":                  {header + good + row("b:26257", "true,true,9,9,40,0,0"), ""},
		"one more than expected": {header + good + row("b:26257", "true,true,9,9,40,0,0") + row("c:26257", "true,true,9,9,40,0,0"), ""},
		"a stranger that is dead": {header + good + row("b:26257", "true,true,9,9,40,0,0") + row("c:26257", "false,false,9,9,40,0,0"),
			"c:26257: is_live is false"},
		"not live":                {header + good + row("b:26257", "true,false,9,9,40,0,0"), "b:26257: is_live is false"},
		"not available":           {header + good + row("b:26257", "false,true,9,9,40,0,0"), "b:26257: is_available is false"},
		"under-replicated":        {header + good + row("b:26257", "true,true,9,9,40,0,12"), "b:26257: ranges_underreplicated is 12"},
		"unavailable":             {header + good + row("b:26257", "true,true,9,9,40,1,0"), "b:26257: ranges_unavailable is 1"},
		"metrics unknown":         {header + good + row("b:26257", "true,true,NULL,NULL,NULL,NULL,NULL"), "ranges_unavailable is NULL"},
		"missing node":            {header + good, "b:26257: the database does not list it"},
		"name that only contains": {header + good + row("bb:26257", "true,true,9,9,40,0,0"), "b:26257: the database does not list it"},
		"missing column":          {"id,address\n1,a:26257\n", `no column "is_live"`},
		"an error instead":        {"ERROR: cannot dial server.\n", `no column "address"`},
		"nothing":                 {"", "is empty"},
		"not CSV":                 {"a,\"b\n", "as CSV"},
		"ragged":                  {header + "1,a:26257\n", "as CSV"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := gate.Check(test.output, expected)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func FuzzGateCheck(f *testing.F) {
	p, err := LoadProfile("cockroachdb")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(header + row("a:26257", "true,true,10,10,40,0,0"))
	f.Add(header + row("a:26257", "true,true,10,10,40,0,1"))
	f.Add("")
	f.Fuzz(func(t *testing.T, output string) {
		if err := p.Hooks.Gate.Check(output, []string{"a:26257"}); err == nil && !strings.Contains(output, "a:26257") {
			t.Errorf("open without the expected node: %q", output)
		}
	})
}
