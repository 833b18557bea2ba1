package stub

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// corefileValue is the key of the whole Corefile in the configuration values of the EKS add-on.
const corefileValue = "corefile"

// planValues edits the corefile within the add-on's configuration values, and keeps all else of them.
func (in Input) planValues() (Edit, error) {
	text, existed := in.Main.Data[ValuesKey]
	edit := Edit{Object: in.Main.Object, Key: ValuesKey, Before: text, After: text, Existed: existed, Exists: existed}
	corefile, given, err := corefileOf(text)
	if err != nil {
		return edit, fmt.Errorf("%s: %w", in.Main.Object, err)
	}
	if !given {
		live, known := in.Main.Data[CorefileKey]
		if !known {
			return edit, fmt.Errorf("%s hold no %s, and the live Corefile is not known: give it with --corefile", in.Main.Object, corefileValue)
		}
		corefile = live
	}
	c, err := parseIn(in.Main.Object+" "+corefileValue, corefile)
	if err != nil {
		return edit, err
	}
	after, err := in.planText(&edit, in.Main.Object+" "+corefileValue, corefile, c.host())
	if err != nil || after == corefile && (given || in.Remove) || edit.Refusal != nil {
		return edit, err
	}
	edit.Exists = true
	edit.After, err = withCorefile(text, after)
	return edit, err
}

// corefileOf is the corefile in configuration values.
func corefileOf(text string) (corefile string, given bool, err error) {
	values, err := valuesOf(text)
	if err != nil {
		return "", false, err
	}
	value, given := values[corefileValue]
	corefile, isText := value.(string)
	if given && !isText {
		return "", false, fmt.Errorf("%s is no text", corefileValue)
	}
	return corefile, given, nil
}

func valuesOf(text string) (map[string]any, error) {
	var values map[string]any
	if err := yaml.Unmarshal([]byte(text), &values); err != nil { // JSON is YAML
		return nil, fmt.Errorf("the values are neither JSON nor YAML: %w", err)
	}
	return values, nil
}

// withCorefile sets the corefile: in JSON in the place of its value, in YAML in the place of its lines. What
// it gives is read again, and must differ in nothing else.
func withCorefile(text, corefile string) (string, error) {
	before, err := valuesOf(text)
	if err != nil {
		return "", err
	}
	var out string
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "":
		out = "{" + quoted(corefileValue) + ": " + quoted(corefile) + "}\n"
	case strings.HasPrefix(trimmed, "{"):
		o, err := parseObject(text)
		if err != nil {
			return "", err
		}
		out = o.set(corefileValue, quoted(corefile))
	default:
		out = withLines(text, corefile)
	}
	after, err := valuesOf(out)
	if err != nil {
		return "", fmt.Errorf("what would be written cannot be read: %w", err)
	}
	got := after[corefileValue]
	delete(before, corefileValue)
	delete(after, corefileValue)
	if got != corefile || len(before)+len(after) > 0 && !reflect.DeepEqual(before, after) {
		return "", errors.New("the corefile cannot be set in these values without a change of something else: write them as JSON")
	}
	return out, nil
}

// withLines replaces the lines of the top-level key corefile, or adds them at the end.
func withLines(text, corefile string) string {
	lines := strings.SplitAfter(text, "\n")
	var out strings.Builder
	done := false
	for i := 0; i < len(lines); i++ {
		rest, found := strings.CutPrefix(lines[i], corefileValue)
		if !found || done || !strings.HasPrefix(strings.TrimLeft(rest, " \t"), ":") {
			out.WriteString(lines[i])
			continue
		}
		out.WriteString(scalarBlock(corefile))
		for i+1 < len(lines) && (strings.TrimSpace(lines[i+1]) == "" || lines[i+1][0] == ' ') {
			i++
		}
		done = true
	}
	if !done {
		if text != "" && !strings.HasSuffix(text, "\n") {
			out.WriteString("\n")
		}
		out.WriteString(scalarBlock(corefile))
	}
	return out.String()
}

// scalarBlock is the key with a literal block scalar (YAML 1.2.2 §8.1.2), or with a quoted one where a block cannot hold the text.
func scalarBlock(corefile string) string {
	plain := func(r rune) bool { return r == '\n' || r == '\t' || unicode.IsPrint(r) }
	if corefile == "" || strings.ContainsFunc(corefile, func(r rune) bool { return !plain(r) }) || strings.TrimSpace(corefile) == "" {
		encoded, err := json.Marshal(corefile)
		if err != nil {
			return ""
		}
		return corefileValue + ": " + string(encoded) + "\n"
	}
	var out strings.Builder
	trimmed := strings.TrimRight(corefile, "\n")
	chomp := map[int]string{0: "-", 1: ""}
	keep, few := chomp[len(corefile)-len(trimmed)]
	if !few {
		keep = "+"
	}
	out.WriteString(corefileValue + ": |2" + keep + "\n")
	for line := range strings.SplitSeq(trimmed, "\n") {
		if line != "" {
			line = "  " + line
		}
		out.WriteString(line + "\n")
	}
	out.WriteString(strings.Repeat("\n", max(0, len(corefile)-len(trimmed)-1)))
	return out.String()
}
