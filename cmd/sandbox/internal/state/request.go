package state

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/hashicorp/go-multierror"
	"sigs.k8s.io/yaml"
)

// Request is what a user asks `up` for. It is also the form of `--config FILE` (YAML).
type Request struct {
	Clusters     []RequestedCluster `json:"clusters"`
	FeatureGates string             `json:"featureGates,omitempty"`
	Runtime      string             `json:"runtime,omitempty"` // Simulated (default) or Containers
	Nodes        int                `json:"nodes,omitempty"`   // real nodes of each cluster, for Containers; default 1
}

// RequestedCluster is one cluster of a Request. Zones default to <region>-a, -b, …
type RequestedCluster struct {
	Name         string   `json:"name"`
	Region       string   `json:"region"`
	Zones        []string `json:"zones,omitempty"`
	NodesPerZone int      `json:"nodesPerZone,omitempty"`
}

// Limits that keep the address plan free of overlaps and a mistyped number harmless.
const (
	maxClusters     = 32
	maxZones        = 26
	maxNodesPerZone = 200
)

// ReadRequest reads a Request from a YAML file; unknown fields are errors.
func ReadRequest(path string) (Request, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Request{}, fmt.Errorf("read the sandbox's configuration: %w", err)
	}
	var request Request
	if err := yaml.UnmarshalStrict(data, &request); err != nil {
		return Request{}, fmt.Errorf("read the sandbox's configuration %s: %w", path, err)
	}
	return request, nil
}

// ParseCluster reads the form NAME=REGION or NAME=REGION:ZONE,ZONE,…
func ParseCluster(text string) (RequestedCluster, error) {
	name, place, ok := strings.Cut(text, "=")
	region, zones, hasZones := strings.Cut(place, ":")
	if !ok || name == "" || region == "" || (hasZones && zones == "") {
		return RequestedCluster{}, fmt.Errorf("cluster %q: write NAME=REGION or NAME=REGION:ZONE,ZONE,…, such as use1=us-east1", text)
	}
	cluster := RequestedCluster{Name: name, Region: region}
	if hasZones {
		cluster.Zones = strings.Split(zones, ",")
	}
	return cluster, nil
}

// Spec turns a request into a sandbox of that name, without ports. Each cluster gets networks of its
// own: pods 10.(64+i).0.0/16, services 10.(128+i).0.0/16, nodes 10.(192+i).0.0/16.
// All problems are reported at once.
func (r Request) Spec(name string, zonesPerRegion, nodesPerZone int) (*Spec, error) {
	spec := &Spec{FormatVersion: FormatVersion, Name: name, FeatureGates: r.FeatureGates}
	var problems *multierror.Error
	if len(r.Clusters) == 0 || len(r.Clusters) > maxClusters {
		problems = multierror.Append(problems, fmt.Errorf("a sandbox has 1 to %d clusters, %d were asked for", maxClusters, len(r.Clusters)))
	}
	seen := map[string]bool{}
	for i, asked := range r.Clusters {
		cluster, err := asked.cluster(i, zonesPerRegion, nodesPerZone)
		if err != nil {
			problems = multierror.Append(problems, err)
			continue
		}
		if seen[cluster.Name] {
			problems = multierror.Append(problems, fmt.Errorf("cluster %q is asked for twice", cluster.Name))
		}
		seen[cluster.Name] = true
		spec.Clusters = append(spec.Clusters, cluster)
	}
	if err := r.runtime(spec); err != nil {
		problems = multierror.Append(problems, err)
	}
	return spec, problems.ErrorOrNil()
}

// cluster fills in what was not asked for and checks the rest; i is its place in the address plan.
func (c RequestedCluster) cluster(i, zonesPerRegion, nodesPerZone int) (Cluster, error) {
	if !validName.MatchString(c.Name) || !validName.MatchString(c.Region) {
		return Cluster{}, fmt.Errorf("cluster %q in region %q: names are lower-case letters, digits and '-', at most 32 characters", c.Name, c.Region)
	}
	if c.NodesPerZone == 0 {
		c.NodesPerZone = nodesPerZone
	}
	if c.NodesPerZone < 1 || c.NodesPerZone > maxNodesPerZone {
		return Cluster{}, fmt.Errorf("cluster %q: 1 to %d nodes per zone, not %d", c.Name, maxNodesPerZone, c.NodesPerZone)
	}
	if len(c.Zones) == 0 {
		if zonesPerRegion < 1 || zonesPerRegion > maxZones {
			return Cluster{}, fmt.Errorf("cluster %q: 1 to %d zones per region, not %d", c.Name, maxZones, zonesPerRegion)
		}
		for z := range zonesPerRegion {
			c.Zones = append(c.Zones, fmt.Sprintf("%s-%c", c.Region, 'a'+z))
		}
	}
	seen := map[string]bool{}
	for _, zone := range c.Zones {
		if len(zone) > 63 || !validZone.MatchString(zone) || seen[zone] {
			return Cluster{}, fmt.Errorf("cluster %q: zone %q is no label value, or named twice", c.Name, zone)
		}
		seen[zone] = true
	}
	return Cluster{
		Name: c.Name, Region: c.Region, Zones: c.Zones, NodesPerZone: c.NodesPerZone,
		PodCIDR: network(64 + i), ServiceCIDR: network(128 + i), NodeCIDR: network(192 + i),
	}, nil
}

// network is the sandbox's n-th /16.
func network(n int) string {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 0}), 16).String()
}
