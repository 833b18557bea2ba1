//go:build linux

package command

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

func TestCut(t *testing.T) {
	two, there, back := state.Partition{From: "a", To: "b"}, state.Partition{From: "a", To: "b", OneWay: true}, state.Partition{From: "b", To: "a", OneWay: true}
	other := state.Partition{From: "a", To: "c"}
	tests := map[string]struct {
		now   []state.Partition
		added state.Partition
		want  []state.Partition
	}{
		"the first":               {nil, two, []state.Partition{two}},
		"twice":                   {[]state.Partition{two, other}, two, []state.Partition{other, two}},
		"both ways replaces":      {[]state.Partition{there, back}, two, []state.Partition{two}},
		"one way replaces":        {[]state.Partition{two}, there, []state.Partition{there}},
		"two ways are kept apart": {[]state.Partition{there}, back, []state.Partition{there, back}},
	}
	for name, test := range tests {
		if got := cut(test.now, test.added); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWhatOnlyRealContainersCanDo(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"partition":     {[]string{"partition", "a", "b"}, "is not up"},
		"heal one side": {[]string{"heal", "a"}, "name both sides"},
		"run nowhere":   {[]string{"run", "true"}, "--at"},
		"run":           {[]string{"run", "--at", "x", "true"}, "is not up"},
		"kill":          {[]string{"kill", "a-n0"}, "is not up"},
		"load-image":    {[]string{"load-image", "x:v1", "/bin/true"}, "is not up"},
		"init":          {[]string{"node-init", "--file", "x"}, "is process 1"},
		"runtime":       {[]string{"up", "--runtime", "docker"}, "simulated or containers"},
		"nodes":         {[]string{"up", "--nodes", "2"}, "for the runtime containers"},
	}
	for name, test := range tests {
		if code, _, stderr := run(t, test.args...); code != 1 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: %d, %q", name, code, stderr)
		}
	}
}

func TestASimulatedSandboxHasNoPartitions(t *testing.T) {
	root := t.TempDir()
	t.Setenv(state.EnvCache, root)
	t.Setenv(state.EnvSandboxes, root)
	dir, err := state.Paths{Cache: root, Sandboxes: root}.Sandbox("default")
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Save(&state.Spec{Name: "default"}); err != nil {
		t.Fatal(err)
	}
	var out, errOut strings.Builder
	if code := Run([]string{"partition", "a", "b"}, os.DirFS(filepath.Join(root, "none")), &out, &errOut); code != 1 || !strings.Contains(errOut.String(), "--runtime containers") {
		t.Errorf("%d, %q", code, errOut.String())
	}
}
