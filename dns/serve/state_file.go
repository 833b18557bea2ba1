package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// StateFile keeps the state in a file of this path, mode 0600, replaced whole: a crash leaves the old one or the new one.
type StateFile string

var _ State = StateFile("")

// Load reads the file; one that does not exist holds nothing.
func (f StateFile) Load(context.Context) ([]byte, error) {
	data, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Save replaces the file by way of another in its directory, of one name always: what a server left there that was killed
// while it wrote is written over, so that no number of crashes fills the disk.
func (f StateFile) Save(_ context.Context, data []byte) (err error) {
	dir := filepath.Dir(string(f))
	name := filepath.Join(dir, "."+filepath.Base(string(f))+".new")
	if err = os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep the state in %s: %w", f, err)
	}
	temporary, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keep the state in %s: %w", f, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("keep the state in %s: %w", f, err), os.Remove(temporary.Name()))
		}
	}()
	_, err = temporary.Write(data)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err = os.Rename(temporary.Name(), string(f)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir has the system write down which files a directory holds. The file is in its place whatever comes of it.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // a directory that may be written and not read cannot be synced
	}
	_ = d.Sync() // some file systems have no such thing
	return d.Close()
}
