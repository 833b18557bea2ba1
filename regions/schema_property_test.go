package regions

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// variants are other ways to write values of good/bank.yaml: common ones, rare ones, and wrong ones.
func variants() map[string][]string {
	durations := []string{"1h", "1h30m", ".5s", "1.s", "+3s", "0", "-0", "-0s", "-0.0ms", "-1s", "1µs", "1μs", "250ms", "soon", "9223372036s", "1d"}
	quantities := []string{"1", "1e3", "1E3", "1e+3", "1E-1", "0.5", ".5", "5.", "+5Gi", "100k", "100K", "3E", "3Ei", "1m", "1n", "1u", "0", "-1", "1 Gi", "1GiB", "01"}
	names := []string{"a", "a-b", "a--b", "0a", "a0", "A", "a_b", "a.b", "-a", strings.Repeat("a", 63), strings.Repeat("a", 64), "é"}
	out := map[string][]string{
		"  name: bank\n":    prefixed("  name: ", "\n", quoted(append(names, "b2", strings.Repeat("a", 52), strings.Repeat("a", 53))...)...),
		"namespace: bank\n": prefixed("namespace: ", "\n", quoted(names...)...),
		"name: use1\n":      prefixed("name: ", "\n", quoted(append(names, "join-1", "ns", "nsx")...)...),
		"zone: bank.db.example.com": prefixed("zone: ", "", quoted(append(names, "a.b", "1.a", "a.1", "a..b", ".a", "a.", "10.0.0.1",
			strings.Repeat("a.", 100)+"com", strings.Repeat("a.", 126)+"c")...)...),
		"ttl: 10s":                         prefixed("ttl: ", "", quoted(durations...)...),
		"    soak: 30s":                    prefixed("    soak: ", "", quoted(durations...)...),
		"timeout: 15m":                     prefixed("timeout: ", "", quoted(durations...)...),
		"gateInterval: 22s":                prefixed("gateInterval: ", "", quoted(durations...)...),
		"size: 100Gi":                      prefixed("size: ", "", quoted(quantities...)...),
		"className: fast-ssd":              prefixed("className: ", "", quoted(append(names, "a.b.c", strings.Repeat("a.", 126)+"c")...)...),
		`limits: {cpu: "4", memory: 16Gi}`: prefixed(`limits: {cpu: "4000", memory: `, "}", quoted("16Gi", "1Ti", "1e12", "17179869184", "16384Mi")...),
		`"0.0.0.0:53"`:                     quoted(":53", "localhost:53", "[::]:53", "[::1%lo]:53", "a.b:1", "1.2.3.4:65535", "1.2.3.4:65536", "1.2.3.4:+1", "1.2.3.4:053", "1.2.3.4", "ns:dns"),
		"[10.96.0.53]":                     prefixed("[", "]", quoted("10.96.0.53", "fd00::1", "::ffff:10.0.0.1", "fe80::1%eth0", "10.96.0.053", "1.2.3")...),
		"maxUnavailable: 1":                {"maxUnavailable: 2", "maxUnavailable: 0x1", "maxUnavailable: +1", "maxUnavailable: 1.0", "maxUnavailable: \"1\""},
		"{replicas: 1, soak: 5m}":          {"{replicas: 0}", "{replicas: 9, soak: 1s}", "{}", "{soak: 1h}"},
		"{failure: region, voters: 5, whileUpdating: zone}": {"{}", "{failure: none}", "{voters: 3}", "{failure: zone, voters: 9}", "{model: ranges}", "{whileUpdating: none}"},
		"[us-west1, us-east1, europe-west1]":                {"[us-east1, us-west1, europe-west1]", "[europe-west1, us-east1, us-west1]", "[us-east1]"},
		"[us-east1-b, us-east1-c, us-east1-d]":              prefixed("[", ", us-east1-c]", quoted(append(names, "a.b", "A.b_C", "1")...)...),
		"{zone: podLabel}":                                  {"{}", "{zone: none}", "{zone: statefulSetPerZone}"},
		"network: {mode: flat}":                             {"network: {}", "network: {mode: mcs}"},
		"cockroachdb/cockroach:v25.4.1":                     quoted("a", "a:b", "a/b/c:d", "localhost:5000/a:1", "a@sha256:"+strings.Repeat("a", 64), "docker.io/a:B_c.d-e"),
	}
	for _, publisher := range updateVariants() {
		at := `- serve: {listen: "0.0.0.0:53"}`
		out[at] = append(out[at], "- rfc2136: "+publisher)
	}
	for _, more := range []string{"podCIDRs: [%s]", "apiServer: %s"} {
		field, _, _ := strings.Cut(more, ":")
		for _, value := range map[string][]string{
			"podCIDRs":  {"10.1.0.0/16", "fd00:1::/48", "FD00:1::/48", "10.1.0.1/16", "10.1.0.0/33", "::ffff:10.1.0.0/112"},
			"apiServer": {"https://a", "HTTPS://a:1/", "https://[::1]:6443", "http://a", "https://u:p@a"},
		}[field] {
			at := "          replicas: 3\n"
			out[at] = append(out[at], at+"          "+strings.Replace(more, "%s", quoted(value)[0], 1)+"\n")
		}
	}
	return out
}

