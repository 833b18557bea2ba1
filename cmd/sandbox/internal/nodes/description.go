//go:build linux

// Package nodes is process 1 of a place: it makes the place's mounts private, starts its components,
// starts them again when they end, and reaps orphans. Killing it ends everything in the place.
package nodes

import (
	"encoding/json"
	"fmt"
	"os"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Description is what process 1 is told. It holds no secret, only names of files.
type Description struct {
	HostName    string      `json:"host_name"`
	Started     string      `json:"started"` // file that is made once the place may be used
	Logs        string      `json:"logs"`    // directory of the components' logs
	Keep        []string    `json:"keep"`    // directories that stay visible whatever covers them
	Covers      []Cover     `json:"covers"`
	Sysctls     []string    `json:"sysctls"`     // machine-wide settings, as kernel/panic: writing them changes a private copy
	SysctlDir   string      `json:"sysctl_dir"`  // where the private copies are
	Forward     bool        `json:"forward"`     // packets of others, such as pods, are passed on
	Components  []Component `json:"components"`  // what runs, in any order
	Images      *Images     `json:"images"`      // imported before components that need them
	Environment []string    `json:"environment"` // of every component, as NAME=value
}

// Cover puts something private over a directory of the machine.
type Cover struct {
	Target string `json:"target"`
	Source string `json:"source,omitempty"` // a directory; without it an empty file system in memory
	Make   bool   `json:"make,omitempty"`   // the target is made first: it lies under another cover
}

// Component is one supervised process.
type Component struct {
	Name   string   `json:"name"`
	Args   []string `json:"args"`             // the first is the program's path
	Socket string   `json:"socket,omitempty"` // a file to wait for before each start
	Images bool     `json:"images,omitempty"` // wait until the needed images are there
	API    *API     `json:"api,omitempty"`    // wait until this is ready before each start
}

// API is an API server that others wait for, rather than give up and be started again.
type API struct {
	URL       string `json:"url"`       // https://host:port
	Authority string `json:"authority"` // file of the certificate that signed its own
}

// Images says what to import into containerd, once per archive and version of it.
type Images struct {
	Command  []string `json:"command"`  // to which an archive's path is added
	Needed   []string `json:"needed"`   // archives that components wait for
	Archives []string `json:"archives"` // imported once the API server is ready
	API      API      `json:"api"`
	Extra    string   `json:"extra"`  // a directory of more archives, *.tar
	Notes    string   `json:"notes"`  // directory of notes of what was imported
	All      string   `json:"all"`    // file that is made once all are there
	Socket   string   `json:"socket"` // containerd's
}

// Read reads a description.
func Read(file string) (Description, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Description{}, fmt.Errorf("read the description of a place: %w", err)
	}
	var description Description
	if err := json.Unmarshal(data, &description); err != nil {
		return Description{}, fmt.Errorf("read the description of a place, %s: %w", file, err)
	}
	return description, nil
}

// Write writes a description.
func (d Description) Write(file string) error {
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the description of place %s: %w", d.HostName, err)
	}
	return state.WriteFile(file, append(data, '\n'))
}
