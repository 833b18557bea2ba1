package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

func reportOf(err error) string {
	var out bytes.Buffer
	(&process{err: &out}).report(err)
	return out.String()
}

func lastLine(text string) string {
	text = strings.TrimSuffix(text, "\n")
	return text[strings.LastIndex(text, "\n")+1:]
}

// Every kind of error ends with what to do, and stays the same error with the same exit code.
func TestErrorsEndWithWhatToDo(t *testing.T) {
	held := &kube.Held{Cluster: "use1", Lease: "bank/quorate-bank", Holder: "run-1", Expires: time.Unix(0, 0)}
	invalid := invalidTopology{"topology.yaml", regions.Problems{{Severity: regions.SeverityError, Code: "x", Path: "spec", Message: "bad"}}}
	for name, test := range map[string]struct {
		err  error
		want string
		code int
	}{
		"advised":             {advised{invalidInput{errors.New("bad")}, "do that"}, "do that", ExitInvalid},
		"advised, wrapped":    {fmt.Errorf("plan: %w", advised{errors.New("bad"), "do that"}), "do that", ExitError},
		"invalid topology":    {invalid, "quorate validate -f topology.yaml", ExitInvalid},
		"invalid input":       {invalidInput{errors.New("bad")}, "correct that", ExitInvalid},
		"refused":             {unsafePlan{errors.New("refused: quorum")}, "quorate plan", ExitUnsafe},
		"not approved":        {errNotApproved, "--auto-approve", ExitAborted},
		"locked":              {fmt.Errorf("lock: %w", held), "quorate status", ExitLocked},
		"lock lost":           {&kube.LeaseLost{Cluster: "use1", Lease: "bank/quorate-bank"}, "quorate status", ExitLocked},
		"interrupted":         {errors.Join(errInterrupted, context.Canceled), "run the same command again", ExitAborted},
		"silent clusters":     {unreachableClusters{errors.New("did not answer: use1")}, "/readyz", ExitUnreachable},
		"one silent cluster":  {&kube.Unreachable{Cluster: "use1", Attempt: "list pods", Err: errors.New("EOF")}, "/readyz", ExitUnreachable},
		"a disk":              {fmt.Errorf("journal: %w", &fs.PathError{Op: "open", Path: "/state/x", Err: fs.ErrPermission}), "/state/x", ExitError},
		"stopped as asked":    {&rollout.Stopped{Err: rollout.ErrStopped, Where: []string{"  use1: fine"}, Next: "run the same command again to go on"}, "run the same command again to go on", ExitAborted},
		"stopped by an error": {&rollout.Stopped{Err: invalidInput{errors.New("bad")}, Next: "correct the cause"}, "correct the cause", ExitInvalid},
		"anything else":       {errors.New("odd"), "--log-level debug", ExitError},
	} {
		t.Run(name, func(t *testing.T) {
			text := reportOf(test.err)
			if !strings.Contains(lastLine(text), test.want) {
				t.Errorf("the last line does not say %q:\n%s", test.want, text)
			}
			if first, _, _ := strings.Cut(test.err.Error(), "\n"); !strings.Contains(text, first) {
				t.Errorf("the error %q is lost:\n%s", first, text)
			}
			if got := exitCode(test.err); got != test.code {
				t.Errorf("exit code %d, want %d", got, test.code)
			}
		})
	}
}

// Command lines that fail before any cluster is asked: the last line is the way on.
func TestFailingCommandsEndWithWhatToDo(t *testing.T) {
	for _, test := range []struct {
		line, want string
	}{
		{"validate --nonsense", "see `quorate validate --help`"},
		{"plam", "did you mean `quorate plan`"},
		{"dns record", "did you mean `quorate dns records`"},
		{"dns zzzzzz", "see `quorate dns --help`"},
		{"status extra", "leave them out"},
		{"version --output yaml", "pass one of them"},
		{"version --log-level loud", "pass one of them"},
		{"version --config nowhere.yaml", "--config"},
		{"version --config odd.yaml", "take it out"},
		{"plan -f nowhere.yaml", "name the topology with -f"},
		{"plan -f .", "name the topology file itself with -f"},
		{"plan -f broken.yaml", "quorate validate -f broken.yaml"},
		{"status -f topology.yaml --kubeconfig none", "kubectl config get-contexts"},
		{"apply -f topology.yaml", "pass --auto-approve"},
		{"render -f topology.yaml -o taken", "-o"},
		{"dns serve --cluster use1", "add --manifests"},
		{"dns serve --manifests -f topology.yaml", "spec.dns.publish.serve.inCluster"},
		{"completion", "bash, zsh, fish, powershell"},
		{"completion tcsh", "bash, zsh, fish, powershell"},
		{"man", "correct that"},
	} {
		t.Run(test.line, func(t *testing.T) {
			inFixture(t)
			var out bytes.Buffer
			p := &process{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &out, env: func(string) string { return "" }, now: time.Now}
			code := p.run(t.Context(), strings.Fields(test.line))
			if code != ExitInvalid {
				t.Errorf("exit code %d, want %d", code, ExitInvalid)
			}
			if last := lastLine(out.String()); !strings.HasPrefix(last, "Next: ") || !strings.Contains(last, test.want) {
				t.Errorf("the last line is not a next step that says %q:\n%s", test.want, out.String())
			}
		})
	}
}

// inFixture makes a working directory with a good topology and some bad files the present one.
func inFixture(t *testing.T) {
	t.Helper()
	good, err := os.ReadFile("../../../docs/examples/bank/topology.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("taken", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"topology.yaml": string(good), "broken.yaml": "kind: Topology\n", "odd.yaml": "colour: never\n", "taken/base": "somebody's",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
