package regions

import "time"

// ClusterState is what one cluster was seen to hold of the deployment, at one
// moment. Everything in it comes from that cluster's API server alone.
type ClusterState struct {
	Cluster       string
	Region        string
	ServerVersion string // such as v1.37.2
	UID           string // the UID of namespace kube-system: the cluster's identity
	Sandbox       bool   // the cluster carries the sandbox's mark: nothing in it is real
	Namespace     string
	// NamespaceExists is false before the first installation.
	NamespaceExists bool
	StatefulSets    []StatefulSetState // by name
	Pods            []PodState         // by pool, then ordinal
	Claims          []ClaimState       // by name
	Nodes           []NodeState        // by name; empty where nodes may not be listed
	Record          Record
	Lease           *LeaseState // nil: nobody ever held it
	// Authority is what the cluster holds of the authority inside it; nil where the
	// topology has none inside, or it was not looked at (a watch does not).
	Authority *AuthorityState
	// Neighbours are the other deployments that have a record in this cluster, by
	// namespace and name.
	Neighbours []Neighbour
	// ElsewhereNamespaces are other namespaces of this cluster that hold a record of
	// the same deployment, sorted: the topology's namespace was changed.
	ElsewhereNamespaces []string
	// NotLooked is what could not be looked at, for want of rights, in words for
	// people, sorted: NotLookedElsewhere, "nodes". What is listed here is not known to be absent.
	NotLooked []string
	// ZoneCopy tells whether the API server copies a node's zone to the pods that are bound to it;
	// empty where that was not asked, or could not be found out.
	ZoneCopy ZoneCopy
	// ZoneCopyUnknown is why that could not be found out; empty where it was, or was not asked.
	ZoneCopyUnknown string
	// Seen are the resource versions up to which each resource was seen
	// (pods, statefulsets, …): what a later write was decided on.
	Seen map[string]string
}

// ZoneCopy is whether an API server copies topology.kubernetes.io/zone from a node to its pods (KEP-4742,
// admission plugin PodTopologyLabels, feature gate PodTopologyLabelsAdmission, on by default from 1.35).
type ZoneCopy string

// What an API server does with a node's zone.
const (
	ZoneCopied    ZoneCopy = "copied"
	ZoneNotCopied ZoneCopy = "not copied"
)

// NotLookedElsewhere stands in ClusterState.NotLooked where ElsewhereNamespaces could
// not be found out.
const NotLookedElsewhere = "records in other namespaces"

// StatefulSetState is one pool's StatefulSet.
type StatefulSetState struct {
	Name               string
	UID                string
	ResourceVersion    string
	Generation         int64
	ObservedGeneration int64 // 0: the controller has not reported yet
	Replicas           int   // spec.replicas
	Partition          int   // spec.updateStrategy.rollingUpdate.partition; 0 where absent
	OnDelete           bool  // updateStrategy is OnDelete
	Parallel           bool  // podManagementPolicy is Parallel
	CurrentRevision    string
	UpdateRevision     string
	AvailableReplicas  int
	ReadyReplicas      int
	MinReadySeconds    int
	// Revisions are the ControllerRevisions that the set owns: name → pod template as JSON-like value.
	Revisions []Revision
	// ReplicasManagers and PartitionManagers are the field managers that own each field, sorted.
	ReplicasManagers  []string
	PartitionManagers []string
	// ReplicasTime is when the last of ReplicasManagers wrote; zero where that is not told.
	ReplicasTime time.Time
}

// Revision is one ControllerRevision of a StatefulSet.
type Revision struct {
	Name     string
	Number   int64
	Template map[string]any // spec.template as the API server stores it
}

// PodState is one replica's pod.
type PodState struct {
	ID              ReplicaID
	UID             string
	ResourceVersion string
	Revision        string // label controller-revision-hash
	Phase           string // Pending, Running, Succeeded, Failed
	Ready           bool
	ReadySince      time.Time
	Terminating     bool
	IPs             []string
	Node            string
	Zone            string // label topology.kubernetes.io/zone of the pod (KEP-4742), else of its node
	Image           string // of the database's container
	Restarts        int
	// Waiting says why the pod is not running, such as ImagePullBackOff or
	// CrashLoopBackOff, or Unschedulable; empty where nothing is known to be wrong.
	Waiting        string
	WaitingMessage string
}

