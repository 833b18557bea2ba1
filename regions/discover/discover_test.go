package discover

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quorate.dev/quorate/regions"
)

var update = flag.Bool("update", false, "write the golden files")

// cluster is what a cluster of three zones with one node each was seen to be.
func cluster(context, region string, change ...func(*Facts)) Facts {
	f := Facts{
		Context: context, Version: "v1.37.2", UID: "uid-of-" + context,
		Classes: []Class{{Name: "fast-ssd"}, {Name: "standard", Default: true}},
	}
	for _, zone := range []string{"c", "a", "b"} {
		f.Nodes = append(f.Nodes, Node{Name: "n-" + zone, Region: region, Zone: region + "-" + zone, MilliCPU: 8000, Memory: 32 << 30})
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

func bank(change ...func(*Choices)) Choices {
	c := Choices{Name: "bank", Profile: "cockroachdb", Image: "cockroachdb/cockroach:v25.4.1", Zone: "bank.db.internal", Size: "100Gi", Replicas: 3}
	for _, f := range change {
		f(&c)
	}
	return c
}

// TestProposals holds whole files; each is read again, and its problems are part of the golden.
func TestProposals(t *testing.T) {
	three := []Facts{cluster("use1", "us-east1"), cluster("usw1", "us-west1"), cluster("euw1", "europe-west1")}
	older := func(f *Facts) { f.Version = "v1.34.1" }
	sandbox := func(f *Facts) { f.Sandbox = true }
	for name, test := range map[string]struct {
		choices Choices
		facts   []Facts
		silent  []Silent
		valid   bool
	}{
		"three-regions": {bank(), three, nil, true},
		"sandbox": {bank(), []Facts{
			cluster("use1", "us-east1", sandbox), cluster("usw1", "us-west1", sandbox), cluster("euw1", "europe-west1", sandbox),
		}, nil, true},
		"authorities": {bank(func(c *Choices) { c.Authorities = []string{"10.0.0.53:53"} }), three, nil, true},
		"one-region":  {bank(), []Facts{cluster("prod", "us-east1")}, nil, true},
		"left-out": {
			bank(), []Facts{
				cluster("gke_acme_us-east1_prod", "us-east1", func(f *Facts) { f.UID = "same" }),
				cluster("prod", "us-east1", func(f *Facts) { f.UID = "same" }),
				cluster("bare", ""),
				cluster("arn:aws:eks:us-west-2:123456789012:cluster/prod", "us-west-2"),
			}, []Silent{{"old", "it cannot be reached"}, {"a: {strange}\nname", "it refused\nthese credentials"}}, true,
		},
		"mixed": {
			bank(func(c *Choices) { c.Replicas = 2; c.Image = "cockroachdb/cockroach" }), []Facts{
				cluster("a", "r1", func(f *Facts) {
					f.Version = "v1.34.1-gke.100"
					f.Classes = []Class{{Name: "gp3", Default: true, Immediate: true}}
				}),
				cluster("b", "r2", func(f *Facts) {
					f.NotLooked, f.Nodes, f.Classes = []string{Nodes, StorageClasses}, nil, nil
				}),
				cluster("c", "R_3", func(f *Facts) {
					f.Nodes[0].Region = "r9"
					f.Classes = []Class{{Name: "gp3", Immediate: true}, {Name: "io2"}}
					f.Nodes[1].PodCIDRs = []string{"10.1.0.0/24"}
				}),
				cluster("d", "r4", func(f *Facts) {
					f.Nodes[0].PodCIDRs = []string{"10.1.0.0/16", "fd00::/64"}
					f.Classes = []Class{{Name: "gp3"}, {Name: "io2"}}
				}),
			}, nil, true,
		},
		"set-per-zone": {
			bank(), []Facts{
				cluster("use1", "us-east1", older), cluster("usw1", "us-west1"), cluster("euw1", "europe-west1"),
			}, nil, true,
		},
		"no-common-class": {
			bank(), []Facts{
				cluster("a", "r1", func(f *Facts) { f.Classes = []Class{{Name: "gp3"}} }),
				cluster("b", "r2", func(f *Facts) { f.Classes = []Class{{Name: "pd-ssd"}} }),
			}, nil, false,
		},
		"generic": {Choices{Name: "db", Profile: "generic", Base: "./base", Replicas: 3}, three[:1], nil, true},
		"etcd": {bank(func(c *Choices) {
			c.Profile, c.Image, c.Replicas = "etcd", "registry.example/etcd@sha256:"+strings.Repeat("a", 64), 1
		}), three, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			choices := test.choices
			if name == "mixed" {
				choices.Regions = map[string]string{"b": "r2"}
			}
			p := Propose(choices, test.facts, test.silent)
			if valid := len(p.Problems.Errors()) == 0; valid != test.valid {
				t.Errorf("valid: %v, want %v: %v", valid, test.valid, p.Problems)
			}
			got := string(p.Text) + "=====\n"
			for _, problem := range p.Problems {
				got += string(problem.Severity) + " " + problem.String() + "\n"
			}
			for _, text := range p.Ahead {
				got += "ahead " + text + "\n"
			}
			golden(t, name, got)
		})
	}
}

// TestLocality: the way is one that validation takes, and where it is not the first choice the file says why.
func TestLocality(t *testing.T) {
	older := func(f *Facts) { f.Version = "v1.34.1" }
	unlabelled := func(f *Facts) { f.Nodes[1].Zone = "" }
	for name, test := range map[string]struct {
		choices   Choices
		facts     []Facts
		way, says string
	}{
		"all new":            {bank(), []Facts{cluster("a", "r1")}, "podLabel", "reach the pods as a label"},
		"new, unlabelled":    {bank(), []Facts{cluster("a", "r1", unlabelled)}, "none", "a has nodes without the label"},
		"one is older":       {bank(), []Facts{cluster("a", "r1"), cluster("b", "r2", older)}, "statefulSetPerZone", "b runs v1.34.1"},
		"no version":         {bank(), []Facts{cluster("a", "r1", func(f *Facts) { f.Version = "" })}, "statefulSetPerZone", "an unknown version"},
		"older, unlabelled":  {bank(), []Facts{cluster("a", "r1", older, unlabelled)}, "none", "label them, then write statefulSetPerZone"},
		"older, no nodes":    {bank(), []Facts{cluster("a", "r1", older, func(f *Facts) { f.Nodes = nil })}, "none", "zones of a are not known"},
		"older, odd zones":   {bank(), []Facts{cluster("a", "r1", older, func(f *Facts) { f.Nodes[0].Zone = "Zone_1" })}, "none", "cannot be part of the name"},
		"older, long zones":  {bank(), []Facts{cluster("a", "r1", older, func(f *Facts) { f.Nodes[0].Zone = strings.Repeat("z", 50) })}, "none", "characters"},
		"older, own objects": {Choices{Name: "db", Profile: "generic", Base: "./base", Replicas: 3}, []Facts{cluster("a", "r1", older)}, "none", "Pin your own StatefulSets"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.choices.Profile != "generic" {
				test.choices.Authorities = []string{"10.0.0.53:53"}
			}
			regionNamed := map[string]string{}
			for _, f := range test.facts {
				regionNamed[f.Context] = "r-" + f.Context
			}
			test.choices.Regions = regionNamed
			p := Propose(test.choices, test.facts, nil)
			top, problems := regions.Parse(p.Text, "")
			if top == nil || len(problems.Errors()) > 0 || top.Spec.Locality.Zone != test.way {
				t.Errorf("not the valid way %s: %v\n%s", test.way, problems.Errors(), p.Text)
			}
			unwrapped := strings.Join(strings.Fields(strings.ReplaceAll(string(p.Text), "#", " ")), " ")
			if !strings.Contains(unwrapped, test.says) {
				t.Errorf("the file does not say %q:\n%s", test.says, p.Text)
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s differs (%v); run go test ./regions/discover -update and read the difference. Got:\n%s", path, err, got)
	}
}

// U+2028 is a line break to YAML's reader and none to its writer.
func TestScalarIsOneLine(t *testing.T) {
	for _, text := range []string{"\u2028", "a\u0085b", "a\nb", "\x00", "\ufeff", "plain", "a: b", "#", "~", "3"} {
		p := Propose(bank(), []Facts{cluster(text, "r1")}, nil)
		if parsed, problems := regions.Parse(p.Text, ""); parsed == nil || parsed.Spec.Regions[0].Clusters[0].Context != text {
			t.Errorf("context %q is not read back: %v\n%s", text, problems.Errors(), p.Text)
		}
	}
}

func TestClusterName(t *testing.T) {
	for _, test := range []struct{ context, want string }{
		{"use1", "use1"},
		{"gke_acme_us-east1-b_prod", "prod-us-east1-b"},
		{"arn:aws:eks:us-west-2:123456789012:cluster/Prod", "prod-us-west-2"},
		{"kubernetes-admin@kubernetes", "kubernetes-admin-kubernetes"},
		{"ns1", "k8s-ns1"},
		{"join-me", "k8s-join-me"},
		{"日本", "cluster"},
		{"--", "cluster"},
		{"taken", "taken-2"},
		{strings.Repeat("a", 39) + "-b", strings.Repeat("a", 39)},
	} {
		if got := clusterName(test.context, []string{"taken"}); got != test.want {
			t.Errorf("%q becomes %q, want %q", test.context, got, test.want)
		}
	}
}

// TestNamesAreValidAndUnique: whatever contexts are called, no name of the proposal is what is wrong with it.
func TestNamesAreValidAndUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		contexts := rapid.SliceOfNDistinct(rapid.StringN(1, 60, -1), 1, 6, rapid.ID).Draw(t, "contexts")
		var facts []Facts
		var silent []Silent
		for i, context := range contexts {
			if rapid.IntRange(0, 3).Draw(t, "silent") == 0 {
				silent = append(silent, Silent{context, rapid.String().Draw(t, "reason")})
				continue
			}
			// The region is one of the topology's own, so that it meets the names of clusters.
			facts = append(facts, cluster(context, rapid.SampledFrom([]string{"r1", "us-east1", "Ns", contexts[0]}).Draw(t, "region"), func(f *Facts) {
				f.UID = string(rune('a' + i))
				for j := range f.Nodes {
					f.Nodes[j].Zone = string(rune('a'+i)) + string(rune('a'+j))
				}
			}))
		}
		p := Propose(bank(), facts, silent)
		if len(facts) > 0 && len(p.Clusters) == len(facts) && len(p.Problems.Errors()) > 0 {
			t.Fatalf("%v\n%s", p.Problems.Errors(), p.Text)
		}
		parsed, _ := regions.Parse(p.Text, "")
		if parsed == nil {
			t.Fatalf("not YAML:\n%s", p.Text)
		}
		for _, f := range p.Clusters {
			if c, known := parsed.ClusterByName(f.Cluster); !known || c.Context != f.Context {
				t.Fatalf("%q is not in the file as %s:\n%s", f.Context, f.Cluster, p.Text)
			}
		}
		if again := Propose(bank(), slices.Clone(facts), slices.Clone(silent)); string(again.Text) != string(p.Text) {
			t.Fatal("the same facts give another file")
		}
	})
}
