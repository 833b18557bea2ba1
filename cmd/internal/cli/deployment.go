package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/kustomize/build"
	"quorate.dev/quorate/regions"
)

// deployment is a topology with everything that follows from it offline.
type deployment struct {
	file      string
	topology  *regions.Topology
	notes     regions.Problems // warnings and notes
	profile   kustomize.Profile
	rendering kustomize.Rendering
	desired   map[string][]map[string]any // built objects, per cluster
	// replicasAt says where each cluster's replicas are written, as file:line.
	replicasAt map[string]string
}

// mendOverlays is what to do about overlays that cannot be made or built.
const mendOverlays = "mend the profile or the base that the topology names; `quorate validate` shows what is left"

// invalidTopology is a topology with errors.
type invalidTopology struct {
	file     string
	problems regions.Problems
}

func (e invalidTopology) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s is invalid:", e.file)
	for _, p := range e.problems.Errors() {
		text.WriteString("\n  " + p.String())
	}
	return text.String()
}

func (e invalidTopology) Unwrap() error { return e.problems }

// declaration is a topology file as it was read: once, since it may be a pipe.
type declaration struct {
	file     string
	data     []byte
	topology *regions.Topology
	problems regions.Problems
}

// declare reads and validates the topology file. With an error the declaration holds what could be read.
func (a *app) declare(ctx context.Context) (declaration, error) {
	file := a.settings.GetString("file")
	data, err := readFile(ctx, file)
	if err != nil {
		return declaration{file: file}, err
	}
	return parseBytes(data, file)
}

// parseBytes validates a topology.
func parseBytes(data []byte, file string) (declaration, error) {
	t, problems := regions.Parse(data, file)
	d := declaration{file, data, t, problems}
	if len(problems.Errors()) > 0 {
		return d, invalidTopology{file, problems}
	}
	return d, nil
}

// load goes from the topology file to the built objects of every cluster.
func (a *app) load(ctx context.Context) (*deployment, error) {
	read, err := a.declare(ctx)
	if err != nil {
		return nil, err
	}
	return a.follow(read)
}

// follow goes from a valid topology to the built objects of every cluster.
func (a *app) follow(read declaration) (*deployment, error) {
	d, err := a.rendered(read)
	if err != nil {
		return nil, err
	}
	return d, d.build()
}

// rendered goes from a valid topology to the overlays of every cluster, which are to be built.
func (a *app) rendered(read declaration) (*deployment, error) {
	t := read.topology
	base, err := read.base()
	if err != nil {
		return nil, err
	}
	d := &deployment{file: read.file, topology: t, notes: read.problems, replicasAt: read.replicasAt()}
	if d.profile, err = kustomize.LoadProfile(t.Spec.Profile); err != nil {
		return nil, advised{invalidInput{fmt.Errorf("profile %s: %w", t.Spec.Profile, err)}, mendOverlays}
	}
	if d.rendering, err = kustomize.Render(t, d.profile, base); err != nil {
		return nil, advised{invalidInput{err}, mendOverlays}
	}
	return d, nil
}

// replicasAt finds where each cluster's replicas are written.
func (d declaration) replicasAt() map[string]string {
	out := map[string]string{}
	for cluster, line := range regions.ReplicaLines(d.data, d.file) {
		out[cluster] = fmt.Sprintf("%s:%d", d.file, line)
	}
	return out
}

// base is the user's own kustomize directory, nil where the profile brings manifests.
func (d declaration) base() (fs.FS, error) {
	const path = "spec.base"
	base := d.topology.Spec.Base
	if base == "" {
		return nil, nil
	}
	dir := filepath.Join(filepath.Dir(d.file), base)
	what := ""
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		what = "does not exist"
	case err != nil:
		what = "cannot be looked at: " + err.Error()
	case !info.IsDir():
		what = "is no directory"
	default:
		return os.DirFS(dir), nil
	}
	return nil, invalidTopology{d.file, regions.Problems{{
		Severity: regions.SeverityError, Code: regions.CodeMissingBase, Path: path, Line: regions.LineOf(d.data, d.file, path),
		Message: fmt.Sprintf("base %q %s (it would be %s)", base, what, dir),
		Hint:    "write the path of your kustomize directory, relative to the topology file",
	}}}
}

// build builds every overlay; all clusters' problems come together.
func (d *deployment) build() error {
	d.desired = map[string][]map[string]any{}
	var problems *multierror.Error
	dirs := make([]string, len(d.rendering.Overlays))
	for i, overlay := range d.rendering.Overlays {
		dirs[i] = overlay.Dir
	}
	for i, built := range build.All(d.rendering.Files, dirs) {
		overlay := d.rendering.Overlays[i]
		objects, err := d.checked(overlay, built)
		if err != nil {
			problems = multierror.Append(problems, err)
			continue
		}
		d.desired[overlay.Cluster] = objects
	}
	if err := problems.ErrorOrNil(); err != nil {
		return advised{invalidInput{err}, mendOverlays}
	}
	return nil
}

// checked are the objects of an overlay, which must be those that its cluster asks for.
func (d *deployment) checked(overlay kustomize.Overlay, built build.Built) ([]map[string]any, error) {
	if built.Err != nil {
		return nil, fmt.Errorf("build the overlay of %s: %w", overlay.Cluster, built.Err)
	}
	cluster, known := d.topology.ClusterByName(overlay.Cluster)
	if !known {
		return nil, errors.New("an overlay of unknown cluster " + overlay.Cluster)
	}
	if err := kustomize.CheckPools(d.topology, d.profile, cluster, built.Objects); err != nil {
		return nil, err
	}
	return built.Objects, nil
}

// services are the governing services of the pools of a cluster: pool → service.
func (d *deployment) services(cluster string) map[string]string {
	out := map[string]string{}
	for _, object := range d.desired[cluster] {
		if object["kind"] != "StatefulSet" {
			continue
		}
		metadata, _ := object["metadata"].(map[string]any)
		spec, _ := object["spec"].(map[string]any)
		name, _ := metadata["name"].(string)
		service, _ := spec["serviceName"].(string)
		if name != "" && service != "" {
			out[name] = service
		}
	}
	return out
}
