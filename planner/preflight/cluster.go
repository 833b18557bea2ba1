package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"quorate.dev/quorate/regions"
)

// zoneLabelVersion is the first version that copies a node's zone to its pods unasked (KEP-4742).
const zoneLabelVersion = "v1.35"

func (j *judge) version() {
	const check = "server-version"
	version := j.site.Ground.ServerVersion
	switch {
	case !semver.IsValid(version):
		j.say(Warning, check, fmt.Sprintf("version %q could not be read", version), "make sure that it is a supported Kubernetes")
	case j.settings.ZoneLabels && semver.Compare(semver.MajorMinor(version), zoneLabelVersion) < 0:
		j.say(Failed, check, fmt.Sprintf("Kubernetes %s; locality.zone podLabel needs %s or newer (KEP-4742)", version, zoneLabelVersion),
			"upgrade the cluster, or set locality.zone to statefulSetPerZone or none before anything is installed")
	default:
		j.say(OK, check, "Kubernetes "+version, "")
	}
}

// zoneCopy: a server that is new enough may have the feature switched off.
func (j *judge) zoneCopy() {
	const check = "zone-copy"
	switch {
	case !j.settings.ZoneLabels:
	case j.site.ZoneCopy == regions.ZoneNotCopied:
		j.say(Failed, check, "the API server does not copy a node's zone to its pods, which locality.zone podLabel needs",
			"switch feature gate PodTopologyLabelsAdmission and admission plugin PodTopologyLabels on, or choose another locality.zone")
	case j.site.ZoneCopy == regions.ZoneCopied:
		j.say(OK, check, "the API server copies zones to pods", "")
	default:
		j.say(Warning, check, "whether the API server copies zones to pods is not known: "+cmp.Or(j.site.ZoneCopyUnknown, "it was not asked"),
			"make sure that feature gate PodTopologyLabelsAdmission is on (it is by default since v1.35)")
	}
}

func (j *judge) rights() {
	if j.site.Mode == "" {
		return
	}
	if n := len(j.site.Lacking); n > 0 {
		j.say(Failed, "rights", "missing for "+j.site.Mode+": "+strings.Join(j.site.Lacking, "; "),
			"have them given: quorate rbac --mode "+j.site.Mode+" --cluster "+j.site.Cluster+" --user NAME")
		return
	}
	j.say(OK, "rights", "all that "+j.site.Mode+" needs", "")
}

func (j *judge) classes() {
	const check = "storage-class"
	var wanted []string
	for _, p := range j.site.Pools {
		for _, c := range p.Claims {
			wanted = append(wanted, c.Class)
		}
	}
	if len(wanted) == 0 || j.unseen(check, "storage classes") {
		return
	}
	for _, name := range distinct(wanted) {
		j.class(check, name)
	}
}

func (j *judge) class(check, name string) {
	all := j.site.Ground.StorageClasses
	at := slices.IndexFunc(all, func(c regions.StorageClass) bool { return c.Name == name || name == "" && c.Default })
	switch {
	case at < 0 && name == "":
		j.say(Failed, check, "no StorageClass is named and none is the default", "name one in storage.className; there are: "+classNames(all))
		return
	case at < 0:
		j.say(Failed, check, "StorageClass "+name+" does not exist", "make it, or name another in storage.className; there are: "+classNames(all))
		return
	}
	c := all[at]
	if !c.LateBinding {
		j.say(Warning, check, c.Name+" ("+c.Provisioner+") binds a volume before its pod has a node, so that the volume's zone decides",
			"use a class with volumeBindingMode WaitForFirstConsumer where volumes belong to a zone")
	}
	if !c.Expandable {
		j.say(Warning, check, c.Name+" ("+c.Provisioner+") does not let volumes grow", "use a class with allowVolumeExpansion if data may outgrow them")
	}
	if c.LateBinding && c.Expandable {
		j.say(OK, check, c.Name+" ("+c.Provisioner+")", "")
	}
}

