package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// refuseUnsafe holds what may never run, whatever the steps would be.
func (b *builder) refuseUnsafe() {
	for _, s := range b.sites {
		b.refuseShapes(s)
	}
	if b.in.Offline {
		return
	}
	b.refuseDroppedClusters()
	b.refuseChangedMembers()
	b.refuseNoAuthority()
	b.plan.Refusals = append(b.plan.Refusals, WrongClusters(b.in.Topology, b.in.states())...)
	for _, s := range b.sites {
		if s.silent() {
			continue
		}
		b.refuseMovedNamespace(s)
		b.refuseEmptiedMembers(s)
		b.refuseMovedZone(s)
		b.refuseNeighbours(s)
		b.refuseDroppedObjects(s)
		b.refuseScaleIn(s)
		b.refuseOnDelete(s)
		if !b.refuseMovedLocality(s) {
			b.checkLocality(s)
		}
		b.noteHistory(s)
		b.checkNotLooked(s)
	}
}

// refuseDroppedClusters: a cluster that any record knows and the topology does
// not. Taking it out of the file would leave its replicas running and unmanaged.
func (b *builder) refuseDroppedClusters() {
	known := map[string]bool{}
	for _, state := range b.in.states() {
		for name := range state.Record.Clusters {
			known[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if slices.ContainsFunc(b.sites, func(s site) bool { return s.cluster.Name == name }) {
			continue
		}
		b.refuse(Refusal{
			Code: "dropped-cluster", Cluster: name,
			Message: fmt.Sprintf("cluster %q holds replicas of %s and is missing from the topology", name, b.plan.Deployment),
			Hint:    "put it back; removing a region is an operation of its own, never an edit of the file",
		})
	}
}

func (b *builder) refuseNoAuthority() {
	if len(b.in.Topology.NameServers()) > 0 || b.in.Topology.AuthorityInCluster() != nil {
		return
	}
	for _, s := range b.sites {
		if !s.silent() && !s.obs.State.Sandbox {
			b.refuse(Refusal{
				Code: "no-authority", Cluster: s.cluster.Name,
				Message: "the topology names no standing authority (spec.dns.authorities), and the clusters are no sandbox: nobody but this process would answer for the replicas' names",
				Hint:    "let one run inside every cluster (spec.dns.publish.serve.inCluster), have a primary of yours updated (spec.dns.publish.rfc2136), or run `quorate dns serve` where the pods can reach it and list its address under spec.dns.authorities",
			})
			return
		}
	}
}

// neighbours are the other sites of the topology that live in the same Kubernetes cluster.
func (b *builder) neighbours(s site) []site {
	return slices.DeleteFunc(slices.Clone(b.sites), func(o site) bool {
		return o.cluster.Name == s.cluster.Name || s.obs.State.UID == "" || o.obs.State.UID != s.obs.State.UID
	})
}

func (b *builder) refuseMovedNamespace(s site) {
	state := s.obs.State
	elsewhere := slices.DeleteFunc(slices.Clone(state.ElsewhereNamespaces), func(namespace string) bool {
		return slices.ContainsFunc(b.neighbours(s), func(o site) bool { return o.cluster.Namespace == namespace })
	})
	if state.Record.Exists || len(elsewhere) == 0 {
		return
	}
	b.refuse(Refusal{
		Code: "dropped-namespace", Cluster: s.cluster.Name,
		Message: fmt.Sprintf("%s: the deployment runs in namespace %s, and the topology now says %s",
			s.cluster.Name, strings.Join(elsewhere, ", "), s.cluster.Namespace),
		Hint: "put the namespace back; moving a database between namespaces is no rollout",
	})
}

// refuseDroppedObjects: what holds data, or all of it, is never pruned.
func (b *builder) refuseDroppedObjects(s site) {
	for _, ref := range s.dropped() {
		if !holdsData(ref) || b.isFormerSet(ref) {
			continue
		}
		b.refuse(Refusal{
			Code: "dropped-" + strings.ToLower(ref.Kind), Cluster: s.cluster.Name,
			Message: fmt.Sprintf("%s: %s is owned by %s and is missing from the overlay", s.cluster.Name, ref, b.plan.Deployment),
			Hint:    "put it back; an edit of the file never removes what holds data",
		})
	}
}

// dropped are the owned objects that the overlay no longer has.
func (s site) dropped() []regions.ObjectRef {
	desired := s.desiredRefs()
	var out []regions.ObjectRef
	for _, ref := range s.obs.State.Record.Inventory {
		if !slices.ContainsFunc(desired, func(d regions.ObjectRef) bool { return sameObject(d, ref) }) {
			out = append(out, ref)
		}
	}
	return out
}

// sameObject ignores the API version, which may be served under several.
func sameObject(a, b regions.ObjectRef) bool {
	return a.Kind == b.Kind && a.Namespace == b.Namespace && a.Name == b.Name && group(a) == group(b)
}

func group(ref regions.ObjectRef) string {
	g, _, found := strings.Cut(ref.APIVersion, "/")
	if !found {
		return ""
	}
	return g
}

func holdsData(ref regions.ObjectRef) bool {
	switch ref.Kind {
	case "StatefulSet", "Namespace", "PersistentVolumeClaim", "PersistentVolume":
		return true
	}
	return false
}

// refuseShapes: desired StatefulSets that a partition-driven rollout cannot move.
func (b *builder) refuseShapes(s site) {
	for _, object := range s.desired {
		ref := RefOf(object)
		if ref.Kind != "StatefulSet" {
			continue
		}
		if !slices.ContainsFunc(s.pools, func(p pool) bool { return p.name == ref.Name }) {
			b.refuse(Refusal{
				Code: "unlisted-statefulset", Cluster: s.cluster.Name,
				Message: fmt.Sprintf("%s: the overlay has StatefulSet %s, which is no pool of this cluster", s.cluster.Name, ref.Name),
				Hint:    "list it with its replicas under the cluster's pools",
			})
		}
		if strategy := updateStrategy(object); strategy != "" && strategy != "RollingUpdate" {
			b.refuse(Refusal{
				Code: "update-strategy", Cluster: s.cluster.Name,
				Message: fmt.Sprintf("%s: the overlay's StatefulSet %s has updateStrategy %s", s.cluster.Name, ref.Name, strategy),
				Hint:    "set updateStrategy.type to RollingUpdate in the base, or leave it out: quorate moves the partition",
			})
		}
	}
}

func updateStrategy(set map[string]any) string {
	spec, _ := set["spec"].(map[string]any)
	strategy, _ := spec["updateStrategy"].(map[string]any)
	text, _ := strategy["type"].(string)
	return text
}

// refuseOnDelete: a partition cannot be held on a live set that is OnDelete, and
// giving it RollingUpdate without one would let its controller go at once.
func (b *builder) refuseOnDelete(s site) {
	for _, p := range s.pools {
		if p.live == nil || !p.live.OnDelete {
			continue
		}
		b.refuse(Refusal{
			Code: "update-strategy", Cluster: s.cluster.Name,
			Message: fmt.Sprintf("%s: StatefulSet %s has updateStrategy OnDelete", s.cluster.Name, p.name),
			Hint: fmt.Sprintf(`quorate moves the partition of a RollingUpdate; change both at once: kubectl --context %s -n %s patch statefulset %s --type merge -p '{"spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":%d}}}}'`,
				s.cluster.Context, s.cluster.Namespace, p.name, p.live.Replicas),
		})
	}
}
