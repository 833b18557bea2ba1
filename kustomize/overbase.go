package kustomize

import (
	"path"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// ownOverlays is the profile whose overlays are laid over a base of the user's own.
const ownOverlays = "generic"

// overBase is the profile with its manifests left out where the topology names a base: what it knows of the database
// (hooks, ports, arithmetic) stays.
func (p Profile) overBase(t *regions.Topology) (Profile, error) {
	if t.Spec.Base == "" || !p.BringsManifests() {
		return p, nil
	}
	generic, err := LoadProfile(ownOverlays)
	p.manifests = generic.manifests
	return p, err
}

// clustersDir holds the parts of a user's base that are for one cluster alone: clusters/<cluster>, each a kustomize
// component, which that cluster's overlay adds to the base before it sets replicas and image.
const clustersDir = "clusters"

// clusterDirs are the directories of the base that hold a component for one cluster, sorted.
func (b userBase) clusterDirs() []string {
	var dirs []string
	for name := range b.files {
		dir := path.Dir(name)
		if path.Dir(dir) == clustersDir && kustomizationIn(b.files, dir) == name {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// component is the cluster's own part of the base as its overlay names it, empty where there is none.
func (b userBase) component(c regions.Cluster) string {
	dir := path.Join(clustersDir, c.Name)
	if strings.Contains(c.Name, "/") || kustomizationIn(b.files, dir) == "" {
		return ""
	}
	return path.Join("..", "..", "base", dir)
}
