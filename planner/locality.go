package planner

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"quorate.dev/quorate/regions"
)

// podLabelVersion is the first Kubernetes whose API server copies a node's zone
// and region labels to the pod at binding by default (KEP-4742).
const podLabelVersion = "v1.35"

// checkLocality: a missing label would come out as an empty zone without an error.
func (b *builder) checkLocality(s site) {
	switch {
	case b.in.Topology.SetPerZone():
		b.noteUnmannedZones(s)
		return
	case b.in.Topology.Spec.Locality.Zone != "podLabel":
		return
	}
	b.checkVersion(s)
	b.checkZoneCopy(s)
	var unlabelled []string
	for _, n := range s.obs.State.Nodes {
		if n.Zone == "" {
			unlabelled = append(unlabelled, n.Name)
		}
	}
	if len(unlabelled) > 0 {
		b.refuse(Refusal{
			Code: "zone-label-missing", Cluster: s.cluster.Name,
			Message: fmt.Sprintf("%s: nodes without label topology.kubernetes.io/zone: %s", s.cluster.Name, strings.Join(unlabelled, ", ")),
			Hint:    "label the nodes; a replica there would start with an empty zone",
		})
	}
	b.noteZones(s)
}

// tooOld tells whether a server is of a version that copies no zones. Major and minor alone are
// compared: what a provider appends (v1.35.0-gke.100) would read as a pre-release.
func tooOld(version string) bool {
	return semver.IsValid(version) && semver.Compare(semver.MajorMinor(version), podLabelVersion) < 0
}

func (b *builder) checkVersion(s site) {
	version := s.obs.State.ServerVersion
	switch {
	case tooOld(version):
		b.refuse(Refusal{
			Code: "server-too-old", Cluster: s.cluster.Name,
			Message: fmt.Sprintf("%s runs Kubernetes %s; locality.zone podLabel needs %s or newer (KEP-4742): before, a pod is not told the zone of its node, and every replica would start with an empty one",
				s.cluster.Name, version, podLabelVersion),
			Hint: "upgrade the cluster, or " + s.otherLocality(),
		})
	case !semver.IsValid(version) && s.obs.State.ZoneCopy == "":
		b.note(fmt.Sprintf("%s: server version %q could not be read; make sure that it is Kubernetes %s or newer, since replicas would start with an empty zone on an older one (KEP-4742)",
			s.cluster.Name, version, podLabelVersion))
	}
}

// checkZoneCopy: a server that is new enough may have the feature switched off.
func (b *builder) checkZoneCopy(s site) {
	state := s.obs.State
	switch {
	case tooOld(state.ServerVersion):
	case state.ZoneCopy == regions.ZoneNotCopied:
		b.refuse(Refusal{
			Code: "zone-not-copied", Cluster: s.cluster.Name,
			Message: fmt.Sprintf("%s: the API server (%s) does not copy the zone of a node to its pods, which locality.zone podLabel needs (KEP-4742): feature gate PodTopologyLabelsAdmission or admission plugin PodTopologyLabels is off, and every replica would start with an empty zone",
				s.cluster.Name, state.ServerVersion),
			Hint: "switch both on in the API server, or " + s.otherLocality(),
		})
	case state.ZoneCopyUnknown != "":
		b.note(fmt.Sprintf("%s: whether the API server copies the zone of a node to its pods could not be found out (%s); it does from Kubernetes %s on unless feature gate PodTopologyLabelsAdmission is off",
			s.cluster.Name, state.ZoneCopyUnknown, podLabelVersion))
	}
}

// otherLocality is what to write instead of podLabel.
func (s site) otherLocality() string {
	if s.obs.State.Record.Exists || len(s.obs.State.StatefulSets) > 0 {
		return "set locality.zone to none; statefulSetPerZone would rename every pod and is for a first installation alone"
	}
	return "write locality: {zone: statefulSetPerZone} now, before the first installation: it names the pods and cannot be changed afterwards"
}

func (b *builder) noteZones(s site) {
	if len(s.obs.State.Nodes) == 0 {
		b.note(s.cluster.Name + ": nodes could not be listed, so zones are taken as declared")
		return
	}
	for _, zone := range s.cluster.Zones {
		if !s.hasNodeIn(zone) {
			b.note(fmt.Sprintf("%s: no node is in declared zone %s", s.cluster.Name, zone))
		}
	}
}

// noteUnmannedZones: a set that is pinned to a zone waits until there is a node.
func (b *builder) noteUnmannedZones(s site) {
	if len(s.obs.State.Nodes) == 0 {
		b.note(s.cluster.Name + ": nodes could not be listed, so whether every zone has one is not known")
		return
	}
	for _, size := range b.in.Topology.Pools(s.cluster) {
		if size.Replicas > 0 && !s.hasNodeIn(size.Zone) {
			b.note(fmt.Sprintf("%s: no node has label topology.kubernetes.io/zone=%s, to which the pods of StatefulSet %s are pinned: %s there until one has", s.cluster.Name, size.Zone, size.Name, waits(size.Replicas)))
		}
	}
}

func waits(n int) string {
	if n == 1 {
		return "1 replica waits"
	}
	return fmt.Sprintf("%d replicas wait", n)
}

func (s site) hasNodeIn(zone string) bool {
	return slices.ContainsFunc(s.obs.State.Nodes, func(n regions.NodeState) bool { return n.Zone == zone })
}
