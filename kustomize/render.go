package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/regions"
)

// SeedSlots is the number of fixed seed names, join-0 … join-4, that are handed
// to the database. They are repointed when regions come and go.
const SeedSlots = 5

// Rendering is what a topology looks like as kustomize directories.
type Rendering struct {
	// Files are all files by their slash-separated path, such as base/kustomization.yaml.
	Files map[string][]byte
	// Overlays are the clusters' directories, in the order of the topology.
	Overlays []Overlay
}

// Overlay is the kustomize directory of one cluster.
type Overlay struct {
	Cluster string
	Dir     string // such as overlays/use1
}

// Render writes the kustomize directories of a topology, which must have come
// from regions.Parse without errors. base is the user's own kustomize directory,
// nil unless spec.base names one. The same input gives the same bytes.
//
// The error lists everything that this renderer would otherwise have to ignore
// or cannot write, each with the path of the field or the file and line.
func Render(t *regions.Topology, p Profile, base fs.FS) (Rendering, error) {
	p, err := p.overBase(t)
	if err != nil {
		return Rendering{}, err
	}
	if err := renderable(t, p, base); err != nil {
		return Rendering{}, fmt.Errorf("render deployment %s: %w", t.Metadata.Name, err)
	}
	r := Rendering{Files: map[string][]byte{}}
	var own userBase
	if p.BringsManifests() {
		err = renderBase(r.Files, t, p)
	} else if own, err = readUserBase(base); err == nil {
		own.copyInto(r.Files)
	}
	if err != nil {
		return Rendering{}, fmt.Errorf("render the base of deployment %s: %w", t.Metadata.Name, err)
	}
	if err := renderOverlays(&r, t, p, own); err != nil {
		return Rendering{}, fmt.Errorf("render deployment %s: %w", t.Metadata.Name, err)
	}
	return r, nil
}

// renderBase writes what the profile's clusters share.
func renderBase(files map[string][]byte, t *regions.Topology, p Profile) error {
	v := baseValues(t, p)
	if err := expandTemplates(files, p.manifests, "base", "base", v); err != nil || !v.PerZone {
		return err
	}
	return setBeside(files, v)
}

func renderOverlays(r *Rendering, t *regions.Topology, p Profile, own userBase) error {
	templates, err := readTemplates(p.manifests, "overlay")
	if err != nil {
		return err
	}
	base := baseValues(t, p)
	var all *multierror.Error
	for _, region := range t.Spec.Regions {
		for _, c := range region.Clusters {
			v := overlayValues(base, t, region, c)
			if !p.BringsManifests() {
				if problems := inCluster(c, own.complete(&v, t, c)); problems.ErrorOrNil() != nil {
					all = multierror.Append(all, problems)
					continue
				}
			}
			o := Overlay{Cluster: c.Name, Dir: path.Join("overlays", c.Name)}
			if err := renderOverlay(r.Files, o.Dir, templates, t, p, c, v); err != nil {
				all = multierror.Append(all, fmt.Errorf("cluster %s: %w", c.Name, err))
			}
			r.Overlays = append(r.Overlays, o)
		}
	}
	if own.hasNamespace {
		for _, o := range r.Overlays {
			delete(r.Files, path.Join(o.Dir, "namespace.yaml"))
		}
	}
	return all.ErrorOrNil()
}

// renderOverlay writes one cluster's overlay.
func renderOverlay(files map[string][]byte, dir string, templates templates, t *regions.Topology, p Profile, c regions.Cluster, v values) error {
	if err := templates.expand(files, dir, v); err != nil {
		return err
	}
	if v.PerZone {
		if err := renderZones(files, p, dir, v); err != nil {
			return err
		}
	}
	if !v.Authority {
		return nil
	}
	return renderAuthority(files, dir, t, c)
}

// renderable reports the fields that cannot be rendered as they are.
func renderable(t *regions.Topology, p Profile, base fs.FS) error {
	problems := userBaseProblems
	if p.BringsManifests() {
		problems = ownManifestProblems
	}
	var all *multierror.Error
	all = multierror.Append(all, problems(t, base)...)
	if m := t.Spec.Network.Mode; m != "" && m != "flat" {
		all = multierror.Append(all, fmt.Errorf("spec.network.mode: %q cannot be rendered yet, only flat", m))
	}
	return all.ErrorOrNil()
}

// ownManifestProblems are those of a profile that brings its own manifests.
func ownManifestProblems(t *regions.Topology, base fs.FS) []error {
	var errs []error
	s := t.Spec
	if base != nil || s.Base != "" {
		errs = append(errs, fmt.Errorf("spec.base: profile %s brings its own manifests; use profile generic for a base of yours", s.Profile))
	}
	// Rendered without certificates, a topology that asks for TLS would run in the clear.
	if s.TLS.Mode != "disabled" {
		errs = append(errs, fmt.Errorf("spec.tls.mode: %q cannot be rendered yet; write disabled to run without TLS", s.TLS.Mode))
	}
	if z := s.Locality.Zone; z != "podLabel" && z != "none" && !t.SetPerZone() {
		errs = append(errs, fmt.Errorf("spec.locality.zone: %q is not known", z))
	}
	errs = append(errs, zonesProblem(t)...)
	for _, field := range [][2]string{
		{"spec.image", s.Image},
		{"spec.dns.zone", s.DNS.Zone},
		{"spec.storage.className", s.Storage.ClassName},
		{"spec.storage.size", s.Storage.Size},
	} {
		if field[1] == "" {
			errs = append(errs, errors.New(field[0]+" is missing"))
		}
	}
	// The name becomes that of a Service, which unlike a StatefulSet's starts with a letter (RFC 1035).
	if n := t.Metadata.Name; n == "" || n[0] < 'a' || n[0] > 'z' {
		errs = append(errs, fmt.Errorf("metadata.name: %q becomes a Service's name, which must start with a letter", n))
	}
	return errs
}

// userBaseProblems are those of a profile which leaves the manifests to the user.
// What the base decides must not seem to be decided by the topology.
func userBaseProblems(t *regions.Topology, base fs.FS) []error {
	var errs []error
	s := t.Spec
	if base == nil {
		errs = append(errs, fmt.Errorf("spec.base: profile %s has no manifests of its own here; name your kustomize directory", s.Profile))
	}
	ignored := func(field string, set bool) {
		if set {
			errs = append(errs, fmt.Errorf("%s has no effect with profile %s: write it in your base and remove it here", field, s.Profile))
		}
	}
	ignored("spec.storage", s.Storage != regions.Storage{})
	ignored("spec.resources", len(s.Resources.Requests)+len(s.Resources.Limits) > 0)
	return errs
}

// zoneName is the DNS zone as it is written behind names: lower case, no final dot.
func zoneName(t *regions.Topology) string {
	return strings.ToLower(strings.TrimSuffix(t.Spec.DNS.Zone, "."))
}
