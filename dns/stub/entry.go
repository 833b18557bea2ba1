package stub

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// Entry is what the DNS of one cluster is to hold for one deployment.
type Entry struct {
	Deployment string
	Zone       string // the deployment's, canonical
	Domains    []Domain
}

// Domain is a part of the zone that is treated alike.
type Domain struct {
	Comment string   // what it is, one line; may be empty
	Names   []string // canonical, without any below another; everything below is meant too
	// To are the servers that are asked; empty: the cluster itself has the answer, under other names.
	To []netip.AddrPort
	// Rewrites turn the names of this domain into those of the cluster's own Services.
	Rewrites []Rewrite
}

// Rewrite is one name, or the names that a regular expression matches, and what the cluster itself
// calls it, without the cluster's domain: <pod>.<service>.<namespace>.svc.
type Rewrite struct {
	Exact bool
	From  string // a canonical name, or a regular expression (RE2) over one
	To    string
}

// dnsPort is the port of name servers (RFC 1035 §4.2).
const dnsPort = 53

// Delegation sends the deployment's zone to its authority.
func Delegation(t *regions.Topology, servers []netip.AddrPort) (Entry, error) {
	if len(servers) == 0 {
		return Entry{}, errors.New("there is no address of an authority to send the zone to")
	}
	zone := dns.Canonical(t.Spec.DNS.Zone)
	return Entry{Deployment: t.Metadata.Name, Zone: zone, Domains: []Domain{{
		Comment: "The names of the replicas in all clusters: the authority knows them.", Names: []string{zone}, To: servers,
	}}}, nil
}

// ChainInput is what chaining follows from.
type ChainInput struct {
	Topology *regions.Topology
	Slots    []regions.ReplicaID // slot 0 first
	// Services are the governing Services by pool.
	Services map[string]string
	// Servers are where the DNS of each cluster is reached from the others.
	Servers map[string][]netip.AddrPort
}

// Chain is the entry of one cluster where nobody runs an authority: every cluster has a domain of its own below the
// zone, <cluster>.<zone>, so that clusters that all call themselves cluster.local do not collide. The names of a
// cluster's own replicas, and of the seeds among them, are turned into those of its Services; all
// others are forwarded to the DNS of their cluster. A name of the zone itself, of a region with
// several clusters, and SRV records cannot be had so: no server knows all of them.
func Chain(in ChainInput, cluster string) (Entry, error) {
	t := in.Topology
	entry := Entry{Deployment: t.Metadata.Name, Zone: dns.Canonical(t.Spec.DNS.Zone)}
	var problems error
	for _, c := range t.OrderedClusters() {
		d := Domain{Comment: "The replicas of " + c.Name + ".", Names: in.names(c)}
		if c.Name == cluster {
			var err error
			d.Comment = "The replicas of this cluster."
			d.Rewrites, err = in.rewrites(c)
			problems = errors.Join(problems, err)
		} else if d.To = in.Servers[c.Name]; len(d.To) == 0 {
			problems = errors.Join(problems, fmt.Errorf("cluster %s: no address at which the other clusters reach its DNS is known", c.Name))
		}
		entry.Domains = append(entry.Domains, d)
	}
	return entry, cmp.Or(problems, in.distinct())
}

// distinct refuses one address for the DNS of two clusters: one of them would be asked for what the other has.
func (in ChainInput) distinct() error {
	of := map[netip.AddrPort]string{}
	var problems error
	for _, cluster := range slices.Sorted(maps.Keys(in.Servers)) {
		for _, server := range in.Servers[cluster] {
			if other, twice := of[server]; twice && other != cluster {
				problems = errors.Join(problems, &LoopError{Why: fmt.Sprintf("%s is named as the DNS of %s and of %s: one of them would be asked for the names of the other", server, other, cluster)})
			}
			of[server] = cluster
		}
	}
	return problems
}

// names are those behind which replicas of this cluster alone stand.
func (in ChainInput) names(c regions.Cluster) []string {
	zone := in.Topology.Spec.DNS.Zone
	out := []string{dns.ClusterName(zone, c.Name)}
	for _, r := range in.Topology.Spec.Regions {
		if len(r.Clusters) == 1 && r.Clusters[0].Name == c.Name {
			out = append(out, dns.RegionName(zone, r.Name))
		}
	}
	for i, id := range in.Slots {
		if id.Cluster == c.Name {
			out = append(out, dns.SlotName(zone, i))
		}
	}
	return out
}

// rewrites are how the cluster itself calls its replicas.
func (in ChainInput) rewrites(c regions.Cluster) ([]Rewrite, error) {
	t, zone := in.Topology, in.Topology.Spec.DNS.Zone
	own := dns.ClusterName(zone, c.Name)
	var out []Rewrite
	services := map[string]bool{}
	for _, pool := range t.Pools(c) {
		service := in.Services[pool.Name]
		if service == "" {
			return nil, fmt.Errorf("cluster %s: the governing Service of pool %s is not known", c.Name, pool.Name)
		}
		services[service] = true
		out = append(out, Rewrite{
			From: fmt.Sprintf(`^(%s-[0-9]+)\.%s$`, regexp.QuoteMeta(pool.Name), regexp.QuoteMeta(own)),
			To:   "{1}." + service + "." + c.Namespace + ".svc",
		})
	}
	for i, id := range in.Slots {
		if id.Cluster == c.Name {
			out = append(out, Rewrite{Exact: true, From: dns.SlotName(zone, i), To: strings.Join([]string{id.Pod(), in.Services[id.Pool], c.Namespace, "svc"}, ".")})
		}
	}
	if len(services) > 1 {
		return out, nil // the cluster's name is that of all replicas, which no one Service has
	}
	for service := range services {
		for _, name := range in.names(c) {
			if !slices.ContainsFunc(out, func(r Rewrite) bool { return r.Exact && r.From == name }) {
				out = append(out, Rewrite{Exact: true, From: name, To: service + "." + c.Namespace + ".svc"})
			}
		}
	}
	return out, nil
}