func quoted(values ...string) []string { return prefixed(`"`, `"`, values...) }

func prefixed(before, after string, values ...string) []string {
	var out []string
	for _, v := range values {
		out = append(out, before+v+after)
	}
	return out
}

// TestSchemaIsNotStricter: whatever Parse takes, in whatever way it is written, an editor does not underline.
func TestSchemaIsNotStricter(t *testing.T) {
	bank, s := string(readFile(t, "testdata/good/bank.yaml")), compiled(t)
	all := variants()
	for old := range all {
		if !strings.Contains(bank, old) {
			t.Fatalf("the good topology has no %q", old)
		}
	}
	holds := func(text string) (taken bool, err error) {
		if _, problems := Parse([]byte(text), ""); len(problems.Errors()) > 0 {
			return false, nil
		}
		return true, s.Validate(asJSON(t, []byte(text)))
	}
	taken := 0
	for old, variants := range all { // each alone
		for _, variant := range variants {
			ok, err := holds(strings.Replace(bank, old, variant, 1))
			if err != nil {
				t.Errorf("Parse takes %q and the schema does not: %v", variant, err)
			}
			if ok {
				taken++
			}
		}
	}
	if taken < 80 {
		t.Errorf("Parse takes only %d of the variants: too few to show anything", taken)
	}
	if t.Failed() {
		return
	}
	rapid.Check(t, func(t *rapid.T) { // several at once
		text := bank
		for _, old := range slices.Sorted(maps.Keys(all)) {
			variants := all[old]
			if rapid.IntRange(0, 5).Draw(t, old) == 0 {
				text = strings.Replace(text, old, rapid.SampledFrom(variants).Draw(t, "variant of "+old), 1)
			}
		}
		if _, err := holds(text); err != nil {
			t.Fatalf("Parse takes it and the schema does not: %v\n%s", err, text)
		}
	})
}

// TestSchemaTakesTheDocumentation: the blocks of YAML in the documentation that are of a topology are valid, laid over
// the least topology where they show a part of one.
func TestSchemaTakesTheDocumentation(t *testing.T) {
	s, blocks := compiled(t), 0
	fence := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, root := range []string{"../docs", "../README.md"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".md" {
				return err
			}
			data, err := os.ReadFile(path)
			for _, match := range fence.FindAllSubmatch(data, -1) {
				var part map[string]any
				if err := yaml.Unmarshal(match[1], &part); err != nil {
					t.Errorf("%s: %v", path, err)
				}
				if part["spec"] == nil || part["kind"] != nil && part["kind"] != Kind {
					continue
				}
				blocks++
				whole, err := yaml.Marshal(laidOver(t, part))
				if err != nil {
					t.Fatal(err)
				}
				if _, problems := Parse(whole, path); len(problems.Errors()) > 0 {
					t.Errorf("%s: %v\n%s", path, problems.Errors(), match[1])
				}
				if err := s.Validate(asJSON(t, whole)); err != nil {
					t.Errorf("%s: %v\n%s", path, err, match[1])
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if blocks == 0 {
		t.Error("the documentation shows no topology")
	}
}

// laidOver is the least topology with the fields of spec that a part of one has.
func laidOver(t *testing.T, part map[string]any) map[string]any {
	t.Helper()
	var whole map[string]any
	if err := yaml.Unmarshal(readFile(t, "testdata/good/smallest.yaml"), &whole); err != nil {
		t.Fatal(err)
	}
	fields, _ := part["spec"].(map[string]any)
	spec, _ := whole["spec"].(map[string]any)
	maps.Copy(spec, fields)
	return whole
}
