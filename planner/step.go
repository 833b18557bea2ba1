package planner

import "quorate.dev/quorate/regions"

// Kind is what a step does. The enum is closed.
type Kind string

// The kinds of a step. Those of later work (approve, fault, heal, dns) are part
// of the format but made by nothing yet.
const (
	KindNamespace Kind = "namespace" // create a namespace
	KindApply     Kind = "apply"     // server-side apply of a cluster's objects
	// KindCredentials lets the authority inside one cluster watch the others.
	KindCredentials Kind = "credentials"
	KindDNS         Kind = "dns"        // publish record changes
	KindVerifyDNS   Kind = "verify-dns" // the authority answers every named replica rightly
	KindInit        Kind = "init"       // initialise the database, once
	KindPartition   Kind = "partition"  // move a StatefulSet's partition: update one replica, or hold all
	KindReplace     Kind = "replace"    // delete pods that are down, so that the controller makes them anew
	KindWait        Kind = "wait"       // wait for replicas to be running or ready
	KindProbe       Kind = "probe"      // the database's own health, over all clusters
	KindSoak        Kind = "soak"       // stay healthy for a while
	KindScale       Kind = "scale"      // raise a StatefulSet's replicas
	KindRetire      Kind = "retire"     // delete objects that fell out of the overlay
	KindHook        Kind = "hook"       // run a hook of the profile that changes no replica
	KindApprove     Kind = "approve"
	KindFault       Kind = "fault"
	KindHeal        Kind = "heal"
)

// Kinds lists the closed enum.
func Kinds() []Kind {
	return []Kind{
		KindNamespace, KindApply, KindCredentials, KindDNS, KindVerifyDNS, KindInit, KindPartition, KindReplace, KindWait,
		KindProbe, KindSoak, KindScale, KindRetire, KindHook, KindApprove, KindFault, KindHeal,
	}
}

// Step is one thing to do. Steps form a DAG by Needs, listed in an order that
// respects it.
type Step struct {
	ID      string   `json:"id"` // unique, such as use1/partition/bank-2
	Kind    Kind     `json:"kind"`
	Cluster string   `json:"cluster,omitempty"` // empty: all clusters
	Region  string   `json:"region,omitempty"`
	Needs   []string `json:"needs,omitempty"`
	// Disrupts are the replicas that the step takes down for a while.
	Disrupts []regions.ReplicaID `json:"disrupts,omitempty"`
	// Exposure is what survives while the step runs: of every disruptive step, and of
	// those between them in which all replicas are up (probe, soak).
	Exposure *regions.Exposure `json:"exposure,omitempty"`
	Summary  string            `json:"summary"`
	Why      string            `json:"why,omitempty"`
	Payload  Payload           `json:"payload,omitzero"`
}

// Disruptive tells whether the step takes a replica down.
func (s Step) Disruptive() bool { return len(s.Disrupts) > 0 }

// Payload is what the engine needs to run a step. Each kind uses a few fields;
// objects are named, never carried, so that no secret gets into a plan.
type Payload struct {
	Objects   []regions.ObjectRef `json:"objects,omitempty"`   // namespace, apply, retire
	TakeOver  []regions.ObjectRef `json:"takeOver,omitempty"`  // apply: objects whose equal-valued fields others own
	Force     []ForcedObject      `json:"force,omitempty"`     // apply: objects of which values of named managers are overwritten
	Pool      string              `json:"pool,omitempty"`      // partition, scale, replace
	Replicas  *int                `json:"replicas,omitempty"`  // scale: the new count
	Partition *int                `json:"partition,omitempty"` // partition: the new partition
	Ordinal   *int                `json:"ordinal,omitempty"`   // partition: the replica it updates; absent: a hold
	Targets   []regions.ReplicaID `json:"targets,omitempty"`   // wait, verify-dns, init, replace
	Condition Condition           `json:"condition,omitempty"` // wait, scale, partition, replace, verify-dns: what ends the step
	Duration  string              `json:"duration,omitempty"`  // soak, probe: a Go duration
	Hook      string              `json:"hook,omitempty"`      // hook: which one, such as HookClusterID
	// Peers are, for credentials, the clusters for which tokens are issued. The tokens
	// themselves go straight to their Secret. What is held for clusters outside the
	// topology is withdrawn in any case.
	Peers []string `json:"peers,omitempty"`
	// Release hands the partition back for good; TakeBack ends that (partition).
	Release  bool `json:"release,omitempty"`
	TakeBack bool `json:"takeBack,omitempty"`
}

// HookClusterID is the hook that reads the database's own ID; its step records it.
const HookClusterID = "clusterID"

// Condition is what a wait waits for.
type Condition string

// The conditions of a wait.
const (
	ConditionRunning Condition = "running" // containers run, volumes are bound; readiness may need more
	ConditionReady   Condition = "ready"   // ready, available, volumes bound, named rightly by the authority
	ConditionSettled Condition = "settled" // the controller counts every replica as updated
	// ConditionStanding is of the authority inside the step's cluster: all of its replicas
	// are ready at their newest template and answer for the zone.
	ConditionStanding Condition = "standing"
)
