package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/kustomize/build"
	"quorate.dev/quorate/regions"
)

// builds measures, for ever more clusters, rendering and building all overlays against building each by
// kustomize in this process, and some by kubectl. All bytes must be the same.
func builds(ctx context.Context, b *bench) ([]row, error) {
	var rows []row
	for _, n := range []int{3, 30, 300, 1000} {
		r, err := buildsOf(ctx, b, n)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func buildsOf(ctx context.Context, b *bench, n int) (row, error) {
	text := many("bank", n, func(int) string { return "bank" }).topology()
	times := 3
	if n <= 30 {
		times = 9
	}
	var last made
	all, err := repeat(times, func() (time.Duration, error) {
		began := time.Now()
		var err error
		last, err = makeAll(text)
		return time.Since(began), err
	})
	if err != nil {
		return row{}, err
	}
	alone, err := sameByKustomize(last)
	if err != nil {
		return row{}, err
	}
	kubectl, err := b.sameByKubectl(ctx, last, fmt.Sprintf("rendered-%d", n))
	if err != nil {
		return row{}, err
	}
	each := median(all) / time.Duration(n)
	return row{
		key:     fmt.Sprintf("build-%d", n),
		what:    fmt.Sprintf("render and build %d clusters, an overlay", n),
		ours:    milliseconds(each),
		against: fmt.Sprintf("kustomize in process %s, `kubectl kustomize` %s", milliseconds(alone), milliseconds(kubectl)),
		ratio:   ratio(each, alone) + ", " + ratio(each, kubectl),
		aim:     "identical bytes, as far below kustomize as sharing takes it",
	}, nil
}

// made is a rendering with all that was built of it.
type made struct {
	rendering kustomize.Rendering
	built     []build.Built
}

// makeAll goes from a topology's text to the objects of every cluster, as every command does.
func makeAll(text string) (made, error) {
	t, problems := regions.Parse([]byte(text), "topology.yaml")
	if errs := problems.Errors(); len(errs) > 0 {
		return made{}, problems
	}
	profile, err := kustomize.LoadProfile(t.Spec.Profile)
	if err != nil {
		return made{}, err
	}
	r, err := kustomize.Render(t, profile, nil)
	if err != nil {
		return made{}, err
	}
	dirs := make([]string, len(r.Overlays))
	for i, o := range r.Overlays {
		dirs[i] = o.Dir
	}
	m := made{r, build.All(r.Files, dirs)}
	for _, one := range m.built {
		err = errors.Join(err, one.Err)
	}
	return m, err
}

// sameByKustomize builds each overlay by kustomize alone, given its own files and the base, and gives the
// mean time of one.
func sameByKustomize(m made) (time.Duration, error) {
	base := below(m.rendering.Files, "base")
	var took time.Duration
	for _, one := range m.built {
		files := below(m.rendering.Files, one.Dir)
		maps.Copy(files, base)
		began := time.Now()
		want, err := build.Build(files, one.Dir)
		if err == nil {
			_, err = build.Objects(want)
		}
		took += time.Since(began)
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(one.YAML, want) {
			return 0, fmt.Errorf("%s differs from what kustomize makes of it", one.Dir)
		}
	}
	return took / time.Duration(len(m.built)), nil
}

// below are the files in a directory.
func below(files map[string][]byte, dir string) map[string][]byte {
	out := map[string][]byte{}
	for name, data := range files {
		if strings.HasPrefix(name, dir+"/") {
			out[name] = data
		}
	}
	return out
}

// sameByKubectl builds some of the overlays by kubectl, from disk, and gives the median time of one.
func (b *bench) sameByKubectl(ctx context.Context, m made, name string) (time.Duration, error) {
	const most = 10
	root := filepath.Join(b.dir, name)
	step := max(len(m.built)/most, 1)
	files := below(m.rendering.Files, "base")
	var sample []build.Built
	for i := 0; i < len(m.built); i += step {
		sample = append(sample, m.built[i])
		maps.Copy(files, below(m.rendering.Files, m.built[i].Dir))
	}
	for file, data := range files {
		if err := os.MkdirAll(filepath.Join(root, path.Dir(file)), 0o700); err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(root, file), data, 0o600); err != nil {
			return 0, err
		}
	}
	next := 0
	all, err := repeat(len(sample), func() (time.Duration, error) {
		one := sample[next]
		next++
		f, err := b.exec(ctx, b.kubectl, "kustomize", filepath.Join(root, one.Dir))
		if err == nil && f.stdout != string(one.YAML) {
			err = fmt.Errorf("%s differs from what kubectl kustomize prints", one.Dir)
		}
		return f.wall, err
	})
	if err != nil {
		return 0, err
	}
	return median(all), nil
}
