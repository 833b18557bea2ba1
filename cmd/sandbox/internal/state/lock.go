package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a waiting process looks at a lock again: flock(2) has no wait with a
// deadline.
const lockPoll = 100 * time.Millisecond

// Lock takes the sandbox's lock, which `up`, `down`, `stop` and `start` hold, and gives the
// function that frees it. It waits until ctx ends.
func (d Dir) Lock(ctx context.Context) (func(), error) {
	sum := sha256.Sum256([]byte(d.Path))
	name := "sandbox-" + hex.EncodeToString(sum[:8]) + ".lock"
	return LockFile(ctx, filepath.Join(d.locks, name), "another sandbox command on "+d.Name)
}

// LockFile takes an exclusive lock on the file at path, which is made if need be; waitsFor says
// in the error who is in the way. The lock goes with the process, however it ends.
func LockFile(ctx context.Context, path, waitsFor string) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the lock directory: %w", err)
	}
	lock := flock.New(path)
	held, err := lock.TryLockContext(ctx, lockPoll)
	if err != nil {
		return nil, fmt.Errorf("wait for %s (lock %s): %w", waitsFor, path, err)
	}
	if !held {
		return nil, fmt.Errorf("wait for %s: lock %s was not granted", waitsFor, path)
	}
	return func() { _ = lock.Unlock() }, nil
}

// Held tells whether some process holds the lock on the file at path. It looks by a shared lock, so
// that several who look do not take each other for the holder.
func Held(path string) (bool, error) {
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return false, nil
	}
	lock := flock.New(path)
	got, err := lock.TryRLock()
	if err != nil {
		return false, fmt.Errorf("look at lock %s: %w", path, err)
	}
	if got {
		return false, lock.Unlock()
	}
	return true, nil
}
