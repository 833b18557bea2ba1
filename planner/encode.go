package planner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Encode writes the plan as one indented JSON document, the same bytes for the
// same plan.
func Encode(p *Plan) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("encode plan of %s: %w", p.Deployment, err)
	}
	return buf.Bytes(), nil
}

// Decode reads a plan and refuses an unknown major format version, an unknown
// kind of step and a need that no step answers.
func Decode(data []byte) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("decode plan: %w", err)
	}
	major, _, _ := strings.Cut(p.FormatVersion, ".")
	if major != "1" {
		return nil, fmt.Errorf("decode plan: format version %q is not understood, this quorate reads 1.x", p.FormatVersion)
	}
	if err := checkSteps(p.Steps); err != nil {
		return nil, fmt.Errorf("decode plan of %s: %w", p.Deployment, err)
	}
	return &p, nil
}

// checkSteps holds the form of a list of steps: unique IDs, known kinds, and
// needs that name earlier steps (so that the graph has no cycle).
func checkSteps(steps []Step) error {
	known := map[Kind]bool{}
	for _, k := range Kinds() {
		known[k] = true
	}
	seen := map[string]bool{}
	for i, s := range steps {
		switch {
		case s.ID == "":
			return fmt.Errorf("step %d has no id", i+1)
		case seen[s.ID]:
			return fmt.Errorf("step %s appears twice", s.ID)
		case !known[s.Kind]:
			return fmt.Errorf("step %s is of unknown kind %q", s.ID, s.Kind)
		}
		for _, need := range s.Needs {
			if !seen[need] {
				return fmt.Errorf("step %s needs %s, which does not come before it", s.ID, need)
			}
		}
		seen[s.ID] = true
	}
	return nil
}

// digest covers what a reviewer approved. Live health, versions and addresses
// change between plan and apply without making the plan another one.
func digest(in Input, p *Plan) string {
	desired := map[string][]map[string]any{}
	for cluster, objects := range in.Desired {
		for _, o := range objects {
			desired[cluster] = append(desired[cluster], withoutSecretValues(o))
		}
	}
	reviewed := struct {
		Topology any
		Desired  any
		Objects  any
	}{in.Topology, desired, p.Objects}
	sum := sha256.Sum256([]byte(compactJSON(reviewed)))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func withoutSecretValues(object map[string]any) map[string]any {
	if kindOf(object) != "Secret" {
		return object
	}
	out := map[string]any{}
	for k, v := range object {
		if k != "data" && k != "stringData" {
			out[k] = v
		}
	}
	return out
}

// compactJSON renders plain data on one line; map keys come out sorted.
func compactJSON(v any) string {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		// Only values that are no data (channels, functions) fail, and none gets here.
		return fmt.Sprintf("%v", v)
	}
	return strings.TrimSuffix(buf.String(), "\n")
}
