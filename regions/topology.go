// Package regions holds what quorate knows about a deployment: its topology as
// declared in one file, the replicas that follow from it, what was observed in
// the clusters, and the survival arithmetic over them.
//
// The package is pure: it reads no disk, no network and no clock.
package regions

// APIVersion and Kind identify the only topology format understood today.
const (
	APIVersion = "quorate.dev/v1alpha1"
	Kind       = "Topology"
)

// Topology is a whole deployment: one stateful system over many clusters in
// many regions, as declared in one file. Parse returns it with defaults filled in.
type Topology struct {
	APIVersion string   `yaml:"apiVersion" json:"apiVersion"` // the version of the format
	Kind       string   `yaml:"kind" json:"kind"`             // always Topology
	Metadata   Metadata `yaml:"metadata" json:"metadata"`
	Spec       Spec     `yaml:"spec" json:"spec"`
}

// Metadata names the deployment. The name becomes the StatefulSet's name of a
// profile with one pool, so it is at most 52 characters (kubernetes/kubernetes#64023).
type Metadata struct {
	Name string `yaml:"name" json:"name"` // a DNS label that begins with a letter (RFC 1035)
}

// Spec is the body of a topology.
type Spec struct {
	// Profile is a built-in profile's name, or ./dir of the user's own.
	Profile string `yaml:"profile" json:"profile"`
	// Base is the user's own kustomize directory, relative to the topology file.
	Base string `yaml:"base,omitempty" json:"base,omitempty"`
	// Image is the database's container image, with a tag or digest.
	Image string `yaml:"image,omitempty" json:"image,omitempty"`
	// Advertised is the name under which the replicas of a base of the user's own know one another, where that is
	// not their name in the zone: {pod}, {cluster} and {namespace} stand for those of each replica. See HostOf.
	Advertised string `yaml:"advertised,omitempty" json:"advertised,omitempty"`
	// Container names the container that Image replaces in a base of the user's
	// own; it may be left out where the StatefulSet has only one container.
	Container string    `yaml:"container,omitempty" json:"container,omitempty"`
	Namespace string    `yaml:"namespace,omitempty" json:"namespace,omitempty"` // of all clusters that name none; default: the deployment's name
	Storage   Storage   `yaml:"storage,omitempty" json:"storage,omitzero"`
	Resources Resources `yaml:"resources,omitempty" json:"resources,omitzero"`
	Survive   Survive   `yaml:"survive,omitempty" json:"survive,omitzero"`
	Network   Network   `yaml:"network,omitempty" json:"network,omitzero"`
	TLS       TLS       `yaml:"tls,omitempty" json:"tls,omitzero"`
	Locality  Locality  `yaml:"locality,omitempty" json:"locality,omitzero"`
	DNS       DNS       `yaml:"dns,omitempty" json:"dns,omitzero"`
	Rollout   Rollout   `yaml:"rollout,omitempty" json:"rollout,omitzero"`
	Regions   []Region  `yaml:"regions" json:"regions"`
}

// Storage describes the volume of each replica.
type Storage struct {
	Size      string `yaml:"size,omitempty" json:"size,omitempty"`           // a Kubernetes quantity, such as 100Gi
	ClassName string `yaml:"className,omitempty" json:"className,omitempty"` // the StorageClass, always named
}

// Resources are the requests and limits of the database's container, each a
// map from resource name (cpu, memory) to a Kubernetes quantity.
type Resources struct {
	Requests map[string]string `yaml:"requests,omitempty" json:"requests,omitempty"`
	Limits   map[string]string `yaml:"limits,omitempty" json:"limits,omitempty"`
}

// Survive is what the deployment promises. Failure is kept at rest, and a
// layout that cannot keep it is invalid; WhileUpdating is kept at every step of a run.
type Survive struct {
	Failure       Failure `yaml:"failure,omitempty" json:"failure,omitempty"`             // none | node | zone | region; default: the strongest that the layout survives
	Voters        int     `yaml:"voters,omitempty" json:"voters,omitempty"`               // members of a quorum; default: by the model and the promise
	WhileUpdating Failure `yaml:"whileUpdating,omitempty" json:"whileUpdating,omitempty"` // none | node | zone | region; default: computed from the layout
	// Model names the survival arithmetic. A profile brings its own; the generic
	// profile needs it for any promise other than none.
	Model Model `yaml:"model,omitempty" json:"model,omitempty"`
}

