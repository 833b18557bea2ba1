package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// repository is the root of the tree these tests are about.
const repository = "../../.."

// product gives the files of the main module that are no tests.
func product(t *testing.T) []source {
	t.Helper()
	sources, err := scan(os.DirFS(repository), func(file string) bool {
		return !strings.HasSuffix(file, "_test.go") && !strings.HasPrefix(file, "cmd/sandbox/")
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

func TestImportsPointDown(t *testing.T) {
	sources := product(t)
	seen := map[string]bool{}
	for _, s := range sources {
		seen[s.pkg()] = true
	}
	for _, pkg := range []string{"regions", "regions/kube", "kustomize", "kustomize/build", "dns", "dns/serve", "planner", "planner/rollout", "cmd/internal/cli"} {
		if !seen[pkg] {
			t.Errorf("no file of package %s was looked at: the scan is broken, or the house was rebuilt", pkg)
		}
	}
	for _, v := range violations(sources) {
		t.Error(v)
	}
}

// What a pure package imports may import in turn; nothing of it may be one of the libraries that
// are kept out. The go command knows the whole closure.
func TestPurePackagesStayPureInAllTheyImport(t *testing.T) {
	var pureOnes []string
	for _, s := range product(t) {
		if row, ok := layerOf(layers(), s.pkg()); ok && row.kind == pure && !slices.Contains(pureOnes, "./"+s.pkg()) {
			pureOnes = append(pureOnes, "./"+s.pkg())
		}
	}
	listed := goList(t, append([]string{"-deps", "-json=ImportPath,Imports"}, pureOnes...)...)
	for _, p := range listed {
		for _, out := range []string{"k8s.io/client-go", "sigs.k8s.io/kustomize/api", "github.com/miekg/dns", "github.com/spf13/cobra", "github.com/spf13/viper"} {
			if below(out, p.ImportPath) {
				t.Errorf("%s is among what %v import, by way of %v", p.ImportPath, pureOnes, importers(listed, p.ImportPath))
			}
		}
	}
	if len(listed) < 50 {
		t.Errorf("go list names only %d packages: the check looked at too little", len(listed))
	}
}

func TestFilesAreShort(t *testing.T) {
	sources, err := scan(os.DirFS(repository), func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range tooLong(sources) {
		t.Error(v)
	}
}

// The rules must notice what they forbid: each of these files breaks one, and the others break none.
func TestRulesNoticeWhatTheyForbid(t *testing.T) {
	const own = modulePath + "/"
	for name, test := range map[string]struct{ file, body, want string }{
		"up":                 {"regions/a.go", `import _ "` + own + `dns"`, "imports point down"},
		"sideways":           {"dns/a.go", `import _ "` + own + `kustomize"`, "imports point down"},
		"plan to engine":     {"planner/a.go", `import _ "` + own + `planner/rollout"`, "imports point down"},
		"core to adapter":    {"planner/a.go", `import _ "` + own + `regions/kube"`, "knows adapters"},
		"engine to adapter":  {"planner/rollout/a.go", `import _ "` + own + `dns/serve"`, "knows adapters"},
		"adapter to adapter": {"dns/serve/a.go", `import _ "` + own + `regions/kube"`, "knows adapters"},
		"adapter to engine":  {"regions/kube/a.go", `import _ "` + own + `planner/rollout"`, "imports point down"},
		"view to adapter":    {"cmd/internal/view/a.go", `import _ "` + own + `regions/kube"`, "knows adapters"},
		"command builds":     {"cmd/internal/cli/plan.go", `import "` + own + `regions/kube"` + "\nvar c = kube.Open", "builds adapters"},
		"product to test":    {"dns/serve/a.go", `import _ "` + own + `dns/dnstest"`, "for tests alone"},
		"core to command":    {"dns/a.go", `import _ "` + own + `cmd/internal/cli"`, "imports point down"},
		"no row":             {"util/a.go", ``, "no row"},
		"import of no row":   {"cmd/internal/cli/a.go", `import _ "` + own + `util"`, "no row"},
		"krusty":             {"kustomize/tree/a.go", `import _ "sigs.k8s.io/kustomize/api/krusty"`, "one door"},
		"miekg":              {"cmd/internal/cli/wire.go", `import _ "github.com/miekg/dns"`, "wire format"},
		"client-go":          {"planner/rollout/a.go", `import _ "k8s.io/client-go/kubernetes"`, "only adapters talk"},
		"viper":              {"cmd/internal/view/a.go", `import _ "github.com/spf13/viper"`, "settings"},
		"cobra":              {"planner/rollout/a.go", `import _ "github.com/spf13/cobra"`, "only cmd"},
		"testing":            {"dns/a.go", `import _ "testing"`, "tested"},
		"os":                 {"regions/a.go", `import _ "os"`, "no I/O"},
		"exec":               {"dns/a.go", `import _ "os/exec"`, "no I/O"},
		"http":               {"kustomize/a.go", `import _ "net/http"`, "no I/O"},
		"randomness":         {"planner/a.go", `import _ "math/rand/v2"`, "no randomness"},
		"clock":              {"planner/a.go", "import \"time\"\nvar now = time.Now", "uses time.Now"},
		"renamed clock":      {"planner/a.go", "import clock \"time\"\nfunc f() { clock.Sleep(1) }", "uses time.Sleep"},
		"lookup":             {"dns/a.go", "import \"net\"\nvar r = net.LookupHost", "uses net.LookupHost"},
	} {
		t.Run(name, func(t *testing.T) {
			found := violations(parsed(t, test.file, test.body))
			if len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), test.want) {
				t.Errorf("%s with %q: got %q, want a violation that says %q", test.file, test.body, found, test.want)
			}
		})
	}
}

func TestRulesAllowWhatTheDesignAllows(t *testing.T) {
	const own = modulePath + "/"
	for _, allowed := range [][2]string{
		{"kustomize/a.go", `import _ "` + own + `regions"`},
		{"planner/a.go", "import \"time\"\nconst soak = 30 * time.Second"},
		{"planner/rollout/a.go", `import _ "` + own + `planner/journal"`},
		{"dns/rfc2136/a.go", `import _ "github.com/miekg/dns"`},
		{"cmd/internal/cli/wire.go", `import "` + own + `regions/kube"` + "\nvar c = kube.Open"},
		{"cmd/internal/cli/exit.go", `import "` + own + `regions/kube"` + "\nvar u kube.Unreachable"},
		{"cmd/internal/cli/wire_dns.go", `import _ "` + own + `dns/serve"`},
		{"cmd/internal/cli/plan.go", `import _ "` + own + `cmd/internal/view"`},
		{"cmd/quorate/main.go", `import _ "` + own + `cmd/internal/cli"`},
	} {
		if found := violations(parsed(t, allowed[0], allowed[1])); len(found) > 0 {
			t.Errorf("%s with %q: %v", allowed[0], allowed[1], found)
		}
	}
}

func TestLongFilesAreNoticed(t *testing.T) {
	long := strings.Repeat("//\n", maxLines)
	if found := tooLong(parsed(t, "regions/a.go", long)); len(found) != 1 {
		t.Errorf("a file of more than %d lines: %v", maxLines, found)
	}
	if found := tooLong(parsed(t, "regions/a_test.go", long)); len(found) != 0 {
		t.Errorf("a test file of little more than %d lines: %v", maxLines, found)
	}
}

// parsed is a tree of one file, scanned.
func parsed(t *testing.T, file, body string) []source {
	t.Helper()
	data := "package " + path.Base(path.Dir(file)) + "\n" + body + "\n"
	sources, err := scan(fstest.MapFS{file: {Data: []byte(data)}}, func(string) bool { return true })
	if err != nil || len(sources) != 1 {
		t.Fatalf("scan %s: %d files, %v", file, len(sources), err)
	}
	return sources
}

// listedPackage is what is read of `go list -json`.
type listedPackage struct {
	ImportPath string
	Imports    []string
}

// goList runs `go list` at the root of the repository.
func goList(t *testing.T, args ...string) []listedPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = repository
	out, err := cmd.Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v: %v: %s", cmd.Args, err, failed.Stderr)
		}
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	var listed []listedPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return listed
		} else if err != nil {
			t.Fatalf("%v: %v", cmd.Args, err)
		}
		listed = append(listed, p)
	}
}

// importers names the packages that import one directly.
func importers(listed []listedPackage, imported string) []string {
	var found []string
	for _, p := range listed {
		if slices.Contains(p.Imports, imported) {
			found = append(found, p.ImportPath)
		}
	}
	return found
}
