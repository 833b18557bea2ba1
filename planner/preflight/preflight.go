// Package preflight judges whether clusters can carry a deployment, from what was read of them and
// what the deployment asks for. It is pure: the same facts give the same findings in the same order.
package preflight

import (
	"cmp"
	"slices"

	"quorate.dev/quorate/regions"
)

// Level is how a check ended.
type Level string

// The levels: failed is certain to stop the installation or to break a promise; warning is in doubt, could
// not be looked at, or costs something later.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Failed  Level = "failed"
)

// Finding is the outcome of one check.
type Finding struct {
	Cluster string `json:"cluster,omitempty"` // empty: of all clusters together
	Check   string `json:"check"`             // stable, such as storage-class
	Level   Level  `json:"level"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do; empty where all is well
}

// Pool is what one StatefulSet asks of a cluster.
type Pool struct {
	Name     string
	Replicas int // that do not have a node yet
	// CPU in milli-cores and Memory in bytes are the requests of one replica; Containers those of its containers.
	CPU, Memory int64
	Limits      Sizes // the limits of one replica, 0: none
	Containers  []Sizes
	// OnePerNode tells that two replicas never share a node.
	OnePerNode bool
	// Zones are the only zones whose nodes replicas may have; none: all.
	Zones  []string
	Claims []Claim
}

// Sizes are milli-cores and bytes.
type Sizes struct{ CPU, Memory int64 }

// Claim is one volume of each replica.
type Claim struct {
	Name, Class string // an empty class: the default one
	Size        int64  // bytes
}

// Site is one cluster: what is asked of it and what it offers.
type Site struct {
	Cluster  string
	Zones    []string // declared
	PodCIDRs []string // declared
	Pools    []Pool
	Ground   regions.Ground
	// ZoneCopy tells whether the API server copies zones to pods, and ZoneCopyUnknown why that is not known.
	ZoneCopy        regions.ZoneCopy
	ZoneCopyUnknown string
	// Mode is what the credentials must have the rights for, and Lacking those that they lack, as phrases; no mode: rights are
	// not judged.
	Mode    string
	Lacking []string
	// Probe is what was found from inside a pod; nil: nobody was asked to look.
	Probe *Probe
}

// Settings are those of the topology that checks depend on.
type Settings struct {
	ZoneLabels bool // locality.zone is podLabel
	Flat       bool // network.mode is flat: pods of different clusters reach each other by their addresses
}

// Judge gives every check's finding, by cluster as given, those of all clusters together last.
func Judge(s Settings, sites []Site) []Finding {
	j := &judge{settings: s}
	for _, site := range sites {
		j.site = site
		j.version()
		j.zoneCopy()
		j.rights()
		j.classes()
		j.zones()
		j.capacity()
		j.quotas()
		j.limits()
		j.network()
	}
	j.site = Site{}
	j.skew(sites)
	j.overlap(sites)
	j.clocks(sites)
	return j.found
}

// Worst is the worst level among findings.
func Worst(found []Finding) Level {
	worst := OK
	rank := []Level{OK, Warning, Failed}
	for _, f := range found {
		if slices.Index(rank, f.Level) > slices.Index(rank, worst) {
			worst = f.Level
		}
	}
	return worst
}

// judge collects.
type judge struct {
	settings Settings
	site     Site // the one being judged
	found    []Finding
}

func (j *judge) say(level Level, check, message, hint string) {
	j.found = append(j.found, Finding{Cluster: j.site.Cluster, Check: check, Level: level, Message: message, Hint: hint})
}

// unseen says of a check that it could not be made, and tells so.
func (j *judge) unseen(check string, what ...string) bool {
	for _, w := range what {
		if slices.Contains(j.site.Ground.NotLooked, w) {
			j.say(Warning, check, w+" may not be listed, so this is not known", "give the right to list them: quorate rbac --mode preflight")
			return true
		}
	}
	return false
}

// distinct are values, sorted, each once.
func distinct[T cmp.Ordered](values []T) []T {
	out := slices.Clone(values)
	slices.Sort(out)
	return slices.Compact(out)
}
