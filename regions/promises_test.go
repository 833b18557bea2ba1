package regions

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// cockroach writes a CockroachDB topology with the given survive line and layout.
func cockroach(survive string, layout shape) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: db}
spec:
  profile: cockroachdb
  image: cockroachdb/cockroach:v25.4.1
  storage: {size: 1Gi, className: standard}
  resources: {requests: {cpu: "1", memory: 1Gi}}
  tls: {mode: disabled}
  dns: {zone: db.example.com}
  survive: %s
  regions:
`, survive)
	for r, zones := range layout {
		fmt.Fprintf(&b, "    - name: r%d\n      clusters:\n", r)
		for z, n := range zones {
			fmt.Fprintf(&b, "        - {name: c%d-%d, replicas: %d, zones: [r%d-z%d]}\n", r, z, n, r, z)
		}
	}
	return b.String()
}

// TestComputedPromiseIsTheStrongest shows that a promise which is not written is
// kept by the layout, that no stronger one would be, and that writing it out changes nothing.
func TestComputedPromiseIsTheStrongest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zones := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 3)
		layout := shape(rapid.SliceOfN(zones, 1, 4).Draw(t, "layout"))
		topology, problems := Parse([]byte(cockroach("{}", layout)), "")
		if len(problems.Errors()) > 0 {
			if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Code == codeNoReplicas }) {
				t.Fatalf("unexpected:\n%v", problems)
			}
			return
		}
		s := topology.Spec.Survive
		declared := DeclaredLayout(topology)
		if s.Failure != FailureNone && !declared.Exposure(nil).Survives[s.Failure] {
			t.Fatalf("computed %s, which %v does not keep", s.Failure, layout)
		}
		if got := declared.Strongest(1); s.WhileUpdating != got {
			t.Fatalf("computed %s while updating, the layout keeps %s", s.WhileUpdating, got)
		}
		for _, stronger := range Failures()[1+slices.Index(Failures(), s.Failure):] {
			_, problems := Parse([]byte(cockroach(fmt.Sprintf("{failure: %s}", stronger), layout)), "")
			if len(problems.Errors()) == 0 {
				t.Fatalf("computed %s, but %s is accepted", s.Failure, stronger)
			}
		}
		text := fmt.Sprintf("{failure: %s, voters: %d, whileUpdating: %s}", s.Failure, s.Voters, s.WhileUpdating)
		again, problems := Parse([]byte(cockroach(text, layout)), "")
		if len(problems.Errors()) > 0 || again.Spec.Survive != s {
			t.Fatalf("%s is not what was computed:\n%v", text, problems)
		}
	})
}

// TestComputedPromiseNeedsItsVoters shows that four replicas promise no region by
// themselves: CockroachDB would want five voters for it.
func TestComputedPromiseNeedsItsVoters(t *testing.T) {
	topology, problems := Parse([]byte(cockroach("{}", shape{{1}, {1}, {1}, {1}})), "")
	if errs := problems.Errors(); len(errs) > 0 || topology.Spec.Survive.Failure != FailureZone || topology.Spec.Survive.Voters != 3 {
		t.Errorf("computed %+v:\n%v", topology.Spec.Survive, errs)
	}
}

// TestPromiseHints has the advice on promises that a layout cannot keep; each
// is followed, and must then be enough.
func TestPromiseHints(t *testing.T) {
	tests := []struct {
		name          string
		survive       string
		layout        shape
		code, hint    string
		followSurvive string
		followLayout  shape
	}{
		{
			"two regions", "{failure: region}",
			shape{{1, 1, 1}, {1, 1, 1}},
			codePromiseNotKept,
			"it could keep zone; to keep region: add 1 region of 1 replica",
			"{failure: region}",
			shape{{1, 1, 1}, {1, 1, 1}, {1}},
		},
		{
			"one zone", "{failure: zone}",
			shape{{3}},
			codePromiseNotKept,
			"it could keep node; to keep zone: spread cluster c0-0 over 2 zones more (3 in all) and declare them in zones",
			"{failure: zone}",
			shape{{1, 1, 1}},
		},
		{
			"uneven regions", "{failure: region}",
			shape{{1}, {1}, {1, 1, 1}},
			codePromiseNotKept,
			"it could keep zone; to keep region: write survive.voters: 3",
			"{failure: region, voters: 3}",
			shape{{1}, {1}, {1, 1, 1}},
		},
		{
			"a region while updating", "{failure: region, whileUpdating: region}", usual(), codeUpdatePromiseNotKept,
			"it could keep zone; no small change keeps region",
			"{failure: region, whileUpdating: zone}", usual(),
		},
		{
			"a node while updating", "{failure: zone, whileUpdating: node}",
			shape{{2, 2, 2}},
			codeUpdatePromiseNotKept,
			"it could keep none; to keep node: write survive.voters: 5",
			"{failure: zone, whileUpdating: node, voters: 5}",
			shape{{2, 2, 2}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := Parse([]byte(cockroach(tt.survive, tt.layout)), "")
			i := slices.IndexFunc(problems, func(p Problem) bool { return p.Code == tt.code })
			if i < 0 || problems[i].Hint != tt.hint {
				t.Fatalf("no %s with hint %q in:\n%v", tt.code, tt.hint, problems)
			}
			_, problems = Parse([]byte(cockroach(tt.followSurvive, tt.followLayout)), "")
			if errs := problems.Errors(); len(errs) > 0 {
				t.Errorf("after following the hint:\n%v", errs)
			}
		})
	}
}

// TestHiddenZones shows that a database which is not told its zones promises none.
func TestHiddenZones(t *testing.T) {
	text := strings.Replace(cockroach("{failure: zone}", shape{{1, 1, 1}}), "  survive:", "  locality: {zone: none}\n  survive:", 1)
	_, problems := Parse([]byte(text), "")
	want := "the layout cannot survive the loss of a zone: with locality.zone none the database does not know its zones"
	errs := problems.Errors()
	if len(errs) != 1 || errs[0].Message != want || !strings.Contains(errs[0].Hint, "podLabel") {
		t.Errorf("problems:\n%v", problems)
	}
}