// Running tells whether the pod's containers run and it is not being deleted.
func (p PodState) Running() bool { return p.Phase == "Running" && !p.Terminating && p.Waiting == "" }

// Up tells whether the replica serves: running, ready and not being deleted.
func (p PodState) Up() bool { return p.Running() && p.Ready }

// ClaimState is one PersistentVolumeClaim of a replica.
type ClaimState struct {
	Name  string
	UID   string
	Phase string // Pending, Bound, Lost
}

// NodeState is one schedulable node.
type NodeState struct {
	Name   string
	Zone   string // label topology.kubernetes.io/zone
	Region string // label topology.kubernetes.io/region
	Ready  bool
}

// LeaseState is the Lease that keeps a second run out of a cluster
// (coordination.k8s.io/v1).
type LeaseState struct {
	Holder          string // empty: released
	HolderInfo      string // host, command and start of the holder, for people
	RenewTime       time.Time
	DurationSeconds int
	Transitions     int
	ResourceVersion string
}

// Record is what quorate wrote down in the cluster: one ConfigMap a cluster.
type Record struct {
	Exists    bool
	Inventory []ObjectRef       // every object that quorate owns in this cluster, sorted
	Clusters  map[string]string // every cluster of the deployment → its UID
	Database  DatabaseRecord
}

// DatabaseRecord is what is known of the database's one initialisation.
type DatabaseRecord struct {
	// Intent is set before init is run, so that a crash between init and its
	// record is known: the run's ID and the slot-0 replica it chose.
	IntentRun     string `json:"intentRun,omitempty"`
	IntentReplica string `json:"intentReplica,omitempty"`
	// ClusterID is the database's own cluster ID, recorded after init.
	ClusterID string `json:"clusterID,omitempty"`
	// Installed is the run that ended the first installation, for databases
	// without a cluster ID of their own too.
	Installed string `json:"installed,omitempty"`
	// Zone is the DNS zone in which the replicas advertise their names.
	Zone string `json:"zone,omitempty"`
	// Slots are the replicas behind the seed names, slot 0 first.
	Slots []ReplicaID `json:"slots,omitempty"`
	// Unverified is the run that began to take replicas down, or to add some, and has not made
	// sure of the database since; empty where that is done.
	Unverified string `json:"unverified,omitempty"`
	// Released are the pools of this cluster whose partition was handed back, sorted. One
	// whose partition has its owner again is not released, whatever stands here.
	Released []string `json:"released,omitempty"`
}

// Neighbour is another deployment in the same cluster.
type Neighbour struct {
	Deployment string
	Namespace  string
	Zone       string // empty where its record does not say
}

// ObjectRef names one Kubernetes object.
type ObjectRef struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// String is kind/name, with the namespace where there is one.
func (r ObjectRef) String() string {
	if r.Namespace == "" {
		return r.Kind + "/" + r.Name
	}
	return r.Kind + "/" + r.Namespace + "/" + r.Name
}

// Compare orders references by namespace, kind, name, API version.
func (r ObjectRef) Compare(other ObjectRef) int {
	return compareStrings(
		[2]string{r.Namespace, other.Namespace}, [2]string{r.Kind, other.Kind},
		[2]string{r.Name, other.Name}, [2]string{r.APIVersion, other.APIVersion})
}

// ObjectState is one object of an overlay beside what the cluster holds of it.
type ObjectState struct {
	Ref ObjectRef
	// Live is the object in the cluster, nil where it does not exist. Secrets'
	// values are replaced by a digest before they get here.
	Live map[string]any
	// After is what the API server says the object would become (a server-side
	// dry run), or the desired object itself where no dry run could be had.
	After map[string]any
	// ClientSide is set, with the reason, where no dry run could be had (a missing
	// namespace, a missing permission, a webhook with side effects).
	ClientSide string
	// Conflicts are fields that other managers own with other values.
	Conflicts []FieldConflict
	// Shared are managers which own fields of ours with the same values: an ownership question only.
	Shared []string
	// Rejected is the API server's refusal (an immutable field, an invalid value).
	Rejected string
}

// FieldConflict is one field that another manager holds at another value.
type FieldConflict struct {
	Manager string
	Field   string
	// Time is when the manager wrote last, as managedFields tells; zero where it does not.
	Time time.Time
}

// RecordName is the name of the record's ConfigMap, and of the Lease that keeps a second run out, in
// every cluster.
func RecordName(deployment string) string { return "quorate-" + deployment }
