package regions

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHostileFiles shows that no file, whatever is in it, costs more than moments and a bounded memory, and that
// each is refused with a code and a line.
func TestHostileFiles(t *testing.T) {
	laughs := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'k'; c++ {
		before := string(c - 1)
		laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+before+", ", 10) + "]\n"
	}
	tests := []struct {
		name, text, code string
		line             int
	}{
		{"ten megabytes", strings.Repeat("a: 1234567890abcdef\n", 10<<20/20), codeTooLarge, 1},
		{"ten megabytes of one line", strings.Repeat("a", 10<<20), codeTooLarge, 1},
		{"a billion laughs", laughs, codeUnknownField, 1},
		{"a billion laughs in a field", laughs + "spec: {regions: [{name: *k, clusters: [{zones: *k}]}]}\n", codeWrongType, 11},
		{"an alias of itself", "spec: &s {regions: *s}\n", codeMissingAPIVersion, 1},
		{"a list that holds itself", "spec: {regions: &r [{clusters: *r}]}\n", codeUnknownField, 1},
		{"many anchors", strings.Repeat("- &a x\n", maxFileSize/8), codeWrongType, 1},
		{"many aliases", "apiVersion: &a x\nspec: {regions: [" + strings.Repeat("*a,", maxFileSize/4) + "]}\n", codeWrongType, 1},
		{"deep lists", strings.Repeat("[", maxFileSize-1), codeNotYAML, 1},
		{"deep mappings", strings.Repeat("{a: ", maxFileSize/5), codeNotYAML, 1},
		{"deep blocks", strings.Repeat("- ", maxFileSize/2-1), codeNotYAML, 1},
		{"deep keys", strings.Repeat("? ", maxFileSize/2-1), codeNotYAML, 1},
		{"many tags", strings.Repeat("!!str ", maxFileSize/7), codeNotYAML, 1},
		{"many documents", strings.Repeat("---\n", maxFileSize/5), codeEmptyFile, 1},
		{"many unknown fields", strings.Repeat("x", 100) + ": 1\n" + manyKeys(20_000), codeUnknownField, 1},
		{"zeros", strings.Repeat("\x00", maxFileSize), codeNotYAML, 1},
		{"no UTF-8", strings.Repeat("\xff\xfe", maxFileSize/2), codeWrongType, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			started := time.Now()
			_, problems := Parse([]byte(tt.text), "topology.yaml")
			took := time.Since(started)
			runtime.ReadMemStats(&after)
			if took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
			if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 1024 {
				t.Errorf("it took %d MiB of memory in all", mib)
			}
			errs := problems.Errors()
			if !slices.ContainsFunc(errs, func(p Problem) bool { return p.Code == tt.code && p.Line == tt.line }) {
				t.Errorf("not refused as %s on line %d: %.500v", tt.code, tt.line, problems)
			}
		})
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("k" + strings.Repeat("y", i%7) + string(rune('a'+i%26)) + strings.Repeat("z", i/182) + ": 1\n")
		if b.Len() > maxFileSize-500 {
			break
		}
	}
	return b.String()
}
