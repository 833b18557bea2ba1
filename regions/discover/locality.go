package discover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"quorate.dev/quorate/regions"
)

// podLabelVersion is the first Kubernetes that copies the zone of a node to its pods by default (KEP-4742).
const podLabelVersion = "v1.35"

// The ways of locality.zone.
const (
	byPodLabel = "podLabel"
	bySet      = "statefulSetPerZone"
	byNothing  = "none"
)

// locality is the way by which replicas learn their zone, and why.
type locality struct{ way, why string }

// chooseLocality takes the pods' label where every cluster gives it; else a StatefulSet for each zone, where all
// zones are known and can be part of a StatefulSet's name; else nothing.
func (b *builder) chooseLocality() {
	old, bare := b.firstOld(), b.firstBare()
	const unlabelled = "%s has nodes without the label topology.kubernetes.io/zone: label them, then write %s."
	switch {
	case old == nil && bare == nil:
		b.locality = locality{byPodLabel, fmt.Sprintf("Every cluster runs Kubernetes %s or newer and its nodes say their zones, which reach the pods as a label (KEP-4742).", podLabelVersion)}
	case old == nil:
		b.locality = locality{byNothing, fmt.Sprintf(unlabelled, bare.Cluster, byPodLabel)}
	default:
		reason := fmt.Sprintf("%s runs %s; the zone reaches a pod as a label from Kubernetes %s on (KEP-4742), so ",
			old.Cluster, cmp.Or(old.Version, "an unknown version"), podLabelVersion)
		b.locality = b.withoutLabel(bare, unlabelled)
		b.locality.why = reason + b.locality.why
	}
}

// withoutLabel is the way where some server copies no label. The names of its pods stay for ever, which
// whoever reads the file has to know before the first apply.
func (b *builder) withoutLabel(bare *Found, unlabelled string) locality {
	const unknowing = "replicas do not know their zones. "
	if b.choices.Profile == "generic" {
		return locality{byNothing, unknowing + "Pin your own StatefulSets to zones in the base, if the database is to know them."}
	}
	if bare != nil {
		return locality{byNothing, unknowing + fmt.Sprintf(unlabelled, bare.Cluster, bySet)}
	}
	for _, f := range b.found {
		if len(f.Zones) == 0 {
			return locality{byNothing, unknowing + fmt.Sprintf("The zones of %s are not known: list them under zones, then write %s.", f.Cluster, bySet)}
		}
	}
	if message := b.misfit(); message != "" {
		return locality{byNothing, unknowing + fmt.Sprintf("A StatefulSet for each zone (%s) cannot be: %s.", bySet, message)}
	}
	return locality{bySet, "each zone gets a StatefulSet of its own, pinned to it, in which the replicas of the cluster go round. " +
		"It names the pods, so choose before the first apply: later it cannot be changed, and of a cluster's zones none can be taken away."}
}

// misfit is what validation says against a StatefulSet for each zone, empty where it says nothing.
func (b *builder) misfit() string {
	before := b.locality
	defer func() { b.locality = before }()
	b.locality = locality{way: bySet}
	_, problems := regions.Parse(b.text(promise{}), "")
	for _, p := range problems.Errors() {
		if strings.Contains(p.Path, ".zones") && (p.Code == "invalid-zone" || p.Code == "name-too-long" || p.Code == "zones-required") {
			return p.Message
		}
	}
	return ""
}

// firstOld is the first cluster whose server copies no label, or whose version is not known; nil where all do.
func (b *builder) firstOld() *Found {
	return b.first(func(f Found) bool {
		return !semver.IsValid(f.Version) || semver.Compare(semver.MajorMinor(f.Version), podLabelVersion) < 0
	})
}

// firstBare is the first cluster with nodes that say no zone; nil where all do.
func (b *builder) firstBare() *Found {
	return b.first(func(f Found) bool {
		return slices.ContainsFunc(f.facts.Nodes, func(n Node) bool { return n.Zone == "" })
	})
}

func (b *builder) first(holds func(Found) bool) *Found {
	for i := range b.found {
		if holds(b.found[i]) {
			return &b.found[i]
		}
	}
	return nil
}
