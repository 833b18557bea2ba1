package planner

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
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

// maskSecrets hides every value of a Secret but those that cannot hold one:
// an annotation may carry the whole object (last-applied-configuration).
func maskSecrets(changes []FieldChange) {
	for i, c := range changes {
		if strings.HasPrefix(c.Path, "metadata.labels") || c.Path == "type" || c.Path == "immutable" {
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
// length is the same, and as a whole where it is not. A mere change of order is
// one too: it matters for environment variables and init containers.
func diffLists(path string, before, after []any, out *[]FieldChange) {
	b, bNamed := byName(before)
	a, aNamed := byName(after)
	known := len(*out)
	switch {
	case bNamed && aNamed:
		all := slices.Collect(maps.Keys(b))
		for n := range a {
			if _, both := b[n]; !both {
				all = append(all, n)
			}
		}
		slices.Sort(all)
		for _, n := range all {
			diffValues(path+"["+n+"]", b[n], a[n], out)
		}
		if len(*out) == known {
			*out = append(*out, FieldChange{Path: path + "[order]", Before: names(before), After: names(after)})
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

// names are the names of a list of named items, in its order.
func names(list []any) []any {
	out := make([]any, len(list))
	for i, item := range list {
		m, _ := item.(map[string]any)
		out[i] = m["name"]
	}
	return out
}

// within is the part of live that after speaks of: maps are reduced to after's keys,
// named items to after's names. Lists of others are taken as they are.
func within(live, after any) any {
	switch wanted := after.(type) {
	case map[string]any:
		have, ok := live.(map[string]any)
		if !ok {
			return live
		}
		out := map[string]any{}
		for k, v := range wanted {
			if value, exists := have[k]; exists {
				out[k] = within(value, v)
			}
		}
		return out
	case []any:
		return itemsWithin(live, wanted)
	}
	return live
}

// itemsWithin reduces the items of a list that have a counterpart, and keeps the others:
// an item that is in the live list alone would be removed.
func itemsWithin(live any, wanted []any) any {
	have, ok := live.([]any)
	if !ok {
		return live
	}
	byItsName, named := byName(wanted)
	out := make([]any, len(have))
	for i, item := range have {
		m, _ := item.(map[string]any)
		name, _ := m["name"].(string)
		switch {
		case named && byItsName[name] != nil:
			out[i] = within(item, byItsName[name])
		case !named && len(have) == len(wanted):
			out[i] = within(item, wanted[i])
		default:
			out[i] = item
		}
	}
	return out
}

// String is one line of a plan: path, before, after, and who set what is there before.
func (c FieldChange) String() string {
	by := ""
	if c.By != "" {
		by = "  (" + c.By + ")"
	}
	switch {
	case c.Before == nil:
		return fmt.Sprintf("%s: + %s%s", c.Path, valueText(c.After), by)
	case c.After == nil:
		return fmt.Sprintf("%s: - %s%s", c.Path, valueText(c.Before), by)
	}
	return fmt.Sprintf("%s: %s → %s%s", c.Path, valueText(c.Before), valueText(c.After), by)
}

// valueText keeps a value on one line, and a terminal from obeying it.
func valueText(v any) string {
	s, ok := v.(string)
	switch {
	case !ok:
		return compactJSON(v)
	case s == "" || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return strconv.Quote(s)
	}
	return s
}
