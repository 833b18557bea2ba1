package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/regions"
)

// maxBaseBytes bounds a user's base: a directory named by mistake is found out early.
const maxBaseBytes = 16 << 20

// userBase is the kustomize directory that a user brings.
type userBase struct {
	files        map[string][]byte
	statefulSets map[string][]string // name → container names, as the manifests have them
	hasNamespace bool                // a Namespace is among the manifests
}

// readUserBase reads the whole directory and looks through everything that its
// kustomizations name. Every resource must be a file or directory within it:
// what is fetched when it is built could change after the plan was approved.
func readUserBase(base fs.FS) (userBase, error) {
	b := userBase{files: map[string][]byte{}, statefulSets: map[string][]string{}}
	if err := b.readFiles(base); err != nil {
		return userBase{}, err
	}
	if kustomizationIn(b.files, ".") == "" {
		return userBase{}, b.noKustomization()
	}
	r := baseReader{files: b.files, visited: map[visit]bool{}, entered: map[string]bool{}}
	r.readDir(".", rename{})
	for _, dir := range b.clusterDirs() {
		r.readDir(dir, rename{})
	}
	if err := r.problems.ErrorOrNil(); err != nil {
		return userBase{}, err
	}
	b.statefulSets, b.hasNamespace = r.statefulSets(), r.hasNamespace
	return b, nil
}

func (b *userBase) readFiles(base fs.FS) error {
	var all *multierror.Error
	total := 0
	err := fs.WalkDir(base, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("read spec.base: %w", err)
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			all = multierror.Append(all, fmt.Errorf("spec.base: %s is no regular file: replace the link by what it points to", name))
			return nil
		}
		data, err := fs.ReadFile(base, name)
		if err != nil {
			return fmt.Errorf("read spec.base: %w", err)
		}
		if total += len(data); total > maxBaseBytes {
			return fmt.Errorf("spec.base holds more than %d MiB: name the directory of the manifests alone", maxBaseBytes>>20)
		}
		b.files[name] = data
		return nil
	})
	if err != nil {
		return err
	}
	return all.ErrorOrNil()
}

// noKustomization says which file is missing, and what could be in it.
func (b *userBase) noKustomization() error {
	var manifests []string
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		if isYAML(name) && !strings.Contains(name, "/") {
			manifests = append(manifests, "  - "+name)
		}
	}
	if len(manifests) == 0 {
		return errors.New("spec.base holds neither a kustomization.yaml nor any YAML file: is it the right directory?")
	}
	return fmt.Errorf("spec.base holds no kustomization.yaml; write one, such as:\nresources:\n%s", strings.Join(manifests, "\n"))
}

// copyInto copies the base byte for byte to base/.
func (b userBase) copyInto(files map[string][]byte) {
	for name, data := range b.files {
		files[path.Join("base", name)] = data
	}
}

// complete adds to an overlay's values what only the base tells: whether it
// brings its Namespace, and the container of each pool whose image is replaced.
func (b userBase) complete(v *values, t *regions.Topology, c regions.Cluster) []error {
	var errs []error
	v.BaseHasNamespace = b.hasNamespace
	v.Component = b.component(c)
	for i, pool := range t.Pools(c) {
		containers, ok := b.statefulSets[pool.Name]
		if !ok {
			errs = append(errs, noSuchPool(c, pool, slices.Sorted(maps.Keys(b.statefulSets))))
			continue
		}
		if t.Spec.Image == "" {
			continue
		}
		container, err := chooseContainer(pool.Name, t.Spec.Container, containers)
		if err != nil {
			errs = append(errs, err)
		}
		v.Pools[i].Container = container
	}
	return errs
}

// chooseContainer is the container whose image spec.image replaces.
func chooseContainer(pool, wanted string, containers []string) (string, error) {
	switch {
	case wanted != "" && slices.Contains(containers, wanted):
		return wanted, nil
	case wanted != "":
		return "", fmt.Errorf("spec.container: StatefulSet %s has no container %q, only %s; where pools run different images, write them in spec.base and remove spec.image and spec.container",
			pool, wanted, strings.Join(containers, ", "))
	case len(containers) == 1:
		return containers[0], nil
	default:
		return "", fmt.Errorf("spec.container is missing: StatefulSet %s has the containers %s; name the one that spec.image replaces",
			pool, strings.Join(containers, ", "))
	}
}

// noSuchPool names the StatefulSets that there are. A cluster without pools means the one that is
// named as the deployment, which its author need not know.
func noSuchPool(c regions.Cluster, pool regions.PoolSize, sets []string) error {
	there := "no StatefulSet at all"
	switch len(sets) {
	case 0:
	case 1:
		there = "the StatefulSet " + sets[0]
	default:
		there = "the StatefulSets " + strings.Join(sets, ", ")
	}
	if len(c.Pools) == 0 && len(sets) > 0 {
		return fmt.Errorf("replicas stands for a StatefulSet named as the deployment, %q: spec.base has %s; write pools: {%s: %d} instead",
			pool.Name, there, sets[0], pool.Replicas)
	}
	return fmt.Errorf("pool %q names no StatefulSet: spec.base has %s", pool.Name, there)
}

func isYAML(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}
