// Package admin is how the `sandbox db` commands and the tests talk to the player: a small JSON
// protocol over loopback, with a token that only the owner of the sandbox's directory can read.
package admin

import (
	"maps"
	"time"

	"quorate.dev/quorate/cmd/sandbox/internal/database"
	"quorate.dev/quorate/cmd/sandbox/internal/pods"
)

// Paths of the protocol.
const (
	pathState    = "/v1/state"
	pathSettings = "/v1/settings"
)

// Settings are how long things take; they can be changed while the sandbox runs.
type Settings struct {
	Default  pods.Delays            `json:"default"`
	Clusters map[string]pods.Delays `json:"clusters"` // clusters that differ
	Database database.Settings      `json:"database"`
}

// DefaultSettings are quick, but slow enough for the order of things to show.
func DefaultSettings() Settings {
	return Settings{
		Default: pods.Delays{
			Start: 200 * time.Millisecond, Termination: 200 * time.Millisecond,
			CrashFirst: time.Second, CrashLongest: 10 * time.Second,
		},
		Clusters: map[string]pods.Delays{},
		Database: database.Settings{UnderReplicatedFor: time.Second, DeadAfter: 5 * time.Minute},
	}
}

// Of gives the delays of one cluster.
func (s Settings) Of(cluster string) pods.Delays {
	if delays, ok := s.Clusters[cluster]; ok {
		return delays
	}
	return s.Default
}

// Change is what `sandbox db set` asks for; what is nil stays. Durations are nanoseconds in JSON.
type Change struct {
	Cluster            string         `json:"cluster,omitempty"` // empty means every cluster
	StartDelay         *time.Duration `json:"start_delay_ns,omitempty"`
	PullDelay          *time.Duration `json:"pull_delay_ns,omitempty"`
	TerminationDelay   *time.Duration `json:"termination_delay_ns,omitempty"`
	CrashBackOff       *time.Duration `json:"crash_back_off_ns,omitempty"`
	UnderReplicatedFor *time.Duration `json:"under_replicated_for_ns,omitempty"`
	DeadAfter          *time.Duration `json:"dead_after_ns,omitempty"`
}

// Apply gives the settings with the change made. A change for every cluster also changes those that
// differ.
func (c Change) Apply(s Settings) Settings {
	clusters := map[string]pods.Delays{}
	maps.Copy(clusters, s.Clusters)
	if c.Cluster != "" {
		clusters[c.Cluster] = c.delays(s.Of(c.Cluster))
	} else {
		s.Default = c.delays(s.Default)
		for name, delays := range clusters {
			clusters[name] = c.delays(delays)
		}
	}
	s.Clusters = clusters
	set(&s.Database.UnderReplicatedFor, c.UnderReplicatedFor)
	set(&s.Database.DeadAfter, c.DeadAfter)
	return s
}

// delays gives one cluster's delays with the change made.
func (c Change) delays(d pods.Delays) pods.Delays {
	set(&d.Start, c.StartDelay)
	set(&d.Pull, c.PullDelay)
	set(&d.Termination, c.TerminationDelay)
	if c.CrashBackOff != nil {
		d.CrashFirst, d.CrashLongest = *c.CrashBackOff, 10**c.CrashBackOff
	}
	return d
}

func set(target *time.Duration, value *time.Duration) {
	if value != nil {
		*target = *value
	}
}

// State is what `sandbox db state --output json` prints.
type State struct {
	FormatVersion string     `json:"format_version"`
	Sandbox       string     `json:"sandbox"`
	Now           time.Time  `json:"now"`
	Settings      Settings   `json:"settings"`
	Databases     []Database `json:"databases"`
}

// Database is one played database.
type Database struct {
	Number          int             `json:"number"`
	ClusterID       string          `json:"cluster_id"` // empty until initialised
	Initialised     bool            `json:"initialised"`
	Forgotten       bool            `json:"forgotten"` // every disk is gone
	Quorate         bool            `json:"quorate"`
	UnderReplicated bool            `json:"under_replicated"`
	InitsAccepted   int             `json:"inits_accepted"`
	Inits           []database.Init `json:"inits"` // refused ones too
	Nodes           []Node          `json:"nodes"`
}

// Node is one disk of a database, with the pod that runs on it.
type Node struct {
	NodeID    int        `json:"node_id"` // 0 until it has joined
	Cluster   string     `json:"cluster"`
	Namespace string     `json:"namespace"`
	Pod       string     `json:"pod"`
	PodUID    string     `json:"pod_uid"` // empty while no pod runs on the disk
	PVC       string     `json:"pvc"`     // UID of the disk's claim; empty once it is deleted
	Address   string     `json:"address"`
	Locality  string     `json:"locality"`
	Build     string     `json:"build"`
	Live      bool       `json:"live"`
	Ready     bool       `json:"ready"`
	StartedAt time.Time  `json:"started_at"`
	DownSince *time.Time `json:"down_since,omitempty"`
}

// Describe gives the state of a world at a moment.
func Describe(sandbox string, settings Settings, world *database.World, now time.Time) State {
	state := State{FormatVersion: "1.0", Sandbox: sandbox, Now: now, Settings: settings, Databases: []Database{}}
	for _, d := range world.Databases {
		described := Database{
			Number: d.Number, ClusterID: d.ClusterID, Initialised: d.ClusterID != "", Forgotten: d.Forgotten,
			Quorate: d.ClusterID != "" && d.Quorate(world.Settings, now), Inits: d.Inits, Nodes: []Node{},
			UnderReplicated: d.UnderReplicated(world.Settings, now),
		}
		for _, init := range d.Inits {
			if init.Accepted {
				described.InitsAccepted++
			}
		}
		for _, m := range d.Members {
			node := Node{
				NodeID: m.NodeID, Cluster: m.Cluster, Namespace: m.Namespace, Pod: m.Pod, PodUID: m.PodUID, PVC: m.Disk,
				Address: m.Address, Locality: m.Locality, Build: m.Build, StartedAt: m.StartedAt,
				Live: m.Live(now), Ready: world.Ready(m.PodUID, now),
			}
			if m.PodUID == "" {
				node.DownSince = &m.DownSince
			}
			described.Nodes = append(described.Nodes, node)
		}
		state.Databases = append(state.Databases, described)
	}
	return state
}
