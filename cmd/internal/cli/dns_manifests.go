package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/kustomize/build"
)

// dnsManifests prints the objects of the authority inside the clusters as YAML: those that the overlays
// hold, of one cluster or, with none named, of all.
func (a *app) dnsManifests(ctx context.Context, cluster string) error {
	if a.json() {
		return advised{invalidInput{errors.New("--manifests prints YAML")}, "leave --output json out"}
	}
	d, err := a.load(ctx)
	if err != nil {
		return err
	}
	if d.topology.AuthorityInCluster() == nil {
		return advised{invalidInput{fmt.Errorf("%s puts no authority into its clusters", d.file)}, "set spec.dns.publish.serve.inCluster in the topology"}
	}
	overlays := d.rendering.Overlays
	if cluster != "" {
		overlays = slices.DeleteFunc(slices.Clone(overlays), func(o kustomize.Overlay) bool { return o.Cluster != cluster })
		if len(overlays) == 0 {
			err := fmt.Errorf("--cluster %s: %s has no cluster of that name, only %s", cluster, d.file, strings.Join(d.clusterNames(), ", "))
			return advised{invalidInput{err}, "name one of those"}
		}
	}
	var out bytes.Buffer // so that nothing is printed of what fails half-way
	for i, overlay := range overlays {
		yaml, err := build.Build(d.rendering.Files, overlay.AuthorityDir())
		if err != nil {
			return fmt.Errorf("build the authority of %s: %w", overlay.Cluster, err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		fmt.Fprintf(&out, "# cluster %s\n%s", overlay.Cluster, yaml)
	}
	if _, err := a.out.Write(out.Bytes()); err != nil {
		return fmt.Errorf("print the manifests: %w", err)
	}
	return nil
}

func (d *deployment) clusterNames() []string {
	var out []string
	for _, c := range d.topology.OrderedClusters() {
		out = append(out, c.Name)
	}
	return out
}
