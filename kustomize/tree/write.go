// Package tree writes rendered kustomize directories to disk and looks after
// them there.
//
// A directory belongs to quorate alone: Write notes every file it writes in
// ManifestName, removes only what is noted there, and refuses a directory in
// which it finds anything else. The note is made before the files are, as the
// union of old and new, so that a Write which was killed at any point is
// completed by the next one.
package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/kustomize"
)

// tempSuffix marks a file that is not yet complete; one is left behind by a kill.
const tempSuffix = ".quorate-tmp"

// Options change what Write accepts.
type Options struct {
	// Force overwrites and removes files of ours that were changed by hand. Files
	// of others are never touched.
	Force bool
}

// Write makes dir hold exactly the files of r and the manifest, and creates it
// where needed. Files are replaced atomically, one by one, and left alone where
// they are right already. Nothing is changed when the error says that dir holds
// files of others, or files changed by hand; it lists all of them. No symbolic
// link within dir is followed.
func Write(dir string, r kustomize.Rendering, o Options) error {
	if err := write(dir, r.Files, o); err != nil {
		return fmt.Errorf("write overlays to %s: %w", dir, err)
	}
	return nil
}

func write(dir string, files map[string][]byte, o Options) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	t := target{root: root, files: files, wanted: manifestOf(files), present: map[string][]byte{}}
	if err := t.survey(); err != nil {
		return err
	}
	if err := t.permitted(o); err != nil {
		return err
	}
	return t.replace()
}

// target is one Write under way.
type target struct {
	root    *os.Root
	files   map[string][]byte
	wanted  manifest
	noted   manifest          // what an earlier Write noted
	present map[string][]byte // the files found that are, or will be, ours
	left    []string          // leftovers of a Write that was killed
	foreign []string          // files of others, maxForeign at most
	strange []string          // links, devices and the like
}

// maxForeign bounds the files of others that are listed: enough to see whose
// directory it is, without walking a whole disk.
const maxForeign = 20

// survey reads the manifest and everything else in the directory.
func (t *target) survey() error {
	data, err := t.root.ReadFile(ManifestName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if t.noted, err = decodeManifest(data); err != nil {
		return fmt.Errorf("%s is damaged: %w; choose an empty directory, or remove this one", ManifestName, err)
	}
	return fs.WalkDir(t.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() || name == ManifestName:
			return nil
		case !d.Type().IsRegular():
			t.strange = append(t.strange, name)
			return nil
		case t.isLeftover(name):
			t.left = append(t.left, name)
			return nil
		case t.noted[name] == nil && t.wanted[name] == nil:
			if t.foreign = append(t.foreign, name); len(t.foreign) == maxForeign {
				return fs.SkipAll
			}
			return nil
		}
		t.present[name], err = t.root.ReadFile(name)
		return err
	})
}

func (t *target) isLeftover(name string) bool {
	of, ok := strings.CutSuffix(name, tempSuffix)
	if !ok {
		return false
	}
	_, noted := t.noted[of]
	return noted || of == ManifestName
}

// permitted reports every file that Write may not touch.
func (t *target) permitted(o Options) error {
	var all *multierror.Error
	for _, name := range t.strange {
		all = multierror.Append(all, fmt.Errorf("%s is a link or no regular file: remove it, or choose another directory", name))
	}
	for _, name := range t.foreign {
		all = multierror.Append(all, notOurs(name))
	}
	if len(t.foreign) == maxForeign {
		all = multierror.Append(all, errors.New("and perhaps more: the listing stops here"))
	}
	for _, name := range slices.Sorted(maps.Keys(t.present)) {
		data := t.present[name]
		_, noted := t.noted[name]
		switch {
		case t.noted.owns(name, data) || t.wanted.owns(name, data):
		case !noted:
			all = multierror.Append(all, notOurs(name))
		case !o.Force:
			all = multierror.Append(all, fmt.Errorf("%s was changed by hand: put the change into the topology, or force its removal", name))
		}
	}
	return all.ErrorOrNil()
}

func notOurs(name string) error {
	return fmt.Errorf("%s was not written by quorate: choose another directory, or move it away", name)
}

// replace notes what is about to be, writes it, removes what is left over, and
// notes what is.
func (t *target) replace() error {
	for _, name := range t.left {
		if err := t.root.Remove(name); err != nil {
			return err
		}
	}
	if err := t.put(ManifestName, t.noted.union(t.wanted).encode()); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		if old, ok := t.present[name]; ok && bytes.Equal(old, t.files[name]) {
			continue
		}
		if err := t.put(name, t.files[name]); err != nil {
			return err
		}
	}
	if err := t.removeStale(); err != nil {
		return err
	}
	return t.put(ManifestName, t.wanted.encode())
}

// put replaces one file atomically.
func (t *target) put(name string, data []byte) error {
	if err := t.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	temp, err := t.root.OpenFile(name+tempSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return t.root.Rename(name+tempSuffix, name)
}

// removeStale removes files of ours that are no longer wanted, and the
// directories that this leaves empty.
func (t *target) removeStale() error {
	for _, name := range slices.Sorted(maps.Keys(t.noted)) {
		if _, wanted := t.wanted[name]; wanted {
			continue
		}
		if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if err := t.removeIfEmpty(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *target) removeIfEmpty(dir string) error {
	entries, err := fs.ReadDir(t.root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return t.root.Remove(dir)
}
