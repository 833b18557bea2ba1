package regions

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// checker judges a decoded and defaulted topology. It judges each value once and
// goes on, so that every problem is found in one run.
type checker struct {
	*findings
	t *Topology
}

func (c *checker) validate() {
	c.header()
	c.profile()
	c.workload()
	c.modes()
	c.dns()
	c.layout()
	c.names()
	c.rollout()
	c.survive()
}

func (c *checker) header() {
	switch {
	case c.t.APIVersion == "":
		c.errorf("apiVersion", codeMissingAPIVersion, "write apiVersion: "+APIVersion, "apiVersion is missing")
	case c.t.APIVersion != APIVersion:
		c.errorf("apiVersion", codeUnknownAPIVersion, "write apiVersion: "+APIVersion,
			"apiVersion %q is not known to this version of quorate", shorten(c.t.APIVersion))
	}
	switch {
	case c.t.Kind == "":
		c.errorf("kind", codeMissingKind, "write kind: "+Kind, "kind is missing")
	case c.t.Kind != Kind:
		c.errorf("kind", codeUnknownKind, "write kind: "+Kind, "kind %q is not %s", shorten(c.t.Kind), Kind)
	}
}

// profile checks the choice of a profile and the fields that belong to one of them alone.
func (c *checker) profile() {
	s := c.t.Spec
	switch {
	case s.Profile == "":
		c.errorf("spec.profile", codeMissingProfile, "write one of: "+strings.Join(profiles(), ", "), "spec.profile is missing")
	case strings.HasPrefix(s.Profile, ".") || strings.HasPrefix(s.Profile, "/"):
		c.errorf("spec.profile", codeNotSupportedYet, "use profile generic with base: your own kustomize directory",
			"profiles of your own (%s) are not built yet", shorten(s.Profile))
	case !slices.Contains(profiles(), s.Profile):
		c.errorf("spec.profile", codeUnknownProfile, suggest(s.Profile, profiles()), "no built-in profile is named %q", shorten(s.Profile))
	case s.Profile == profileGeneric:
		c.genericOnly()
	case s.Base != "" && s.Profile == profileCockroachDB:
		c.profileOverBase()
	default:
		c.ownManifests()
	}
	c.advertised()
}

// ownManifests checks a profile that brings its manifests.
func (c *checker) ownManifests() {
	s := c.t.Spec
	if s.Base != "" {
		c.errorf("spec.base", codeNotSupportedYet, "remove base, or use profile generic",
			"a base of your own with profile %s is not built yet", s.Profile)
	}
	if s.Container != "" {
		c.errorf("spec.container", codeNotForProfile, "remove container; it is for profile generic",
			"profile %s knows its container", s.Profile)
	}
	if s.TLS.Mode == "" {
		c.errorf("spec.tls.mode", codeTLSRequired, "write tls: {mode: disabled}, and keep the network between the clusters private",
			"certificates are not built yet, and running without them must be said")
	}
	c.eachCluster(func(cl Cluster, _ Region, path string) {
		if c.written(path + ".pools") {
			c.errorf(path+".pools", codeNotForProfile, "write replicas instead", "profile %s has a single pool", s.Profile)
		}
	})
}

func (c *checker) genericOnly() {
	s := c.t.Spec
	if s.Base == "" {
		c.errorf("spec.base", codeMissingBase, "write base: the path of your kustomize directory", "profile generic takes its manifests from spec.base")
	}
	c.base()
	for _, path := range []string{"spec.storage", "spec.resources"} {
		if c.written(path) {
			c.errorf(path, codeNotForProfile, "write it in the manifests of spec.base", "profile generic leaves %s to your own manifests", path)
		}
	}
}

// base allows directories above the topology file's, as kustomize users lay
// them out, but nothing that depends on the machine or the network.
func (c *checker) base() {
	base := c.t.Spec.Base
	hint := "write a path relative to the topology file, such as ./base"
	switch {
	case strings.HasPrefix(base, "/"):
		c.errorf("spec.base", codeInvalidBase, hint, "base %q is absolute and would differ between machines", shorten(base))
	case strings.Contains(base, "://"), strings.Contains(base, "@"), strings.Contains(base, "?"):
		c.errorf("spec.base", codeInvalidBase, hint, "base %q is remote; only a local directory gives the same result twice", shorten(base))
	case strings.ContainsAny(base, "\\\x00\n"):
		c.errorf("spec.base", codeInvalidBase, hint+", with forward slashes", "base %q is no path", shorten(base))
	}
}

// modes checks the words whose meaning is partly built.
func (c *checker) modes() {
	s := c.t.Spec
	c.mode("spec.network.mode", s.Network.Mode, networkModes(), networkFlat)
	c.mode("spec.locality.zone", s.Locality.Zone, zoneWays(), zoneByPodLabel, zoneBySet, zoneNone)
	c.perZone()
	if s.TLS.Mode != "" {
		c.mode("spec.tls.mode", s.TLS.Mode, tlsModes(), tlsDisabled)
	}
}

func (c *checker) mode(path, value string, known []string, built ...string) {
	switch {
	case !slices.Contains(known, value):
		c.errorf(path, codeUnknownValue, suggest(value, known), "%s has no value %q", path, shorten(value))
	case !slices.Contains(built, value):
		c.errorf(path, codeNotSupportedYet, "write "+strings.Join(built, " or "), "%s %s is not built yet", path, value)
	}
}

// eachCluster visits the clusters in the order of the file, with the path of each.
func (c *checker) eachCluster(visit func(cl Cluster, r Region, path string)) {
	for i, r := range c.t.Spec.Regions {
		for j, cl := range r.Clusters {
			visit(cl, r, item(field(item("spec.regions", i), "clusters"), j))
		}
	}
}

// label checks an RFC 1123 DNS label.
func (c *checker) label(path, value, code string) bool {
	if len(validation.IsDNS1123Label(value)) == 0 {
		return true
	}
	c.errorf(path, code, "use at most 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit (RFC 1123)",
		"%q is not a DNS label", shorten(value))
	return false
}

// span checks a Go duration of at least least.
func (c *checker) span(path, value string, least time.Duration) {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil:
		c.errorf(path, codeInvalidDuration, "write a number and a unit, such as 30s or 15m", "%q is not a duration", shorten(value))
	case d < least:
		c.errorf(path, codeInvalidDuration, "write at least "+least.String(), "%s is too short", value)
	}
}
