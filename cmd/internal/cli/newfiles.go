package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// writeNew writes files below a directory, and overwrites none: one that is there with the same content stays, one with
// other content is an error before anything is written. What is in the directory beside them is none of ours, except
// that a base may hold nothing else, since all of it would be part of the deployment.
func writeNew(dir string, files map[string][]byte) error {
	var problems *multierror.Error
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		there, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, name)
		case err != nil:
			problems = multierror.Append(problems, err)
		case !bytes.Equal(there, files[name]):
			problems = multierror.Append(problems, fmt.Errorf("%s is there already and differs from what runs now; move it away, choose another --output-dir, or, where it is what you want, run `quorate apply -f %s`",
				path, filepath.Join(dir, "topology.yaml")))
		}
	}
	problems = multierror.Append(problems, strangers(filepath.Join(dir, "base"), files)...)
	if err := problems.ErrorOrNil(); err != nil {
		return err
	}
	for _, name := range missing {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make the directory of %s: %w", path, err)
		}
		if err := writeFile(path, files[name]); err != nil {
			return err
		}
	}
	return nil
}

// writeFile makes a file that must not exist, durable before it has its name's content in full or not at all.
func writeFile(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(data)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(path)))
	}
	return nil
}

// strangers are files in the base that were not written by us.
func strangers(base string, files map[string][]byte) []error {
	var errs []error
	err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(filepath.Dir(base), path)
		if _, ours := files[filepath.ToSlash(relative)]; !ours && strings.HasSuffix(path, ".yaml") {
			errs = append(errs, fmt.Errorf("%s is there already and is no part of what runs now: move it away, or choose another --output-dir", path))
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	return errs
}
