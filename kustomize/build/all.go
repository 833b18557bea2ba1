package build

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"reflect"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// Built is one directory as it was built.
type Built struct {
	Dir     string
	YAML    []byte           // what Build gives
	Objects []map[string]any // what Objects makes of it; nobody else's to keep or change
	Err     error            // why there is neither
}

// worthSharing is how many directories of one form repay the two builds by which a mould is made and proven.
const worthSharing = 3

// All builds several directories among the same files, each to what Build and Objects
// give for it alone, in the order given.
//
// The overlays of many clusters differ in a few plain values. Those that differ in nothing else are built once,
// with marks in the places of these values, and each is made from that by putting its own values where the marks came out; all at
// once. Which places qualify is in holes.go. Of every such family one member is built by kustomize as well,
// and should it differ in a byte, so are the others: what is shared is time, never a guess.
func All(files map[string][]byte, dirs []string) []Built {
	w := &workshop{files: files, out: make([]Built, len(dirs))}
	for i, dir := range dirs {
		w.out[i].Dir = dir
	}
	memory, err := inMemory(files)
	if err != nil {
		for i := range w.out {
			w.out[i].Err = fmt.Errorf("build %s: %w", dirs[i], err)
		}
		return w.out
	}
	w.memory, w.ownSchema = memory, bringsSchema(files)
	for _, family := range w.families() {
		w.buildFamily(family)
	}
	return w.out
}

// workshop is one call of All.
type workshop struct {
	files     map[string][]byte
	memory    filesys.FileSystem
	ownSchema bool
	out       []Built
}

// inMemory puts all files below the root of a file system in memory.
func inMemory(files map[string][]byte) (filesys.FileSystem, error) {
	memory := filesys.MakeFsInMemory()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := memory.WriteFile(path.Join("/", name), files[name]); err != nil {
			return nil, fmt.Errorf("put %s into memory: %w", name, err)
		}
	}
	return memory, nil
}

// krusty is one build by kustomize itself.
func (w *workshop) krusty(dir string) ([]byte, error) {
	oneAtATime.Lock()
	defer oneAtATime.Unlock()
	if w.ownSchema {
		openapi.ResetOpenAPI()
		defer openapi.ResetOpenAPI()
	}
	out, err := run(w.memory, path.Join("/", dir))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", dir, err)
	}
	return out, nil
}

// member is one directory with its form.
type member struct {
	at   int // its place in out
	form form
}

// families sorts the directories by form, each family in the order given.
func (w *workshop) families() [][]member {
	members := make([]member, len(w.out))
	share := !w.ownSchema && shareable(w.files, w.dirs())
	inside := w.filesOf()
	atOnce(len(w.out), func(i int) {
		members[i] = member{at: i}
		if share {
			members[i].form = formOf(w.files, w.out[i].Dir, inside[w.out[i].Dir])
		}
	})
	var families [][]member
	place := map[string]int{}
	for _, m := range members {
		at, known := place[m.form.key]
		if m.form.key == "" || !known {
			place[m.form.key] = len(families)
			families = append(families, []member{m})
			continue
		}
		families[at] = append(families[at], m)
	}
	return families
}

func (w *workshop) dirs() []string {
	out := make([]string, len(w.out))
	for i, b := range w.out {
		out[i] = b.Dir
	}
	return out
}

// filesOf are the files below each directory, sorted.
func (w *workshop) filesOf() map[string][]string {
	out := map[string][]string{}
	for _, b := range w.out {
		out[b.Dir] = nil
	}
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
			if _, wanted := out[dir]; wanted {
				out[dir] = append(out[dir], name)
			}
		}
	}
	return out
}

// buildFamily builds every member, from a mould if the family has one.
func (w *workshop) buildFamily(family []member) {
	if len(family) < worthSharing {
		w.buildEach(family)
		return
	}
	last := family[len(family)-1]
	w.buildEach([]member{last})
	m, err := w.mouldOf(family[0])
	if err != nil || !w.proves(last, m) {
		w.buildEach(family[:len(family)-1])
		return
	}
	atOnce(len(family)-1, func(i int) {
		b := &w.out[family[i].at]
		b.YAML, b.Objects = m.fill(family[i].form.values)
	})
}

// proves tells whether the mould gives, of a member that kustomize built, the same.
func (w *workshop) proves(built member, m mould) bool {
	b := w.out[built.at]
	if b.Err != nil {
		return false
	}
	text, objects := m.fill(built.form.values)
	return bytes.Equal(text, b.YAML) && reflect.DeepEqual(objects, b.Objects)
}

func (w *workshop) buildEach(members []member) {
	for _, m := range members {
		b := &w.out[m.at]
		if b.YAML, b.Err = w.krusty(b.Dir); b.Err == nil {
			b.Objects, b.Err = Objects(b.YAML)
		}
		if b.Err != nil {
			b.YAML = nil
		}
	}
}

// atOnce runs a task for 0 … n-1, as many at once as there are processors.
func atOnce(n int, task func(int)) {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		group.Go(func() error {
			task(i)
			return nil
		})
	}
	_ = group.Wait() // the tasks have no errors
}
