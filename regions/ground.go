package regions

import "time"

// Ground is what a cluster offers to a deployment: what preflight judges. Quantities are in the smallest
// unit that counts: milli-cores of CPU, bytes of memory and storage.
type Ground struct {
	Cluster        string
	ServerVersion  string
	StorageClasses []StorageClass // by name
	Nodes          []NodeRoom     // schedulable and ready ones, by name
	Quotas         []Quota        // of the namespace, by name and resource
	Limits         []Limit        // of the namespace's LimitRanges, for containers
	// Clock is the API server's clock minus ours, give or take ClockError.
	Clock, ClockError time.Duration
	// NotLooked is what could not be looked at for want of rights, sorted: "nodes", "pods of all namespaces",
	// "storage classes", "quotas", "limit ranges".
	NotLooked []string
}

// StorageClass is one storage.k8s.io/v1 StorageClass.
type StorageClass struct {
	Name, Provisioner string
	Default           bool // annotation storageclass.kubernetes.io/is-default-class
	Expandable        bool // allowVolumeExpansion
	LateBinding       bool // volumeBindingMode WaitForFirstConsumer
}

// NodeRoom is a node and what its pods leave free: allocatable minus what is requested.
type NodeRoom struct {
	Name, Zone string
	PodCIDRs   []string
	CPU        int64 // milli-cores
	Memory     int64 // bytes
	Pods       int64
}

// Quota is one resource of a ResourceQuota, in milli-units for anything of CPU and units otherwise.
type Quota struct {
	Name, Resource string
	Hard, Used     int64
}

// Limit is what a LimitRange says of one resource of a container; nil: nothing. Units as in Quota.
type Limit struct {
	Name, Resource string
	Min, Max       *int64
}
