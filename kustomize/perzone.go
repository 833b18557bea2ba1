package kustomize

import (
	"embed"
	"fmt"
	"path"

	"quorate.dev/quorate/regions"
)

//go:embed perzone
var perZoneTemplates embed.FS

// zoneDir is the kustomize directory of a zone's StatefulSet within an overlay.
func zoneDir(zone string) string { return "zone-" + zone }

// setBeside moves the base's StatefulSet into a directory of its own, of which each zone's
// takes it: kustomize takes a directory twice, and no file from outside of the one it is in.
func setBeside(files map[string][]byte, v values) error {
	files["base/statefulset/statefulset.yaml"] = files["base/statefulset.yaml"]
	delete(files, "base/statefulset.yaml")
	return expandTemplate(files, perZoneTemplates, "perzone/base.yaml", "base/statefulset/kustomization.yaml", v)
}

// renderZones writes the StatefulSet of each zone of a cluster, in place of the overlay's patch.
func renderZones(files map[string][]byte, p Profile, dir string, v values) error {
	delete(files, path.Join(dir, "statefulset.yaml"))
	for _, pool := range v.Pools {
		own := v
		own.Set, own.Zone, own.Pools = pool.Name, pool.Zone, []poolValues{pool}
		to := path.Join(dir, pool.Dir)
		if err := expandTemplate(files, p.manifests, "overlay/statefulset.yaml", path.Join(to, "statefulset.yaml"), own); err != nil {
			return err
		}
		if err := expandTemplate(files, perZoneTemplates, "perzone/kustomization.yaml", path.Join(to, "kustomization.yaml"), own); err != nil {
			return err
		}
	}
	return nil
}

// zonesProblem is what keeps StatefulSets for each zone from being rendered, as Parse reports it
// with its place; nil where nothing does.
func zonesProblem(t *regions.Topology) []error {
	if !t.SetPerZone() {
		return nil
	}
	var errs []error
	for _, c := range t.OrderedClusters() {
		if len(c.Zones) == 0 {
			errs = append(errs, fmt.Errorf("spec.regions: cluster %s declares no zones, and locality.zone statefulSetPerZone makes a StatefulSet for each", c.Name))
		}
	}
	return errs
}
