//go:build linux

package containers

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"quorate.dev/quorate/cmd/sandbox/internal/images"
	"quorate.dev/quorate/cmd/sandbox/internal/kubernetes"
	"quorate.dev/quorate/cmd/sandbox/internal/namespaces"
	"quorate.dev/quorate/cmd/sandbox/internal/nodes"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// LoadImage makes the image ref of static binaries, the first its entry point, and imports it on every node that runs; others
// import it when they start.
func (m Manager) LoadImage(ctx context.Context, spec *state.Spec, ref string, binaries ...string) error {
	for _, binary := range binaries {
		if err := checkStatic(binary); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(m.Dir.Images(), 0o700); err != nil {
		return fmt.Errorf("make the directory of images: %w", err)
	}
	archive := filepath.Join(m.Dir.Images(), strings.NewReplacer("/", "_", ":", "_", "@", "_").Replace(ref)+".tar")
	if err := images.Write(archive, ref, binaries...); err != nil {
		return err
	}
	layout, err := places.Of(spec)
	if err != nil {
		return err
	}
	var failures error
	for _, place := range layout.Places {
		if place.Kind == places.Node {
			failures = errors.Join(failures, m.importOn(ctx, place, archive))
		}
	}
	return failures
}

// importOn imports an archive on one node, unless the node is down.
func (m Manager) importOn(ctx context.Context, place places.Place, archive string) error {
	process, runs, err := m.running(place.Name)
	if err != nil || !runs {
		return err
	}
	description, err := nodes.Read(m.descriptionFile(place.Name))
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, m.Binaries.Path("ctr"), "--address", kubernetes.Socket, "--namespace", "k8s.io", "images", "import", archive)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", &said, &said
	if err := namespaces.Run(process.PID, cmd, namespaces.Mount); err != nil {
		return fmt.Errorf("import %s on node %s: %w: %s", archive, place.Name, err, strings.TrimSpace(said.String()))
	}
	return description.Images.Note(archive)
}

// checkStatic refuses a program that needs a dynamic linker: the image has none.
func checkStatic(binary string) error {
	file, err := elf.Open(binary)
	if err != nil {
		return fmt.Errorf("read the program %s: %w", binary, err)
	}
	defer func() { _ = file.Close() }()
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is linked dynamically, and an image holds nothing else: build it with CGO_ENABLED=0", binary)
		}
	}
	return nil
}