func classNames(all []regions.StorageClass) string {
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (j *judge) zones() {
	const check = "zones"
	if j.unseen(check, "nodes") {
		return
	}
	var bare, live []string
	for _, n := range j.site.Ground.Nodes {
		if n.Zone == "" {
			bare = append(bare, n.Name)
			continue
		}
		live = append(live, n.Zone)
	}
	live = distinct(live)
	failed := false
	if len(bare) > 0 && j.settings.ZoneLabels {
		failed = true
		j.say(Failed, check, "nodes without label topology.kubernetes.io/zone: "+strings.Join(bare, ", "), "label the nodes; a replica there would start with an empty zone")
	}
	for _, zone := range j.site.Zones {
		if !slices.Contains(live, zone) {
			failed = true
			j.say(Failed, check, "no node that takes pods is in zone "+zone, "add one, correct its label, or take the zone out of the topology; there are: "+strings.Join(live, ", "))
		}
	}
	if !failed {
		j.say(OK, check, "nodes in "+strings.Join(live, ", "), "")
	}
}

func (j *judge) quotas() {
	const check = "quota"
	if j.unseen(check, "quotas") {
		return
	}
	failed := false
	for _, q := range j.site.Ground.Quotas {
		need, known := j.asked(q.Resource)
		if known && need > 0 && need > q.Hard-q.Used {
			failed = true
			j.say(Failed, check, fmt.Sprintf("ResourceQuota %s leaves %s of %s, and %s are needed", q.Name, shown(q.Resource, max(0, q.Hard-q.Used)), q.Resource, shown(q.Resource, need)),
				"raise the quota, or ask for less in the topology")
		}
	}
	if !failed {
		j.say(OK, check, noneOr("quotas leave enough", "no quota in the namespace", len(j.site.Ground.Quotas)), "")
	}
}

// asked is what the replicas that are still to come need of a resource that quotas count.
func (j *judge) asked(resource string) (need int64, known bool) {
	for _, p := range j.site.Pools {
		n := int64(p.Replicas)
		var storage int64
		for _, c := range p.Claims {
			storage += c.Size
		}
		each := map[string]int64{
			"pods": 1, "count/pods": 1, "cpu": p.CPU, "requests.cpu": p.CPU, "memory": p.Memory, "requests.memory": p.Memory,
			"limits.cpu": p.Limits.CPU, "limits.memory": p.Limits.Memory, "requests.storage": storage,
			"persistentvolumeclaims": int64(len(p.Claims)), "count/persistentvolumeclaims": int64(len(p.Claims)),
		}
		value, ok := each[resource]
		if !ok {
			return 0, false
		}
		need += n * value
	}
	return need, true
}

func (j *judge) limits() {
	const check = "limit-range"
	if j.unseen(check, "limit ranges") {
		return
	}
	failed := false
	for _, l := range j.site.Ground.Limits {
		for _, p := range j.site.Pools {
			for _, c := range p.Containers {
				asked := c.CPU
				if l.Resource == "memory" {
					asked = c.Memory
				}
				if asked > 0 && (l.Min != nil && asked < *l.Min || l.Max != nil && asked > *l.Max) {
					failed = true
					j.say(Failed, check, fmt.Sprintf("LimitRange %s does not allow a container of %s to request %s of %s", l.Name, p.Name, shown(l.Resource, asked), l.Resource),
						"change the LimitRange, or the requests in the topology")
				}
			}
		}
	}
	if !failed {
		j.say(OK, check, noneOr("limits allow the requests", "no limit in the namespace", len(j.site.Ground.Limits)), "")
	}
}

// shown is an amount for people, in the unit of its resource.
func shown(resource string, n int64) string {
	switch {
	case strings.HasSuffix(resource, "cpu"):
		return fmt.Sprintf("%dm", n)
	case strings.HasSuffix(resource, "memory"), strings.HasSuffix(resource, "storage"):
		return fmt.Sprintf("%dMi", n>>20)
	}
	return fmt.Sprint(n)
}

// noneOr says what many of something do, or that there is none.
func noneOr(many, none string, count int) string {
	if count == 0 {
		return none
	}
	return "the " + many
}
