package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceFile changes a file's content from before to after, all at once: whatever happens meanwhile,
// the file holds either. Behind symbolic links the file itself is replaced; it keeps its mode, and its owner
// where that is allowed. A file that somebody else has changed meanwhile is left alone.
func replaceFile(path string, before, after []byte) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("find %s again: %w", path, err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	temp, err := writeTemp(target, after, func(f *os.File) error {
		keepOwner(f, info)
		return f.Chmod(info.Mode().Perm())
	})
	if err != nil {
		return fmt.Errorf("write %s (it is as it was): %w", path, err)
	}
	defer func() { _ = os.Remove(temp) }() // it is gone after the rename
	now, err := os.ReadFile(target)
	switch {
	case err != nil:
		return fmt.Errorf("read %s once more (it is as it was): %w", path, err)
	case !bytes.Equal(now, before):
		return invalidInput{fmt.Errorf("somebody has changed %s meanwhile: look at it, then run the command again", path)}
	}
	if err := os.Rename(temp, target); err != nil {
		return fmt.Errorf("write %s (it is as it was): %w", path, err)
	}
	return syncDir(filepath.Dir(target))
}

// createFile makes a new file, all at once, and never over one that exists.
func createFile(path string, data []byte) error {
	temp, err := writeTemp(path, data, func(f *os.File) error { return f.Chmod(0o644) })
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(temp) }()
	err = os.Link(temp, path)
	if errors.Is(err, fs.ErrExist) {
		return existingFile(path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// existingFile refuses to write over a file.
func existingFile(path string) error {
	return invalidInput{fmt.Errorf("%s exists and is never overwritten: move it away, or name another file with --output-file", path)}
}

// writeTemp writes a file beside the path, on disk when it returns, and gives its name.
func writeTemp(path string, data []byte, prepare func(*os.File) error) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, prepare(f), f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}
