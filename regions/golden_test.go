package regions

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
)

func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// TestMain adds the flag that rewrites golden files.
func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite golden files")
	flag.Parse()
	os.Exit(m.Run())
}

// TestManyProblems shows the whole report of a file with many faults, as text
// and as JSON: every problem once, in the order of the file.
func TestManyProblems(t *testing.T) {
	_, problems := Parse(readFile(t, "testdata/bad/many.yaml"), "many.yaml")
	encoded, err := json.MarshalIndent(problems, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for golden, got := range map[string]string{
		"testdata/bad/many.txt":  problems.Error() + "\n",
		"testdata/bad/many.json": string(encoded) + "\n",
	} {
		if updating() {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := string(readFile(t, golden)); got != want {
			t.Errorf("%s differs (rewrite with -update):\n%s", golden, got)
		}
	}
}
