package edit

import (
	"strings"
	"testing"

	"quorate.dev/quorate/regions"
)

// edited makes the changes of the targets in a file.
func edited(text string, targets ...string) (string, error) {
	t, _ := regions.Parse([]byte(text), "topology.yaml")
	if t == nil {
		return "", errUnproven
	}
	changes, err := Resolve(t, targets)
	if err != nil {
		return "", err
	}
	out, err := Apply([]byte(text), changes)
	return string(out), err
}

// file is a topology with these regions; "|" marks what an edit is to change.
func file(regions string) string {
	return "# top\napiVersion: quorate.dev/v1alpha1\nkind: Topology\nmetadata: {name: bank}\nspec:\n" +
		"  profile:   cockroachdb # wide\n  regions:\n" + regions
}

func TestApplyChangesTheNumberAlone(t *testing.T) {
	for name, test := range map[string]struct {
		regions string // «3→5» is 3 before and 5 after
		targets []string
	}{
		"block": {"  - name: r1\n    clusters:\n    - name: use1\n      replicas:  «3→5»   # three\n      zones: [a, b]\n", []string{"use1=5"}},
		"flow":  {"  - {name: r1, clusters: [{name: use1, replicas: «3→12»}, {name: use2, replicas: 3}]}\n", []string{"use1=12"}},
		"flow, both": {
			"  - {name: r1, clusters: [{name: use1, replicas: «3→12»}, {name: use2, replicas: «3→4»}]}\n",
			[]string{"use2=4", "use1=12"},
		},
		"flow over lines": {"  - name: r1\n    clusters: [\n      {name: use1, # é\n        replicas: «3→4»},\n    ]\n", []string{"use1=4"}},
		"json":            {"  - {\"name\": \"r1\", \"clusters\": [{\"name\": \"use1\", \"replicas\":«3→4»}]}\n", []string{"use1=4"}},
		"wide characters": {"  - name: r1\n    clusters: [{context: \"größe-日本\", name: use1, replicas: «3→4»}]\n", []string{"use1=4"}},
		"hexadecimal":     {"  - name: r1\n    clusters: [{name: use1, replicas: «0x3→4»}]\n", []string{"use1=4"}},
		"a tag":           {"  - name: r1\n    clusters: [{name: use1, replicas: !!int «3→4»}]\n", []string{"use1=4"}},
		"an anchor of its own": {
			"  - name: r1\n    clusters: [{name: use1, replicas: &n «3→4»}]\n", []string{"use1=4"},
		},
		"an alias": {
			"  - name: r1\n    clusters: [{name: use1, replicas: &n 3}, {name: use2, replicas: «*n →4 »}]\n", []string{"use2=4"},
		},
		"no value":     {"  - name: r1\n    clusters:\n    - name: use1\n      replicas:« →  4» # todo\n", []string{"use1=4"}},
		"null":         {"  - name: r1\n    clusters:\n    - name: use1\n      replicas: «~→4» # todo\n", []string{"use1=4"}},
		"no key":       {"  - name: r1\n    clusters:\n    -   name: use1 # one\n«→        replicas: 4\n»        zones: [a]\n", []string{"use1=4"}},
		"no key, last": {"  - name: r1\n    clusters:\n    - name: use1«→\n      replicas: 4»", []string{"use1=4"}},
		"no key, flow": {"  - name: r1\n    clusters: [{name: use1« →, replicas: 4 »}]\n", []string{"use1=4"}},
		"no key, json": {"  - name: r1\n    clusters: [{\"name\": \"use1\"«→, \"replicas\": 4»}]\n", []string{"use1=4"}},
		"zero":         {"  - name: r1\n    clusters: [{name: use1, replicas: «3→0»}, {name: use2, replicas: 3}]\n", []string{"use1=0"}},
		"a pool": {
			"  - name: r1\n    clusters:\n    - name: use1\n      pools: {broker: «6→9», controller: 3}\n", []string{"use1/broker=9"},
		},
		"the pool of the deployment's name": {"  - {name: r1, clusters: [{name: use1, replicas: «3→4»}]}\n", []string{"use1/bank=4"}},
		"nothing to change":                 {"  - {name: r1, clusters: [{name: use1, replicas: 3}]}\n", []string{"use1=3"}},
		"a region": {
			"  - name: r1\n    clusters:\n    - {name: a, replicas: «1→3»}\n    - {name: b, replicas: «2→3»}\n    - {name: c, replicas: «0→2»}\n",
			[]string{"r1=8"},
		},
		"a region that keeps its largest": {
			"  - name: r1\n    clusters: [{name: a, replicas: 5}, {name: b, replicas: «1→2»}]\n", []string{"r1=7"},
		},
		"a smaller region": {
			"  - name: r1\n    clusters: [{name: a, replicas: 2}, {name: b, replicas: «3→1»}]\n", []string{"r1=3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := marked(file(test.regions))
			for _, form := range []struct {
				name string
				bend func(string) string
			}{
				{"LF", func(s string) string { return s }},
				{"CRLF", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
				{"byte order mark", func(s string) string { return "\ufeff" + s }},
			} {
				got, err := edited(form.bend(before), test.targets...)
				if err != nil || got != form.bend(after) {
					t.Errorf("%s: %v, got:\n%s\nwant:\n%s", form.name, err, got, form.bend(after))
				}
			}
		})
	}
}

// marked reads «before→after»; blanks inside of the marks that stand for nothing are cut.
func marked(text string) (before, after string) {
	for {
		plain, rest, found := strings.Cut(text, "«")
		before, after = before+plain, after+plain
		if !found {
			return before, after
		}
		was, rest, _ := strings.Cut(rest, "→")
		is, rest, _ := strings.Cut(rest, "»")
		if strings.HasPrefix(is, "  ") && strings.TrimSpace(was) == "" && !strings.Contains(is, "\n") {
			is = is[1:]
		}
		before, after = before+strings.TrimRight(was, " "), after+strings.TrimRight(is, " ")
		text = rest
	}
}

func TestApplyRefusesWhatWouldChangeElsewhere(t *testing.T) {
	for name, test := range map[string]struct{ regions, target, want string }{
		"an anchored number":  {"  - {name: r1, clusters: [{name: use1, replicas: &n 3}, {name: use2, replicas: *n}]}\n", "use1=4", "&n"},
		"an anchored mapping": {"  - {name: r1, clusters: [{name: use1, pools: &p {x: 3}}, {name: use2, pools: *p}]}\n", "use1/x=4", "&p"},
		"an aliased mapping":  {"  - {name: r1, clusters: [{name: use1, pools: &p {x: 3}}, {name: use2, pools: *p}]}\n", "use2/x=4", "*p"},
		"clusters of a region": {
			"  - {name: r1, clusters: &c [{name: use1, replicas: 3}]}\n  - {name: r2, clusters: *c}\n", "use1=4", "&c",
		},
		"text":             {"  - {name: r1, clusters: [{name: use1, replicas: \"3\"}]}\n", "use1=4", "no plain number"},
		"an escaped name":  {"  - {name: r1, clusters: [{name: \"us\\x65\"}]}\n", "use=4", "by hand"},
		"a quoted newline": {"  - {name: r1, clusters: [{name: 'use\n      1'}]}\n", "use 1=4", "by hand"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := edited(file(test.regions), test.target); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q; got:\n%s", err, test.want, got)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	text := file("  - {name: us-east1, clusters: [{name: use1, replicas: 3}, {name: use2, pools: {broker: 1, controller: 1}}]}\n")
	for _, test := range []struct{ targets, want string }{
		{"use1", "REGION=N"},
		{"=3", "REGION=N"},
		{"use1=", "whole number"},
		{"use1=-1", "whole number"},
		{"use1=+1", "whole number"},
		{"use1=3.5", "whole number"},
		{"use1=99999999999", "whole number"},
		{"use1/=3", "no pool is named"},
		{"usw1=3", "did you mean use1?"},
		{"us-east=3", "did you mean us-east1?"},
		{"zz=3", "known here: us-east1, use1, use2"},
		{"use1/brokr=3", "has no pool"},
		{"use2=3", "broker, controller"},
		{"use2/brokr=3", "did you mean broker?"},
		{"us-east1=3", "several pools"},
		{"use1=3 use1=4", "name each once"},
		{"use1=x usw1=3", "did you mean use1?"},
	} {
		if _, err := edited(text, strings.Fields(test.targets)...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error that says %q", test.targets, err, test.want)
		}
	}
}

func TestDiff(t *testing.T) {
	before := file("  - name: r1\n    clusters:\n    - name: use1\n    - {name: use2, replicas: 3}\n")
	after, err := edited(before, "use1=4", "use2=5")
	if err != nil {
		t.Fatal(err)
	}
	got := Diff([]byte(before), []byte(after))
	want := []Line{
		{Number: 11, After: "      replicas: 4", Added: true},
		{Number: 12, Before: "    - {name: use2, replicas: 3}", After: "    - {name: use2, replicas: 5}"},
	}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if none := Diff([]byte(before), []byte(before)); len(none) != 0 {
		t.Errorf("a file differs from itself: %+v", none)
	}
}