// Network is how pods of different clusters reach each other.
type Network struct {
	Mode string `yaml:"mode,omitempty" json:"mode,omitempty"` // flat | hostNetwork | loadBalancer | mcs | cilium | istio
}

// TLS is where the database's certificates come from.
type TLS struct {
	Mode string `yaml:"mode,omitempty" json:"mode,omitempty"` // builtin | cert-manager | secret | disabled
}

// Locality is how a replica learns its zone: from its pod's label, which the API server copies from the
// node (Kubernetes 1.35, KEP-4742), or from a StatefulSet of its zone's own. It is chosen before the first
// installation, since it names the pods.
type Locality struct {
	Zone string `yaml:"zone,omitempty" json:"zone,omitempty"` // podLabel | statefulSetPerZone | none
}

// DNS is the zone in which every replica has a name, and who serves it.
type DNS struct {
	Zone string `yaml:"zone,omitempty" json:"zone,omitempty"` // in lower case, without a final dot
	TTL  string `yaml:"ttl,omitempty" json:"ttl,omitempty"`   // a Go duration of whole seconds
	// Publish lists what makes the records true.
	Publish []Publisher `yaml:"publish,omitempty" json:"publish,omitempty"`
	// Authorities are the standing name servers (host:port) that quorate itself
	// asks before it counts a replica as ready. Without them an apply serves the zone
	// from its own process, which counts in a sandbox alone.
	Authorities []string `yaml:"authorities,omitempty" json:"authorities,omitempty"`
}

// Publisher is one way to publish the zone; exactly one field is set.
type Publisher struct {
	Serve   *ServePublisher   `yaml:"serve,omitempty" json:"serve,omitempty"`
	RFC2136 *RFC2136Publisher `yaml:"rfc2136,omitempty" json:"rfc2136,omitempty"`
}

// ServePublisher is quorate's own authoritative server: one that stands somewhere and
// listens on an address, one inside every cluster, or both.
type ServePublisher struct {
	Listen    string          `yaml:"listen,omitempty" json:"listen,omitempty"` // host:port
	InCluster *InClusterServe `yaml:"inCluster,omitempty" json:"inCluster,omitempty"`
}

// InClusterServe is the authority that runs in every cluster: two replicas behind a Service
// with the fixed ClusterIPs that the cluster's dnsServers name. See AuthorityInCluster.
type InClusterServe struct {
	// Image is quorate's own image, with a tag or digest.
	Image string `yaml:"image,omitempty" json:"image,omitempty"`
	// Forwarder is an image of CoreDNS, with a tag or digest: it stands in front and passes on
	// what is outside the zone to the cluster's own DNS.
	Forwarder string `yaml:"forwarder,omitempty" json:"forwarder,omitempty"`
	// PodDNS is how the database's pods get there: dnsConfig (the default), by a dnsConfig of
	// their own, or stubDomain, by the cluster's DNS, which the user makes forward the zone.
	PodDNS string `yaml:"podDNS,omitempty" json:"podDNS,omitempty"`
	// PriorityClassName is the PriorityClass of the authority's pods, which every cluster must have;
	// empty: the cluster's default.
	PriorityClassName string `yaml:"priorityClassName,omitempty" json:"priorityClassName,omitempty"`
}

