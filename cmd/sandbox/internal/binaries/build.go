package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// step is one build command.
type step struct {
	what    string // what is built, and how long it usually takes
	dir     string // relative to the temporary directory
	env     []string
	command []string
}

// Ensure gives the built binaries of the simulated runtime, building them first if they are missing.
// Several callers at once are safe: one builds, the others wait. A build that fails or is killed leaves
// nothing in the cache's place. Progress goes to narrate.
func Ensure(ctx context.Context, cache string, sources fs.FS, narrate io.Writer) (Set, error) {
	return controlPlane().ensure(ctx, cache, sources, narrate)
}

// EnsureContainers does the same for the containers runtime, whose set holds that of the simulated one.
func EnsureContainers(ctx context.Context, cache string, sources fs.FS, narrate io.Writer) (Set, error) {
	base, err := Ensure(ctx, cache, sources, narrate)
	if err != nil {
		return Set{}, err
	}
	return containers(base).ensure(ctx, cache, sources, narrate)
}

func (r recipe) ensure(ctx context.Context, cache string, sources fs.FS, narrate io.Writer) (Set, error) {
	set, err := r.locate(cache, sources)
	if err != nil || set.complete() {
		return set, err
	}
	unlock, err := state.LockFile(ctx, filepath.Join(cache, "locks", "build.lock"), "another `sandbox build`")
	if err != nil {
		return set, err
	}
	defer unlock()
	if set.complete() {
		return set, nil
	}
	return set, r.build(ctx, set, sources, narrate)
}

// complete tells whether the set was built: the directory appears in one rename.
func (s Set) complete() bool {
	_, err := os.Stat(s.Dir)
	return err == nil
}

// build makes the binaries beside their place and moves them there at the end.
func (r recipe) build(ctx context.Context, set Set, sources fs.FS, narrate io.Writer) error {
	started := time.Now()
	fmt.Fprintf(narrate, "sandbox: building %s into %s: %s on two cores the first time, less when Go's build cache is warm\n", r.what, set.Dir, r.duration)
	temp := set.Dir + ".building"
	if err := os.RemoveAll(temp); err != nil {
		return fmt.Errorf("clear an interrupted build: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	out := filepath.Join(temp, "bin")
	if err := r.writeSources(sources, filepath.Join(temp, "src"), out); err != nil {
		return err
	}
	for _, step := range r.steps(out) {
		if err := step.run(ctx, temp, narrate); err != nil {
			return err
		}
	}
	if err := r.finish(out); err != nil {
		return err
	}
	if err := os.Rename(out, set.Dir); err != nil {
		return fmt.Errorf("put the binaries in place: %w", err)
	}
	fmt.Fprintf(narrate, "sandbox: built in %s\n", time.Since(started).Round(time.Second))
	return nil
}

// writeSources lays out the modules that are built from, and makes out.
func (r recipe) writeSources(sources fs.FS, dir, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make the build directory: %w", err)
	}
	for _, name := range r.sources {
		data, err := fs.ReadFile(sources, name)
		if err != nil {
			return fmt.Errorf("read the sources of %s: %w", r.what, err)
		}
		target := filepath.Join(dir, filepath.FromSlash(laidOut(name)))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("make the build directory: %w", err)
		}
		if err := os.WriteFile(target, data, 0o644); err != nil {
			return fmt.Errorf("write the sources of %s: %w", r.what, err)
		}
	}
	return nil
}

// run executes the step below temp, shows what it says, and repeats the end of it in the error.
func (s step) run(ctx context.Context, temp string, narrate io.Writer) error {
	fmt.Fprintf(narrate, "sandbox: building %s\n", s.what)
	tail := &tail{}
	cmd := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	cmd.Dir = filepath.Join(temp, s.dir)
	cmd.Env = append(os.Environ(), append([]string{"CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false"}, s.env...)...)
	cmd.Stdout, cmd.Stderr = tail, tail
	if err := cmd.Run(); err != nil {
		return errors.Join(fmt.Errorf("build %s: %s: %w", s.what, strings.Join(s.command, " "), err), errors.New(tail.String()))
	}
	return nil
}

// tail keeps the last bytes written to it: enough of a compiler's output to see what went wrong.
type tail struct{ kept []byte }

const tailBytes = 4096

// Write never fails.
func (t *tail) Write(data []byte) (int, error) {
	t.kept = append(t.kept, data...)
	if len(t.kept) > tailBytes {
		t.kept = t.kept[len(t.kept)-tailBytes:]
	}
	return len(data), nil
}

// String gives what was kept.
func (t *tail) String() string { return strings.TrimSpace(string(t.kept)) }
