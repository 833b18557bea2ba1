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
	if b.in.Topology.Spec.Locality.Zone != "podLabel" {
		return
	}
	b.checkVersion(s)
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

// checkVersion compares major and minor alone: what a provider appends
// (v1.35.0-gke.100) would read as a pre-release.
func (b *builder) checkVersion(s site) {
	version := s.obs.State.ServerVersion
	switch {
	case !semver.IsValid(version):
		b.note(fmt.Sprintf("%s: server version %q could not be read; make sure that it is Kubernetes %s or newer, since replicas would start with an empty zone on an older one (KEP-4742)",
			s.cluster.Name, version, podLabelVersion))
	case semver.Compare(semver.MajorMinor(version), podLabelVersion) < 0:
		b.refuse(Refusal{
			Code: "server-too-old", Cluster: s.cluster.Name,
			Message: fmt.Sprintf("%s runs Kubernetes %s; locality.zone podLabel needs %s or newer (KEP-4742)", s.cluster.Name, version, podLabelVersion),
			Hint:    "upgrade the cluster, or set locality.zone to none",
		})
	}
}

func (b *builder) noteZones(s site) {
	if len(s.obs.State.Nodes) == 0 {
		b.note(s.cluster.Name + ": nodes could not be listed, so zones are taken as declared")
		return
	}
	for _, zone := range s.cluster.Zones {
		if !slices.ContainsFunc(s.obs.State.Nodes, func(n regions.NodeState) bool { return n.Zone == zone }) {
			b.note(fmt.Sprintf("%s: no node is in declared zone %s", s.cluster.Name, zone))
		}
	}
}
