package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"quorate.dev/quorate/cmd/sandbox/internal/admin"
	"quorate.dev/quorate/cmd/sandbox/internal/database"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// run executes a command line with directories of its own.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := t.TempDir()
	t.Setenv(state.EnvCache, root)
	t.Setenv(state.EnvSandboxes, filepath.Join(root, "sandboxes"))
	var out, errOut bytes.Buffer
	code = Run(args, fstest.MapFS{}, &out, &errOut)
	return code, out.String(), errOut.String()
}

func TestStatusOfWhatIsNotUp(t *testing.T) {
	if code, out, _ := run(t, "status"); code != 0 || out != "sandbox default is not up\n" {
		t.Errorf("text: %d, %q", code, out)
	}
	code, out, _ := run(t, "status", "--name", "x", "--output", "json")
	var document statusDocument
	if err := json.Unmarshal([]byte(out), &document); err != nil || code != 0 || document.Up || document.Name != "x" || document.Clusters == nil {
		t.Errorf("json: %d, %q, %v", code, out, err)
	}
}

func TestDownIsIdempotent(t *testing.T) {
	if code, _, stderr := run(t, "down"); code != 0 || !strings.Contains(stderr, "was not up") {
		t.Errorf("%d, %q", code, stderr)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"kubeconfig":       {[]string{"kubeconfig"}, "sandbox up --name default"},
		"db state":         {[]string{"db", "state"}, "sandbox up"},
		"stop":             {[]string{"stop", "use1"}, "is not up"},
		"stop what":        {[]string{"stop"}, "accepts 1 arg"},
		"name":             {[]string{"status", "--name", "No"}, "lower-case"},
		"output":           {[]string{"status", "--output", "xml"}, "text or json"},
		"cluster":          {[]string{"up", "--cluster", "use1"}, "NAME=REGION"},
		"cluster twice":    {[]string{"up", "--cluster", "a=r", "--cluster", "a=r"}, "asked for twice"},
		"config and flags": {[]string{"up", "--config", "x", "--regions", "r"}, "none of the others can be"},
		"config":           {[]string{"up", "--config", "/does/not/exist"}, "read the sandbox's configuration"},
		"negative":         {[]string{"db", "set", "--start-delay", "-1s"}, "negative"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if code, out, stderr := run(t, test.args...); code != 1 || out != "" || !strings.Contains(stderr, test.want) {
				t.Errorf("code %d, stdout %q, stderr %q, want %q", code, out, stderr, test.want)
			}
		})
	}
}

func TestASandboxOfAnotherShapeIsLeftAlone(t *testing.T) {
	a := &app{name: "s", paths: state.Paths{Cache: t.TempDir(), Sandboxes: t.TempDir()}}
	var err error
	if a.dir, err = a.paths.Sandbox("s"); err != nil {
		t.Fatal(err)
	}
	describe := func(asked bool, regions ...string) (*state.Spec, error) {
		request, _, err := (&upFlags{regions: regions}).request()
		if err != nil {
			t.Fatal(err)
		}
		spec, err := request.Spec("s", 3, 2)
		if err != nil {
			t.Fatal(err)
		}
		return a.describe(t.Context(), spec, asked)
	}
	first, err := describe(true, "r1", "r2")
	if err != nil || first.AdminPort == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, asked := range []bool{true, false} {
		again, err := describe(asked, "r1", "r2")
		if err != nil || !reflect.DeepEqual(again, first) {
			t.Errorf("asked again: %+v, %v", again, err)
		}
	}
	if again, err := describe(false, "other"); err != nil || !reflect.DeepEqual(again, first) {
		t.Errorf("with nothing asked for, the existing one is meant: %v", err)
	}
	if _, err := describe(true, "other"); err == nil || !strings.Contains(err.Error(), "sandbox down --name s") {
		t.Errorf("another shape: %v", err)
	}
	if err := os.WriteFile(a.dir.SpecFile(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := describe(false, "r1"); err == nil || !strings.Contains(err.Error(), "sandbox down") {
		t.Errorf("a broken description: %v", err)
	}
}

func TestWithNothingAskedThereAreThreeRegions(t *testing.T) {
	request, asked, err := (&upFlags{}).request()
	if err != nil || asked || len(request.Clusters) != 3 || request.Clusters[1].Name != "use1" || request.Clusters[1].Region != "us-east1" {
		t.Errorf("%+v, asked %t, %v", request, asked, err)
	}
	if _, asked, err := (&upFlags{featureGates: "X=true"}).request(); err != nil || !asked {
		t.Errorf("feature gates alone: asked %t, %v", asked, err)
	}
}

func TestWriteDatabases(t *testing.T) {
	var out bytes.Buffer
	if err := writeDatabases(&out, admin.State{}); err != nil || !strings.Contains(out.String(), "no database") {
		t.Errorf("%q, %v", out.String(), err)
	}
	world := &database.World{}
	world.Start(database.Replica{Cluster: "use1", Namespace: "bank", Pod: "bank-0", PodUID: "u", Disk: "d", Address: "bank-0:1"}, time.Time{}, time.Time{}, nil)
	out.Reset()
	err := writeDatabases(&out, admin.Describe("s", admin.DefaultSettings(), world, time.Time{}))
	if err != nil || !strings.Contains(out.String(), "not initialised") || !strings.Contains(out.String(), "bank/bank-0") {
		t.Errorf("%q, %v", out.String(), err)
	}
}
