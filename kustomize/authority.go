package kustomize

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/regions"
)

// authorityTemplates are the manifests of the authority inside a cluster, over authorityValues.
//
//go:embed authority
var authorityTemplates embed.FS

// authorityDir is the authority's kustomize directory within an overlay.
const authorityDir = "authority"

// The ports inside the authority's pods. The Service's own is 53.
const (
	authorityDNSPort    = 1053 // of the forwarder, which pods ask
	authorityHealthPort = 1055
	forwarderHealthPort = 8080 // CoreDNS's own choices
	forwarderReadyPort  = 8181
)

// authorityStateDir is where the authority's container keeps what it knows.
const authorityStateDir = "/var/lib/quorate"

// AuthorityDir is the kustomize directory of the authority inside the overlay's cluster; it is
// rendered where the topology has one (Topology.AuthorityInCluster).
func (o Overlay) AuthorityDir() string { return path.Join(o.Dir, authorityDir) }

// authorityValues are what the authority's templates see.
type authorityValues struct {
	Header                                  string
	Name, Cluster, Namespace, Zone          string
	Object                                  string // the name of every object
	Record, Credentials                     string // the names of the record and of the Secret
	PodAccount, PriorityClass               string
	APIPorts                                []int // of all API servers; none: they are not known
	CredentialsDir, StateDir, Component     string
	Image, Forwarder                        string
	DNSServers, Families                    []string // the Service's addresses, and the family of each
	PodCIDRs                                []string
	Services                                []string // pool=governing Service, sorted
	Port, DNSPort, HealthPort               int
	ForwarderHealthPort, ForwarderReadyPort int
	Topology                                string // canonical
	Digest                                  string // of the Corefile and of what the topology says about names
}

// renderAuthority writes the authority's directory of one cluster.
func renderAuthority(files map[string][]byte, dir string, t *regions.Topology, c regions.Cluster) error {
	v, err := newAuthorityValues(files, t, c)
	if err != nil {
		return fmt.Errorf("render the authority: %w", err)
	}
	to := path.Join(dir, authorityDir)
	if err := expandTemplates(files, authorityTemplates, authorityDir, to, v); err != nil {
		return fmt.Errorf("render the authority: %w", err)
	}
	// The Deployment names the digest of the Corefile, which therefore comes first.
	if v.Digest, err = authorityDigest(t, files[path.Join(to, "Corefile")]); err != nil {
		return fmt.Errorf("render the authority: %w", err)
	}
	if err := expandTemplates(files, authorityTemplates, authorityDir, to, v); err != nil {
		return fmt.Errorf("render the authority: %w", err)
	}
	return nil
}

func newAuthorityValues(files map[string][]byte, t *regions.Topology, c regions.Cluster) (authorityValues, error) {
	in := t.AuthorityInCluster()
	if len(c.DNSServers) == 0 || len(c.PodCIDRs) == 0 {
		return authorityValues{}, errors.New("dnsServers and podCIDRs are needed, for its address and for whom it answers")
	}
	canonical, err := regions.Canonical(t)
	if err != nil {
		return authorityValues{}, err
	}
	services, err := governingServices(files, t)
	if err != nil {
		return authorityValues{}, err
	}
	v := authorityValues{
		Header: baseHeader(t), Name: t.Metadata.Name, Cluster: c.Name, Namespace: c.Namespace, Zone: zoneName(t),
		Object: regions.AuthorityName(t.Metadata.Name), Record: regions.RecordName(t.Metadata.Name),
		Credentials: regions.CredentialsName(t.Metadata.Name), CredentialsDir: regions.CredentialsDir, StateDir: authorityStateDir, Component: regions.AuthorityComponent,
		PodAccount: regions.AuthorityPodAccount(t.Metadata.Name), PriorityClass: in.PriorityClassName, APIPorts: apiPorts(t),
		Image: in.Image, Forwarder: in.Forwarder, DNSServers: c.DNSServers, PodCIDRs: c.PodCIDRs, Services: services,
		Port: regions.AuthorityPort, DNSPort: authorityDNSPort, HealthPort: authorityHealthPort,
		ForwarderHealthPort: forwarderHealthPort, ForwarderReadyPort: forwarderReadyPort,
		Topology: strings.TrimSuffix(string(canonical), "\n"),
	}
	for _, server := range c.DNSServers {
		family, err := ipFamily(server)
		if err != nil {
			return authorityValues{}, err
		}
		v.Families = append(v.Families, family)
	}
	return v, nil
}

