//go:build linux

package nodes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// importImages imports every archive that was not imported in its present version, the needed ones
// first, and tries again until all are there.
func (s supervisor) importImages(ctx context.Context) {
	for wait := time.Duration(0); s.awaitFile(ctx, s.Images.Socket); {
		err := s.importAll(ctx)
		if err == nil {
			return
		}
		wait = backOff(wait, 0)
		s.say("import images: %v; tried again in %s", err, wait)
		if !pause(ctx, wait) {
			return
		}
	}
}

func (s supervisor) importAll(ctx context.Context) error {
	if err := s.importEach(s.Images.Needed); err != nil {
		return err
	}
	select {
	case <-s.imported:
	default:
		close(s.imported)
	}
	if !s.awaitAPI(ctx, &s.Images.API) {
		return context.Cause(ctx)
	}
	extra, err := filepath.Glob(filepath.Join(s.Images.Extra, "*.tar"))
	if err != nil {
		return err
	}
	if err := s.importEach(slices.Concat(s.Images.Archives, extra)); err != nil {
		return err
	}
	return os.WriteFile(s.Images.All, nil, 0o600)
}

// importEach imports archives one after another.
func (s supervisor) importEach(archives []string) error {
	if err := os.MkdirAll(s.Images.Notes, 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.Logs, "images.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	for _, archive := range archives {
		note, err := s.Images.note(archive)
		if err != nil {
			return err
		}
		if _, err := os.Stat(note); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := s.reaper.run(append(slices.Clip(s.Images.Command), archive), s.Environment, log); err != nil {
			return fmt.Errorf("import %s: %w; see %s", archive, err, log.Name())
		}
		if err := s.Images.Note(archive); err != nil {
			return err
		}
	}
	return nil
}

// Note remembers that an archive was imported in its present version.
func (i Images) Note(archive string) error {
	note, err := i.note(archive)
	if err != nil {
		return err
	}
	return os.WriteFile(note, nil, 0o600)
}

// note names the file that says that this version of an archive was imported.
func (i Images) note(archive string) (string, error) {
	info, err := os.Stat(archive)
	if err != nil {
		return "", err
	}
	version := strconv.FormatInt(info.Size(), 36) + "-" + strconv.FormatInt(info.ModTime().UnixNano(), 36)
	return filepath.Join(i.Notes, filepath.Base(archive)+"-"+version), nil
}
