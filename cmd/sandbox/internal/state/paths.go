// Package state is what a sandbox keeps on disk: where things lie, and the description of its
// clusters, which is written before anything starts so that a crash can always be cleaned up.
package state

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
)

// Environment variables that move the sandbox's files.
const (
	// EnvCache is the directory of built binaries and lock files.
	EnvCache = "QUORATE_CACHE"
	// EnvSandboxes is the directory that holds one directory per running sandbox.
	EnvSandboxes = "QUORATE_SANDBOX_DIR"
)

// DefaultName is the sandbox that commands mean when none is named.
const DefaultName = "default"

// Paths are the roots of everything that the sandbox writes.
type Paths struct {
	Cache     string // built binaries and lock files; survives `down`
	Sandboxes string // one directory per sandbox; `down` removes it
}

// FindPaths reads the roots from the environment: ${QUORATE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/quorate}
// and ${QUORATE_SANDBOX_DIR:-<cache>/sandbox}. Both come out absolute.
func FindPaths(getenv func(string) string) (Paths, error) {
	cache := getenv(EnvCache)
	if cache == "" {
		base := getenv("XDG_CACHE_HOME")
		if base == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return Paths{}, fmt.Errorf("find a cache directory: %w; set %s", err, EnvCache)
			}
			base = filepath.Join(home, ".cache")
		}
		cache = filepath.Join(base, "quorate")
	}
	sandboxes := getenv(EnvSandboxes)
	if sandboxes == "" {
		sandboxes = filepath.Join(cache, "sandbox")
	}
	var err error
	if cache, err = filepath.Abs(cache); err != nil {
		return Paths{}, fmt.Errorf("make %s absolute: %w", cache, err)
	}
	if sandboxes, err = filepath.Abs(sandboxes); err != nil {
		return Paths{}, fmt.Errorf("make %s absolute: %w", sandboxes, err)
	}
	return Paths{Cache: cache, Sandboxes: sandboxes}, nil
}

var (
	validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	validZone = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
)

// Sandbox gives the directory of the named sandbox. Names are as strict as DNS labels, at most
// 32 characters, because clusters, nodes and objects carry them.
func (p Paths) Sandbox(name string) (Dir, error) {
	if !validName.MatchString(name) {
		return Dir{}, fmt.Errorf("sandbox name %q: use lower-case letters, digits and '-', at most 32 characters", name)
	}
	return Dir{Name: name, Path: filepath.Join(p.Sandboxes, name), locks: p.Locks()}, nil
}

// Locks is the directory of lock files. They stay when a sandbox goes, since removing a lock file
// that another process waits for breaks the lock.
func (p Paths) Locks() string { return filepath.Join(p.Cache, "locks") }

// List names the sandboxes that have a directory, sorted.
func (p Paths) List() ([]string, error) {
	entries, err := os.ReadDir(p.Sandboxes)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list sandboxes: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && validName.MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

// Dir is the directory of one sandbox.
type Dir struct {
	Name  string
	Path  string
	locks string
}

// SpecFile describes the sandbox; it is written first and removed last.
func (d Dir) SpecFile() string { return filepath.Join(d.Path, "sandbox.json") }

// Kubeconfig holds one context per cluster, named as the cluster, with credentials embedded.
func (d Dir) Kubeconfig() string { return filepath.Join(d.Path, "kubeconfig") }

// KwokHome is kwokctl's work directory, so that nothing under the user's home is touched.
func (d Dir) KwokHome() string { return filepath.Join(d.Path, "kwok") }

// ClusterDir is where kwokctl keeps one cluster: etcd data, certificates, logs.
func (d Dir) ClusterDir(cluster string) string {
	return filepath.Join(d.KwokHome(), "clusters", cluster)
}

// Player is the directory of the player: state, log, pid and lock.
func (d Dir) Player() string { return filepath.Join(d.Path, "player") }

// PlayerLog is where the player writes what it does.
func (d Dir) PlayerLog() string { return filepath.Join(d.Player(), "player.log") }

// PlayerState is what the player remembers over restarts: node identities, addresses handed out.
func (d Dir) PlayerState() string { return filepath.Join(d.Player(), "state.json") }

// PlayerPID is the player's process id, valid only while PlayerLock is held.
func (d Dir) PlayerPID() string { return filepath.Join(d.Player(), "pid") }

// PlayerLock is held by the player for as long as it lives.
func (d Dir) PlayerLock() string { return filepath.Join(d.Player(), "lock") }

// Exists tells whether the sandbox has a directory, running or not.
func (d Dir) Exists() bool {
	_, err := os.Stat(d.Path)
	return err == nil
}

// Tag tells sandboxes apart machine-wide, in the names of network links and cgroups: two of the same
// name can live in different directories. 8 hexadecimal digits.
func (d Dir) Tag() string {
	sum := sha256.Sum256([]byte(d.Path))
	return hex.EncodeToString(sum[:4])
}

// Place is the directory of one place of a sandbox with real containers: configuration, logs, data.
func (d Dir) Place(name string) string { return filepath.Join(d.Path, "places", name) }

// Credentials is where a cluster of real containers keeps its certificates and keys.
func (d Dir) Credentials(cluster string) string { return filepath.Join(d.Path, "credentials", cluster) }

// Volumes holds the persistent volumes of a cluster of real containers; all its nodes share them.
func (d Dir) Volumes(cluster string) string { return filepath.Join(d.Path, "volumes", cluster) }

// Images holds the image archives that the nodes import when they start.
func (d Dir) Images() string { return filepath.Join(d.Path, "images") }