// apiPorts are the ports at which the API servers of all clusters are reached, sorted; none where the
// topology does not say so of every cluster. Behind a Service the usual ones are added, since a policy sees the
// address behind it.
func apiPorts(t *regions.Topology) []int {
	ports := []int{443, 6443}
	for _, c := range t.OrderedClusters() {
		server, err := url.Parse(c.APIServer)
		if err != nil || c.APIServer == "" {
			return nil
		}
		if port, err := strconv.Atoi(server.Port()); err == nil {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// ipFamily is the family of an address, as a Service names it.
func ipFamily(address string) (string, error) {
	ip, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return "", fmt.Errorf("dnsServers: %q is not an IP address", address)
	case ip.Unmap().Is4():
		return "IPv4", nil
	}
	return "IPv6", nil
}

// authorityDigest changes when the authority's pods must: with the Corefile, and with what a topology says
// about names. An image or a volume of the database is none of it.
func authorityDigest(t *regions.Topology, corefile []byte) (string, error) {
	type cluster struct {
		Name, Namespace string
		Pools           []regions.PoolSize
	}
	type region struct {
		Name     string
		Clusters []cluster
	}
	told := struct {
		Name, Zone, TTL, Corefile string
		Regions                   []region
	}{Name: t.Metadata.Name, Zone: zoneName(t), TTL: t.Spec.DNS.TTL, Corefile: string(corefile)}
	for _, r := range t.Spec.Regions {
		at := region{Name: r.Name}
		for _, c := range r.Clusters {
			at.Clusters = append(at.Clusters, cluster{Name: c.Name, Namespace: c.Namespace, Pools: t.Pools(c)})
		}
		told.Regions = append(told.Regions, at)
	}
	encoded, err := json.Marshal(told)
	if err != nil {
		return "", fmt.Errorf("digest the names of %s: %w", t.Metadata.Name, err)
	}
	sum := sha256.Sum256(encoded)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// governingServices are the governing Services of the pools of all clusters as the rendered base names
// them, pool=service, sorted. What a patch of the base makes of a name is found out by checkServices.
func governingServices(files map[string][]byte, t *regions.Topology) ([]string, error) {
	base := map[string][]byte{}
	for name, data := range files {
		if rest, ok := strings.CutPrefix(name, "base/"); ok {
			base[rest] = data
		}
	}
	r := baseReader{files: base, visited: map[visit]bool{}, entered: map[string]bool{}}
	r.readDir(".", rename{})
	if err := r.problems.ErrorOrNil(); err != nil {
		return nil, err
	}
	services := r.services()
	pools := map[string]bool{}
	for _, c := range t.OrderedClusters() {
		for _, pool := range t.Pools(c) {
			pools[pool.Name] = true
		}
	}
	var out []string
	var all *multierror.Error
	for _, pool := range slices.Sorted(maps.Keys(pools)) {
		if services[pool] == "" {
			all = multierror.Append(all, fmt.Errorf("StatefulSet %s names no governing Service (spec.serviceName), without which its pods have no names: put a headless Service into spec.base and name it there", pool))
			continue
		}
		out = append(out, pool+"="+services[pool])
	}
	return out, all.ErrorOrNil()
}

// checkServices tells whether the authority among a cluster's built objects watches the Services
// that govern the built StatefulSets.
func checkServices(t *regions.Topology, objects []map[string]any) []error {
	var watched []string
	governing := map[string]string{}
	for _, o := range objects {
		name, _ := field(o, "metadata", "name").(string)
		switch {
		case o["kind"] == "StatefulSet":
			governing[name], _ = field(o, "spec", "serviceName").(string)
		case o["kind"] == "Deployment" && name == regions.AuthorityName(t.Metadata.Name):
			watched = serviceArguments(o)
		}
	}
	var errs []error
	for _, pair := range watched {
		pool, service, _ := strings.Cut(pair, "=")
		if built, ok := governing[pool]; ok && built != service {
			errs = append(errs, fmt.Errorf("StatefulSet %s is built with serviceName %q, and its manifest in spec.base says %q, which the authority would watch: write it there, not in a patch",
				pool, built, service))
		}
	}
	return errs
}

func serviceArguments(deployment map[string]any) []string {
	var out []string
	for _, c := range containers(deployment) {
		args, _ := c["args"].([]any)
		for _, a := range args {
			text, _ := a.(string)
			if pair, ok := strings.CutPrefix(text, "--service="); ok {
				out = append(out, pair)
			}
		}
	}
	return out
}
