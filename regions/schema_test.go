package regions

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const schemaFile = "../docs/schema/topology.schema.json"

// compiled is the committed schema, itself checked against the meta-schema.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(readFile(t, schemaFile)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a YAML text as the validator wants it.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestSchemaTakesWhatParseTakes holds every topology of this repository that is valid against the schema.
func TestSchemaTakesWhatParseTakes(t *testing.T) {
	s, seen := compiled(t), 0
	for _, pattern := range []string{"testdata/good/*.yaml", "../docs/examples/*/topology.yaml", "../kustomize/testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, file := range files {
			topology, problems := Parse(readFile(t, file), file)
			if len(problems.Errors()) > 0 {
				t.Fatalf("%s: %v", file, problems)
			}
			seen++
			canonical, err := Canonical(topology)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range [][]byte{readFile(t, file), canonical} {
				if err := s.Validate(asJSON(t, text)); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d topologies were found", seen)
	}
}

// TestSchemaRefuses has what an editor must underline.
func TestSchemaRefuses(t *testing.T) {
	bank, s := string(readFile(t, "testdata/good/bank.yaml")), compiled(t)
	for _, edit := range [][2]string{
		{"apiVersion: quorate.dev/v1alpha1\n", ""},
		{"apiVersion: quorate.dev/v1alpha1", "apiVersion: quorate.dev/v2"},
		{"kind: Topology", "kind: Drill"},
		{"  name: bank\n", "  nmae: bank\n"},
		{"  name: bank\n", "  name: Bank\n"},
		{"  name: bank\n", "  name: 7\n"},
		{"  profile: cockroachdb\n", ""},
		{"profile: cockroachdb", "profile: cockroach"},
		{"profile: cockroachdb", "profile: generic"},
		{"  image: cockroachdb/cockroach:v25.4.1\n", ""},
		{"size: 100Gi", "size: 100GB"},
		{`{cpu: "4", memory: 16Gi}`, `{cpu: 4, memory: 16Gi}`},
		{"failure: region", "failure: continent"},
		{"voters: 5", "voters: 0"},
		{"network: {mode: flat}", "network: {mode: flta}"},
		{"network: {mode: flat}", "network: flat"},
		{"tls: {mode: disabled}", "tls: {mode: off}"},
		{"{zone: podLabel}", "{zone: podlabel}"},
		{"zone: bank.db.example.com", "zone: bank.db.example.com."},
		{"ttl: 10s", "ttl: 10"},
		{"ttl: 10s", "ttl: ten"},
		{`- serve: {listen: "0.0.0.0:53"}`, "- {}"},
		{`- serve: {listen: "0.0.0.0:53"}`, "- serve: {}"},
		{"maxUnavailable: 1", "maxUnavailable: 0"},
		{"[us-west1, us-east1, europe-west1]", "[us-west1, us-west1]"},
		{"- name: us-east1", "- nam: us-east1"},
		{"          replicas: 3\n", ""},
		{"replicas: 3", "replicas: -1"},
		{"replicas: 3", "replicas: 3\n          pools: {a: 1}"},
		{"[us-east1-b,", "[us-east1-c,"},
		{"dnsServers: [10.96.0.53]", "dnsServers: [dns.example.com]"},
		{"dnsServers: [10.96.0.53]", "apiServer: http://10.0.0.1"},
		{"dnsServers: [10.96.0.53]", "podCIDRs: [10.0.0.1]"},
	} {
		if !strings.Contains(bank, edit[0]) {
			t.Fatalf("the good topology has no %q", edit[0])
		}
		text := []byte(strings.Replace(bank, edit[0], edit[1], 1))
		if s.Validate(asJSON(t, text)) == nil {
			t.Errorf("the schema takes %q for %q", edit[1], edit[0])
		}
		if _, problems := Parse(text, ""); len(problems.Errors()) == 0 {
			t.Errorf("Parse takes %q for %q, and the schema may not be stricter", edit[1], edit[0])
		}
	}
}

// TestSchemaDescribes shows that whoever completes a field by the schema reads what it is for: every
// object is described, and most fields.
func TestSchemaDescribes(t *testing.T) {
	var root schema
	if err := json.Unmarshal(readFile(t, schemaFile), &root); err != nil {
		t.Fatal(err)
	}
	fields, described := 0, 0
	var walk func(path string, s *schema)
	walk = func(path string, s *schema) {
		fields++
		if s.Description != "" {
			described++
		} else if s.Type == "object" && s.Properties != nil {
			t.Errorf("%s has no description", path)
		}
		for name, property := range s.Properties {
			walk(path+"."+name, property)
		}
		if s.Items != nil && s.Items.Properties != nil {
			walk(path+"[]", s.Items)
		}
	}
	walk("", &root)
	if described*10 < fields*7 {
		t.Errorf("only %d of %d fields are described", described, fields)
	}
}

// TestSchemaRulesMeetFields shows that a rule for a field that is gone is noticed.
func TestSchemaRulesMeetFields(t *testing.T) {
	fresh, err := Schema(func(string, string) string { return "" })
	if err != nil || len(fresh) < 1000 {
		t.Fatalf("%d bytes, %v", len(fresh), err)
	}
}
