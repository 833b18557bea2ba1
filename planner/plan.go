// Package planner turns what is wanted and what was seen into a Plan: ordered
// steps over all clusters, each with what it disrupts and what could still fail
// safely while it runs.
//
// The package is pure: a Plan is plain data, the same input gives the same
// bytes, and nothing here reads a disk, a network or a clock. Preview and
// execution cannot differ, since the engine (planner/rollout) runs the very
// value that was printed.
package planner

import (
	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// FormatVersion is the version of the plan's JSON document. Readers refuse an
// unknown major; minors only add.
const FormatVersion = "1.0"

// Plan is everything a run will do, in order, as reviewed.
type Plan struct {
	FormatVersion string `json:"format_version"`
	Deployment    string `json:"deployment"`
	// Digest identifies what was reviewed: the topology, the desired objects and the
	// approved field changes. Addresses and live health are no part of it.
	Digest   string         `json:"digest"`
	Promise  Promise        `json:"promise"`
	ReadOnly bool           `json:"read_only,omitempty"` // made without dry runs: for reading alone
	Clusters []ClusterView  `json:"clusters"`
	Preamble []string       `json:"preamble,omitempty"` // what a run makes before its first step
	Steps    []Step         `json:"steps"`
	Objects  []ObjectChange `json:"objects"`
	DNS      DNSChanges     `json:"dns"`
	Notes    []string       `json:"notes,omitempty"`
	Refusals []Refusal      `json:"refusals,omitempty"`
	Summary  Summary        `json:"summary"`
}

// Empty tells whether there is nothing to do. A plan with refusals is not empty.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 && len(p.Refusals) == 0 }

// Unreachable are the clusters that did not answer, in the plan's order.
func (p *Plan) Unreachable() []string {
	var out []string
	for _, c := range p.Clusters {
		if !c.Reachable {
			out = append(out, c.Name)
		}
	}
	return out
}

// Promise is what the deployment promises to survive, and what it survives at
// rest as things were seen.
type Promise struct {
	Failure       regions.Failure  `json:"failure"`
	WhileUpdating regions.Failure  `json:"while_updating"`
	InForce       bool             `json:"in_force"` // false before the first initialisation: nothing is promised
	Basis         string           `json:"basis"`    // declared | live: where zones and nodes were taken from
	AtRest        regions.Exposure `json:"at_rest"`  // with every replica up
	Now           regions.Exposure `json:"now"`      // with those that are down or cannot be seen
}

// ClusterView is one cluster as the planner saw it.
type ClusterView struct {
	Name      string `json:"name"`
	Region    string `json:"region"`
	Reachable bool   `json:"reachable"`
	Error     string `json:"error,omitempty"`
	Version   string `json:"version,omitempty"`
	Sandbox   bool   `json:"sandbox,omitempty"`
}

// DNSChanges are the names that the run brings or takes away. A new replica's
// addresses are not known before its pod exists, so After may be empty.
type DNSChanges struct {
	Zone    string       `json:"zone"`
	Changes []dns.Change `json:"changes"`
	// Primaries are the servers that the records are written into while the plan runs (host:port), by DNS UPDATE.
	Primaries []string `json:"primaries,omitempty"`
}

// Summary counts objects by what happens to them, and the disruptive steps.
type Summary struct {
	Create     int `json:"create"`
	Update     int `json:"update"`
	Delete     int `json:"delete"`
	Disruptive int `json:"disruptive"`
	Added      int `json:"added"` // replicas that the run starts, brings back or adds
}

// ObjectChange is one object's difference, field by field.
type ObjectChange struct {
	Cluster string            `json:"cluster"`
	Object  regions.ObjectRef `json:"object"`
	Action  string            `json:"action"` // create | update | delete | take-over
	Fields  []FieldChange     `json:"fields,omitempty"`
	// Note says what is unusual: a client-side difference, a shared ownership.
	Note string `json:"note,omitempty"`
}

// FieldChange is one field before and after; nil stands for an absent field.
type FieldChange struct {
	Path   string `json:"path"` // such as spec.template.spec.containers[db].image
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
	// By is who set the value before, and when, where that was not quorate.
	By string `json:"by,omitempty"`
}

// Refusal is a reason for which the plan may not run (exit code 12).
type Refusal struct {
	Code    string `json:"code"` // stable, such as scale-in
	Cluster string `json:"cluster,omitempty"`
	Step    string `json:"step,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}
