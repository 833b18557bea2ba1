package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"quorate.dev/quorate/regions/discover"
)

func TestReplaceFileFollowsLinksAndKeepsTheMode(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real", "topology.yaml"), filepath.Join(dir, "link.yaml")
	if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o755), os.WriteFile(file, []byte("old"), 0o640), os.Symlink("real/topology.yaml", link)); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(link, []byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != "new" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if target, err := os.Readlink(link); err != nil || target != "real/topology.yaml" {
		t.Errorf("the link is %q, %v", target, err)
	}
	expectNothingBeside(t, file)
}

func TestReplaceFileLeavesWhatSomebodyElseWrote(t *testing.T) {
	file := filepath.Join(t.TempDir(), "topology.yaml")
	if err := os.WriteFile(file, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := replaceFile(file, []byte("old"), []byte("new"))
	if exitCode(err) != ExitInvalid {
		t.Errorf("%v exits %d, want %d", err, exitCode(err), ExitInvalid)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "theirs" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	expectNothingBeside(t, file)
}

func TestCreateFileNeverOverwrites(t *testing.T) {
	file := filepath.Join(t.TempDir(), "topology.yaml")
	if err := createFile(file, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := createFile(file, []byte("second")); exitCode(err) != ExitInvalid {
		t.Errorf("%v exits %d, want %d", err, exitCode(err), ExitInvalid)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "first" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	expectNothingBeside(t, file)
}

// expectNothingBeside: no temporary file was left.
func expectNothingBeside(t *testing.T, file string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

// On a terminal init asks for what the flags do not say, and only for that; an empty line takes the default.
func TestCompleteAsks(t *testing.T) {
	for name, test := range map[string]struct {
		given, want discover.Choices
		typed       string
		asked       []string
		exit        int
	}{
		"all": {
			given: discover.Choices{Profile: "cockroachdb"}, typed: "bank\n\n\nimage:1\n",
			want:  discover.Choices{Profile: "cockroachdb", Name: "bank", Zone: "bank.db.internal", Image: "image:1"},
			asked: []string{"name of the deployment [db]: ", "[bank.db.internal]: ", "image of cockroachdb, with a tag or digest: "},
		},
		"what is missing": {
			given: discover.Choices{Profile: "cockroachdb", Name: "bank", Zone: "z.internal"}, typed: "image:1\n",
			want:  discover.Choices{Profile: "cockroachdb", Name: "bank", Zone: "z.internal", Image: "image:1"},
			asked: []string{"image of"},
		},
		"nothing of generic": {
			given: discover.Choices{Profile: "generic", Name: "db"},
			want:  discover.Choices{Profile: "generic", Name: "db"},
		},
		"no answer": {given: discover.Choices{Profile: "generic"}, want: discover.Choices{Profile: "generic"}, asked: []string{"name of"}, exit: ExitAborted},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			a := &app{process: &process{in: bytes.NewBufferString(test.typed), out: io.Discard, err: &said, inTerminal: true}}
			got := test.given
			if err := a.complete(t.Context(), &got); exitCode(err) != test.exit {
				t.Errorf("%v exits %d, want %d", err, exitCode(err), test.exit)
			}
			if got.Name != test.want.Name || got.Zone != test.want.Zone || got.Image != test.want.Image {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			rest := said.String()
			for _, text := range test.asked {
				_, after, found := bytes.Cut([]byte(rest), []byte(text))
				if !found {
					t.Errorf("%q was not asked in %q", text, said.String())
				}
				rest = string(after)
			}
			if len(test.asked) == 0 && said.Len() > 0 {
				t.Errorf("it asked %q", said.String())
			}
		})
	}
}
