package planner

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"quorate.dev/quorate/regions"
)

// parsed reads JSON into plain data, as the API machinery does.
func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

func TestDiff(t *testing.T) {
	tests := map[string]struct{ before, after, want string }{
		"equal":          {`{"a": {"b": [1, "x"]}}`, `{"a": {"b": [1, "x"]}}`, ``},
		"changed":        {`{"a": 1}`, `{"a": 2}`, `a: 1 → 2`},
		"added, removed": {`{"a": 1}`, `{"b": null, "c": {"d": 1}}`, "a: - 1|c: + {\"d\":1}"},
		"named items": {
			`{"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}`,
			`{"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C"}]}`,
			`env[B].value: 2 → 3|env[C]: + {"name":"C"}`,
		},
		"order of named items": {
			`{"env": [{"name": "A"}, {"name": "B"}]}`, `{"env": [{"name": "B"}, {"name": "A"}]}`,
			`env[order]: ["A","B"] → ["B","A"]`,
		},
		"repeated names":      {`{"l": [{"name": "A"}, {"name": "A"}]}`, `{"l": [{"name": "A"}]}`, `l: [{"name":"A"},{"name":"A"}] → [{"name":"A"}]`},
		"items by position":   {`{"l": [1, 2]}`, `{"l": [1, 3]}`, `l[1]: 2 → 3`},
		"lists of any size":   {`{"l": [1]}`, `{"l": [1, 3]}`, `l: [1] → [1,3]`},
		"another type":        {`{"a": "1"}`, `{"a": 1}`, `a: 1 → 1`},
		"keys with dots":      {`{"m": {"x.y/z": "1"}}`, `{"m": {"x.y/z": "2"}}`, `m['x.y/z']: 1 → 2`},
		"sorted":              {`{"b": 1, "a": 1, "a2": {"z": 1, "y": 1}}`, `{"b": 2, "a": 2, "a2": {"z": 2, "y": 2}}`, "a: 1 → 2|a2.y: 1 → 2|a2.z: 1 → 2|b: 1 → 2"},
		"one line, no tricks": {`{"a": "x"}`, `{"a": "x\ny\u001b[2J"}`, `a: x → "x\ny\x1b[2J"`},
		"empty text":          {`{"a": "x"}`, `{"a": ""}`, `a: x → ""`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for _, c := range diffObjects(parsed(t, test.before), parsed(t, test.after)) {
				lines = append(lines, c.String())
			}
			if got := strings.Join(lines, "|"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	const big = int64(1) << 53
	equal := [][2]any{{1, int64(1)}, {int64(3), 3.0}, {uint64(7), 7}, {int32(2), uint8(2)}, {1.5, 1.5}}
	for _, pair := range equal {
		if !equalValues(pair[0], pair[1]) || !equalValues(pair[1], pair[0]) {
			t.Errorf("%T %v and %T %v differ", pair[0], pair[0], pair[1], pair[1])
		}
	}
	different := [][2]any{{1, 2}, {big, big + 1}, {-1, uint64(1<<64 - 1)}, {1, "1"}, {0, nil}, {0, false}, {1, 1.5}}
	for _, pair := range different {
		if equalValues(pair[0], pair[1]) || equalValues(pair[1], pair[0]) {
			t.Errorf("%T %v and %T %v are equal", pair[0], pair[0], pair[1], pair[1])
		}
	}
}

// TestSecrets: no value of a Secret reaches a plan, wherever in the object it is.
func TestSecrets(t *testing.T) {
	const value = "hunter2"
	hidden := base64.StdEncoding.EncodeToString([]byte(value))
	plain := `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}`
	tests := map[string]string{
		"data":       `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"p.w": "` + hidden + `"}}`,
		"stringData": `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "` + value + `"}}`,
		"annotation": `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"p\":\"` + hidden + `\"}}"}}}`,
		"anything":   `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "dataNew": ["` + value + `"]}`,
	}
	for name, text := range tests {
		for _, pair := range [][2]string{{plain, text}, {text, plain}, {text, strings.ReplaceAll(strings.ReplaceAll(text, hidden, "b3RoZXI="), value, "other")}} {
			changes := diffObjects(parsed(t, pair[0]), parsed(t, pair[1]))
			if len(changes) == 0 {
				t.Errorf("%s: the change is not shown", name)
			}
			if got := compactJSON(changes); strings.Contains(got, value) || strings.Contains(got, hidden) || strings.Contains(got, "b3RoZXI=") {
				t.Errorf("%s: the plan tells the secret: %s", name, got)
			}
		}
		if got := compactJSON(withoutSecretValues(parsed(t, text))); name != "anything" && (strings.Contains(got, value) || strings.Contains(got, hidden)) {
			t.Errorf("%s: the digest is taken over the secret: %s", name, got)
		}
	}
	changes := diffObjects(parsed(t, plain), parsed(t, `{"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "s", "labels": {"a": "b"}}}`))
	if got := compactJSON(changes); strings.Contains(got, masked) {
		t.Errorf("labels and type are no secrets: %s", got)
	}
}

// TestClientSide: without a dry run only what the overlay says is compared, since
// everything else may be a default of the API server.
func TestClientSide(t *testing.T) {
	live := parsed(t, `{"kind": "StatefulSet", "spec": {"revisionHistoryLimit": 10, "template": {"spec": {"dnsPolicy": "ClusterFirst",
		"containers": [{"name": "db", "image": "db:A", "terminationMessagePath": "/dev/termination-log"}], "tolerations": [{"key": "a", "effect": ""}]}}}}`)
	desired := func(image string) map[string]any {
		return parsed(t, `{"kind": "StatefulSet", "spec": {"template": {"spec": {"containers": [{"name": "db", "image": "`+image+`"}], "tolerations": [{"key": "a"}]}}}}`)
	}
	state := func(image string) regions.ObjectState {
		return regions.ObjectState{Ref: regions.ObjectRef{Kind: "StatefulSet", Name: "bank"}, Live: live, After: desired(image), ClientSide: "no permission"}
	}
	if change := objectChange("use1", state("db:A")); change != nil {
		t.Errorf("defaults count as changes: %v", change.Fields)
	}
	change := objectChange("use1", state("db:B"))
	if change == nil || len(change.Fields) != 1 || change.Note != "no permission" || !change.ChangesTemplate() {
		t.Fatalf("got %+v", change)
	}
	if got := change.Fields[0].String(); got != "spec.template.spec.containers[db].image: db:A → db:B" {
		t.Errorf("got %s", got)
	}
	gone := state("db:A")
	gone.After = parsed(t, `{"kind": "StatefulSet", "spec": {"template": {"spec": {"containers": [{"name": "other"}]}}}}`)
	if change := objectChange("use1", gone); change == nil || len(change.Fields) != 2 {
		t.Errorf("an item that is only in the cluster would go, and is not shown: %+v", change)
	}
}

func TestTemplateReason(t *testing.T) {
	tests := map[string][]FieldChange{
		"":                                   nil,
		"image v1 → v2":                      {{Path: "a"}, {Path: "spec.containers[db].image", Before: "r.example:5000/db:v1", After: "r.example:5000/db:v2"}},
		"image r.example:5000/db:v1 → db:v1": {{Path: "spec.containers[db].image", Before: "r.example:5000/db:v1", After: "db:v1"}},
		"image v1 → 0a1b":                    {{Path: "spec.containers[db].image", Before: "db:v1", After: "db@sha256:0a1b"}},
		"a changes":                          {{Path: "a"}},
		"a, b change":                        {{Path: "a"}, {Path: "b"}},
		"a and 2 more fields change":         {{Path: "a"}, {Path: "b"}, {Path: "c"}},
	}
	for want, fields := range tests {
		if got := templateReason(fields); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
