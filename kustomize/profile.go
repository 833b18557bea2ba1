package kustomize

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/hashicorp/go-multierror"
	"go.yaml.in/yaml/v3"

	"quorate.dev/quorate/kustomize/profiles"
	"quorate.dev/quorate/regions"
)

// Profile is what one database needs, as data.
type Profile struct {
	Name string `yaml:"name"`
	// Model is the survival arithmetic of the database, ModelNone where nothing is known of it.
	Model regions.Model `yaml:"model"`
	// Container is the name of the database's container, empty where the user's
	// base names it.
	Container string `yaml:"container"`
	// Ports are the ports of the Services by their name.
	Ports map[string]int `yaml:"ports"`
	// SeedPort is the port in the seed list, and {port} in hooks; 0 where there are no seeds.
	SeedPort int `yaml:"seedPort"`
	// DefaultVoters are the voters of a group by the failure to be survived.
	DefaultVoters map[regions.Failure]int `yaml:"defaultVoters"`
	// Members is how the database knows its members; the zero value where it finds them by itself.
	Members Members `yaml:"members"`
	Upgrade Upgrade `yaml:"upgrade"`
	Hooks   Hooks   `yaml:"hooks"`

	manifests fs.FS // base/ and overlay/ templates
}

// Hooks are the commands of a database's life. Each is nil where the database
// needs none.
type Hooks struct {
	// Init initialises the database, once ever, on the replica of seed slot 0.
	Init *Hook `yaml:"init"`
	// ClusterID reads the identity that the database gave itself.
	ClusterID *Hook `yaml:"clusterID"`
	// Gate tells whether the database is whole, before the next replica is disturbed.
	Gate *Gate `yaml:"gate"`
	// Handover moves leadership away from a replica before it is restarted.
	Handover *Handover `yaml:"handover"`
}

// Upgrade is what a reader of a plan should know of a change of versions.
type Upgrade struct {
	// Minor is a sentence on going to a higher minor version (or major), by the
	// image's tag; empty: there is nothing to say.
	Minor string `yaml:"minor"`
}

// BringsManifests tells whether the profile has manifests of its own. Without
// them the topology names the user's base.
func (p Profile) BringsManifests() bool {
	if p.manifests == nil {
		return false
	}
	_, err := fs.Stat(p.manifests, "base")
	return err == nil
}

// ProfileNames are the built-in profiles, sorted.
func ProfileNames() []string {
	entries, err := fs.ReadDir(profiles.FS(), ".")
	if err != nil {
		return nil // the tree is embedded: there is always a root
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// LoadProfile reads a built-in profile. The error names the profiles there are.
func LoadProfile(name string) (Profile, error) {
	for _, known := range ProfileNames() {
		if known != name {
			continue
		}
		dir, err := fs.Sub(profiles.FS(), name)
		if err != nil {
			return Profile{}, fmt.Errorf("open profile %s: %w", name, err)
		}
		return readProfile(dir, path.Join("profiles", name))
	}
	return Profile{}, fmt.Errorf("profile %q is not built in; there are: %s", name, strings.Join(ProfileNames(), ", "))
}

// readProfile decodes and checks dir/profile.yaml; place names dir in errors.
func readProfile(dir fs.FS, place string) (Profile, error) {
	place = path.Join(place, "profile.yaml")
	data, err := fs.ReadFile(dir, "profile.yaml")
	if err != nil {
		return Profile{}, fmt.Errorf("read %s: %w", place, err)
	}
	var p Profile
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil {
		return Profile{}, fmt.Errorf("decode %s: %w", place, err)
	}
	p.manifests = dir
	if err := p.check(); err != nil {
		return Profile{}, fmt.Errorf("check %s: %w", place, err)
	}
	return p, nil
}

// check reports everything that is wrong with a decoded profile.
func (p Profile) check() error {
	var all *multierror.Error
	if p.Name == "" {
		all = multierror.Append(all, errors.New("name is missing"))
	}
	if p.Model == "" {
		all = multierror.Append(all, errors.New("model is missing"))
	}
	if h := p.Hooks.Init; h != nil {
		all = multierror.Append(all, h.check("hooks.init", p.SeedPort)...)
	}
	if h := p.Hooks.ClusterID; h != nil {
		all = multierror.Append(all, h.check("hooks.clusterID", p.SeedPort)...)
		if h.Value == "" {
			all = multierror.Append(all, errors.New("hooks.clusterID: value is missing"))
		}
	}
	if g := p.Hooks.Gate; g != nil {
		all = multierror.Append(all, g.check("hooks.gate", p.SeedPort)...)
	}
	if h := p.Hooks.Handover; h != nil {
		all = multierror.Append(all, h.check("hooks.handover", p.SeedPort)...)
	}
	all = multierror.Append(all, p.Members.check("members", p.SeedPort)...)
	return all.ErrorOrNil()
}
