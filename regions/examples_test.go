package regions

import (
	"path/filepath"
	"testing"
)

// TestExamples: every topology that the documentation shows is valid.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../docs/examples/*/topology.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range files {
		if _, problems := Parse(readFile(t, file), file); len(problems.Errors()) > 0 {
			t.Errorf("%s: %v", file, problems)
		}
	}
}
