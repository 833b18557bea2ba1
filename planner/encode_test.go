package planner

import (
	"bytes"
	"strings"
	"testing"

	"quorate.dev/quorate/regions"
)

const smallPlan = `{"format_version": "1.0", "deployment": "bank", "steps": [
  {"id": "a", "kind": "apply", "summary": "x"},
  {"id": "b", "kind": "partition", "needs": ["a"], "summary": "y", "payload": {"pool": "bank", "partition": 3}}]}`

func TestDecode(t *testing.T) {
	tests := map[string]struct{ from, to, want string }{
		"as it is":               {"", "", ""},
		"newer minor":            {`"1.0"`, `"1.9"`, ""},
		"unknown field":          {`"deployment"`, `"news": 1, "deployment"`, ""},
		"no version":             {`"1.0"`, `""`, `format version "" is not understood`},
		"unknown major":          {`"1.0"`, `"2.0"`, "this quorate reads 1.x"},
		"no document":            {smallPlan, ``, "decode plan"},
		"no JSON":                {smallPlan, `{`, "decode plan"},
		"two documents":          {smallPlan, smallPlan + smallPlan, "something follows"},
		"no id":                  {`"id": "a"`, `"id": ""`, "step 1 has no id"},
		"same id":                {`"id": "b"`, `"id": "a"`, "step a appears twice"},
		"unknown kind":           {`"apply"`, `"explode"`, `unknown kind "explode"`},
		"need of nothing":        {`["a"]`, `["z"]`, "step b needs z, which does not come before it"},
		"cycle":                  {`"kind": "apply"`, `"kind": "apply", "needs": ["b"]`, "step a needs b, which does not come before it"},
		"need of itself":         {`["a"]`, `["b"]`, "step b needs b"},
		"no partition":           {`"partition": 3`, `"ordinal": 3`, "step b of kind partition has no partition"},
		"no target":              {`"partition": 3`, `"partition": 3, "ordinal": 3`, "no target"},
		"no pool":                {`"pool": "bank", `, ``, "no pool"},
		"no exposure":            {`"needs": ["a"]`, `"disrupts": ["use1/bank-1"]`, "disrupts replicas and has no exposure"},
		"an exposure of nothing": {`"needs": ["a"]`, `"exposure": {"slack": 1}`, "disrupts nothing and has an exposure"},
		"which hook":             {`"kind": "partition"`, `"kind": "hook"`, "no hook"},
		"a bad replica":          {`"needs": ["a"]`, `"disrupts": ["bank"]`, "decode plan"},
		"no replicas":            {`"kind": "partition"`, `"kind": "scale"`, "no replicas"},
		"nowhere to init":        {`"kind": "partition"`, `"kind": "init"`, "no target"},
		"nothing to retire":      {`"kind": "partition"`, `"kind": "retire"`, "no object"},
		"no duration":            {`"kind": "partition"`, `"kind": "soak"`, "no duration"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(strings.Replace(smallPlan, test.from, test.to, 1)))
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestNumbersSurvive: a field value is shown, and digested, as it was.
func TestNumbersSurvive(t *testing.T) {
	p := &Plan{FormatVersion: FormatVersion, Objects: []ObjectChange{{
		Object: regions.ObjectRef{Kind: "X"}, Fields: []FieldChange{{Path: "a", Before: int64(1)<<60 + 1, After: 1e21}},
	}}}
	first, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Decode(first)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Encode(decoded)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, again) {
		t.Errorf("got %s\nwas %s", again, first)
	}
}

// FuzzDecode: what Decode accepts can be written and read again, the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(smallPlan))
	f.Add([]byte(`{"format_version": "1", "steps": [{"id": "a", "kind": "replace", "disrupts": ["c/p-1"], "exposure": {"survives": {"node": true}, "slack": 1}, "payload": {"pool": "p", "targets": ["c/p-1"]}}]}`))
	f.Add([]byte(`{"format_version": "1.0", "objects": [{"fields": [{"path": "a", "before": 1.50, "after": [1e9]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data)
		if err != nil {
			return
		}
		first, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		second, err := Encode(again)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("%s\nbecame\n%s", first, second)
		}
	})
}
