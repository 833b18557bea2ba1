package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFresh: the committed page is the one that the codes give.
func TestFresh(t *testing.T) {
	fresh := filepath.Join(t.TempDir(), "problems.md")
	if err := run([]string{fresh}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile("../../../docs/reference/problems.md"); err != nil || string(want) != string(got) {
		t.Errorf("docs/reference/problems.md is stale (%v): run make generate", err)
	}
	if err := run(nil); err == nil {
		t.Error("no file is no error")
	}
}