// RFC2136Publisher updates an existing primary by DNS UPDATE (RFC 2136). Its keys are named here and never written
// here: they come from files or from the environment.
type RFC2136Publisher struct {
	// Server is the primary itself, host:port: it takes the updates, and is asked what the zone holds.
	Server string `yaml:"server,omitempty" json:"server,omitempty"`
	// Zone is the zone on that server, spec.dns.zone or a parent of it; default: spec.dns.zone.
	Zone string `yaml:"zone,omitempty" json:"zone,omitempty"`
	// KeyName is the name of the TSIG key (RFC 8945) as the server knows it.
	KeyName string `yaml:"keyName,omitempty" json:"keyName,omitempty"`
	// KeyFile holds the secret, as BIND or Knot write it; relative to the topology file.
	KeyFile string `yaml:"keyFile,omitempty" json:"keyFile,omitempty"`
	// KeyEnv is the environment variable that holds the secret, instead of a file.
	KeyEnv string `yaml:"keyEnv,omitempty" json:"keyEnv,omitempty"`
	// Algorithm is that of the keys; default: as their files say, else hmac-sha256.
	Algorithm string `yaml:"algorithm,omitempty" json:"algorithm,omitempty"`
	// TransferKeyName, with TransferKeyFile or TransferKeyEnv, is the key for reading the zone; default: the key for updates.
	TransferKeyName string `yaml:"transferKeyName,omitempty" json:"transferKeyName,omitempty"`
	TransferKeyFile string `yaml:"transferKeyFile,omitempty" json:"transferKeyFile,omitempty"` // relative to the topology file
	TransferKeyEnv  string `yaml:"transferKeyEnv,omitempty" json:"transferKeyEnv,omitempty"`   // an environment variable
	// Transfer is how the zone is read: axfr reads it whole, and query asks for the names of the topology
	// alone, where the server refuses transfers; records that fell out of the topology are then not seen.
	Transfer string `yaml:"transfer,omitempty" json:"transfer,omitempty"`
	// ReverseZones are zones below in-addr.arpa or ip6.arpa on the same server, in which each replica's address gets a PTR record.
	ReverseZones []string `yaml:"reverseZones,omitempty" json:"reverseZones,omitempty"`
}

// Rollout orders and paces a run.
type Rollout struct {
	Order          []string `yaml:"order,omitempty" json:"order,omitempty"`                   // region names; default: as listed
	MaxUnavailable int      `yaml:"maxUnavailable,omitempty" json:"maxUnavailable,omitempty"` // replicas, across all clusters
	Canary         Canary   `yaml:"canary,omitempty" json:"canary,omitzero"`
	Soak           string   `yaml:"soak,omitempty" json:"soak,omitempty"`       // a Go duration between replicas
	Timeout        string   `yaml:"timeout,omitempty" json:"timeout,omitempty"` // a Go duration, the deadline of each wait
	// GateInterval is the time between the two looks of the database gate, a Go
	// duration; empty: the profile's.
	GateInterval string `yaml:"gateInterval,omitempty" json:"gateInterval,omitempty"`
}

// Canary is the first part of an update, watched for longer.
type Canary struct {
	Replicas int    `yaml:"replicas" json:"replicas,omitempty"`   // 0, when written, means no canary
	Soak     string `yaml:"soak,omitempty" json:"soak,omitempty"` // a Go duration
}

// Region holds the clusters of one region.
type Region struct {
	Name     string    `yaml:"name" json:"name"`         // a DNS label, unique among regions and clusters
	Clusters []Cluster `yaml:"clusters" json:"clusters"` // at least one
}

// Cluster is one Kubernetes cluster.
type Cluster struct {
	Name      string `yaml:"name" json:"name"`                               // a DNS label, unique among regions and clusters
	Context   string `yaml:"context,omitempty" json:"context,omitempty"`     // kubeconfig context; default: the cluster's name
	Namespace string `yaml:"namespace,omitempty" json:"namespace,omitempty"` // default: the deployment's
	Replicas  int    `yaml:"replicas,omitempty" json:"replicas,omitempty"`   // in this cluster
	// Pools gives the replicas of each StatefulSet, instead of Replicas, for
	// profiles with several.
	Pools map[string]int `yaml:"pools,omitempty" json:"pools,omitempty"`
	Zones []string       `yaml:"zones,omitempty" json:"zones,omitempty"` // the nodes' label topology.kubernetes.io/zone
	// DNSServers are fixed ClusterIPs of the authority, for pods that use it directly: those of
	// its Service, at most one for each IP family, where the authority runs inside the cluster.
	DNSServers []string `yaml:"dnsServers,omitempty" json:"dnsServers,omitempty"`
	// PodCIDRs are the ranges of the pods' addresses; the authority inside the cluster
	// answers these alone.
	PodCIDRs []string `yaml:"podCIDRs,omitempty" json:"podCIDRs,omitempty"`
	// APIServer is the URL at which the other clusters' authorities reach this cluster's API
	// server; empty: the server of the kubeconfig.
	APIServer string `yaml:"apiServer,omitempty" json:"apiServer,omitempty"`
}
