package planner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
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

// Decode reads a plan as Encode wrote it. It refuses an unknown major format
// version, an unknown kind of step, a need that no earlier step answers and a payload
// that its kind cannot run on.
func Decode(data []byte) (*Plan, error) {
	var p Plan
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // a number stays as it was written
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("decode plan: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decode plan: something follows the document")
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
	seen := map[string]bool{}
	for i, s := range steps {
		switch {
		case s.ID == "":
			return fmt.Errorf("step %d has no id", i+1)
		case seen[s.ID]:
			return fmt.Errorf("step %s appears twice", s.ID)
		case !slices.Contains(Kinds(), s.Kind):
			return fmt.Errorf("step %s is of unknown kind %q", s.ID, s.Kind)
		case s.Disruptive() && s.Exposure == nil:
			return fmt.Errorf("step %s disrupts replicas and has no exposure", s.ID)
		case s.Exposure != nil && !s.Disruptive() && s.Kind != KindProbe && s.Kind != KindSoak:
			return fmt.Errorf("step %s of kind %s disrupts nothing and has an exposure", s.ID, s.Kind)
		}
		for _, need := range s.Needs {
			if !seen[need] {
				return fmt.Errorf("step %s needs %s, which does not come before it", s.ID, need)
			}
		}
		if lacks := s.lacks(); lacks != "" {
			return fmt.Errorf("step %s of kind %s has no %s in its payload", s.ID, s.Kind, lacks)
		}
		seen[s.ID] = true
	}
	return nil
}

// lacks names what the step's kind cannot do without and its payload does not
// have, or nothing.
func (s Step) lacks() string {
	p := s.Payload
	needed := map[string]bool{} // what is missing, by name
	switch s.Kind {
	case KindPartition:
		needed["pool"], needed["partition"] = p.Pool == "", p.Partition == nil
		needed["target"] = p.Ordinal != nil && len(p.Targets) != 1
	case KindReplace:
		needed["pool"], needed["target"] = p.Pool == "", len(p.Targets) == 0
	case KindScale:
		needed["pool"], needed["replicas"] = p.Pool == "", p.Replicas == nil
	case KindInit:
		needed["target"] = len(p.Targets) != 1
	case KindProbe, KindSoak:
		needed["duration"] = p.Duration == ""
	case KindHook:
		needed["hook"] = p.Hook == ""
	case KindNamespace, KindRetire:
		needed["object"] = len(p.Objects) == 0
	default: // the others do without a payload
	}
	for _, name := range []string{"pool", "partition", "replicas", "target", "duration", "object", "hook"} {
		if needed[name] {
			return name
		}
	}
	return ""
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
		if k != "data" && k != "stringData" && k != "metadata" {
			out[k] = v
		}
	}
	metadata, _ := object["metadata"].(map[string]any)
	plain := maps.Clone(metadata)
	delete(plain, "annotations") // one of them may carry the whole object
	out["metadata"] = plain
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
