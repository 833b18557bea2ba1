package planner

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// masked stands for a secret's value in a field change.
const masked = "(secret)"

// diffObjects lists the fields in which after differs from before, sorted by
// path. Values of Secrets are masked: that they change is shown, what they are never.
func diffObjects(before, after map[string]any) []FieldChange {
	var out []FieldChange
	diffMaps("", before, after, &out)
	if kindOf(before) == "Secret" || kindOf(after) == "Secret" {
		maskSecrets(out)
	}
	slices.SortStableFunc(out, func(a, b FieldChange) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func kindOf(object map[string]any) string {
	kind, _ := object["kind"].(string)
	return kind
}

func maskSecrets(changes []FieldChange) {
	for i, c := range changes {
		if !strings.HasPrefix(c.Path, "data") && !strings.HasPrefix(c.Path, "stringData") {
			continue
		}
		if c.Before != nil {
			changes[i].Before = masked + " before"
		}
		if c.After != nil {
			changes[i].After = masked + " after"
		}
	}
}

func diffMaps(path string, before, after map[string]any, out *[]FieldChange) {
	keys := slices.Collect(maps.Keys(before))
	for k := range after {
		if _, both := before[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		diffValues(joinPath(path, k), before[k], after[k], out)
	}
}

// joinPath quotes a key that contains a dot, as in metadata.labels['app.kubernetes.io/name'].
func joinPath(path, key string) string {
	switch {
	case strings.ContainsAny(key, "./"):
		return path + "['" + key + "']"
	case path == "":
		return key
	}
	return path + "." + key
}

func diffValues(path string, before, after any, out *[]FieldChange) {
	if equalValues(before, after) {
		return
	}
	bm, bIsMap := before.(map[string]any)
	am, aIsMap := after.(map[string]any)
	bl, bIsList := before.([]any)
	al, aIsList := after.([]any)
	switch {
	case bIsMap && aIsMap:
		diffMaps(path, bm, am, out)
	case bIsList && aIsList:
		diffLists(path, bl, al, out)
	default:
		*out = append(*out, FieldChange{Path: path, Before: before, After: after})
	}
}

// diffLists compares lists of named items by name, others by position where the
// length is the same, and as a whole where it is not.
func diffLists(path string, before, after []any, out *[]FieldChange) {
	b, bNamed := byName(before)
	a, aNamed := byName(after)
	switch {
	case bNamed && aNamed:
		names := slices.Collect(maps.Keys(b))
		for n := range a {
			if _, both := b[n]; !both {
				names = append(names, n)
			}
		}
		slices.Sort(names)
		for _, n := range names {
			diffValues(path+"["+n+"]", b[n], a[n], out)
		}
	case len(before) == len(after):
		for i := range before {
			diffValues(path+"["+strconv.Itoa(i)+"]", before[i], after[i], out)
		}
	default:
		*out = append(*out, FieldChange{Path: path, Before: before, After: after})
	}
}

func byName(list []any) (map[string]any, bool) {
	out := make(map[string]any, len(list))
	for _, item := range list {
		m, _ := item.(map[string]any)
		name, ok := m["name"].(string)
		if !ok || out[name] != nil {
			return nil, false
		}
		out[name] = item
	}
	return out, true
}

// equalValues compares JSON-like values; numbers compare by value, since one
// side may come from YAML and the other from JSON.
func equalValues(a, b any) bool {
	switch av := a.(type) {
	case map[string]any:
		bv, ok := b.(map[string]any)
		return ok && maps.EqualFunc(av, bv, equalValues)
	case []any:
		bv, ok := b.([]any)
		return ok && slices.EqualFunc(av, bv, equalValues)
	}
	if an, ok := number(a); ok {
		bn, ok := number(b)
		return ok && an == bn
	}
	return reflect.DeepEqual(a, b)
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int32:
		return float64(n), true
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// String is one line of a plan: path, before, after.
func (c FieldChange) String() string {
	switch {
	case c.Before == nil:
		return fmt.Sprintf("%s: + %s", c.Path, valueText(c.After))
	case c.After == nil:
		return fmt.Sprintf("%s: - %s", c.Path, valueText(c.Before))
	}
	return fmt.Sprintf("%s: %s → %s", c.Path, valueText(c.Before), valueText(c.After))
}

// valueText keeps a value on one line.
func valueText(v any) string {
	if s, ok := v.(string); ok {
		if strings.ContainsAny(s, "\n") || s == "" {
			return strconv.Quote(s)
		}
		return s
	}
	return compactJSON(v)
}
