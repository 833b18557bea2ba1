// Package database is the played CockroachDB: which node is which disk, who has joined, who lives,
// what is under-replicated. It is pure: time comes in, and it is told what pods and disks do.
//
// The rules are CockroachDB's own as far as an orchestrator sees them: a node is its disk, and keeps
// its id when a pod comes back with that disk; an empty disk joins the cluster that its seeds name;
// nothing is ready before the one `cockroach init`.
package database

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// World is every database that is played in a sandbox. Replicas belong to the same database when
// their seeds overlap. The zero value is an empty world. Not safe for concurrent use.
type World struct {
	Databases []*Database `json:"databases"`
	Settings  Settings    `json:"settings"`
}

// Settings are how long the database takes to get over things.
type Settings struct {
	// UnderReplicatedFor is how long ranges stay under-replicated after a node came back.
	UnderReplicatedFor time.Duration `json:"under_replicated_for_ns"`
	// DeadAfter is how long a node is down before its replicas are made anew elsewhere (CockroachDB's
	// server.time_until_store_dead, 5 minutes).
	DeadAfter time.Duration `json:"dead_after_ns"`
}

// Database is one CockroachDB cluster.
type Database struct {
	Number    int       `json:"number"`               // in the order in which they appeared, from 1
	ClusterID string    `json:"cluster_id,omitempty"` // empty until initialised
	Names     []string  `json:"names"`                // every seed and advertised host, sorted
	Inits     []Init    `json:"inits"`                // accepted and refused, in order
	Members   []*Member `json:"members"`
	// Forgotten says that every disk is gone: nobody can join it again.
	Forgotten bool `json:"forgotten,omitempty"`
	NextID    int  `json:"next_id"`
}

// Init is one `cockroach init` that reached a node.
type Init struct {
	At       time.Time `json:"at"`
	Target   string    `json:"target"` // cluster/namespace/pod that was asked
	Accepted bool      `json:"accepted"`
}

// Member is one disk, and the pod that runs on it now, if any.
type Member struct {
	Replica
	NodeID    int       `json:"node_id,omitempty"` // 0 until it has joined
	StartedAt time.Time `json:"started_at"`
	ReadyAt   time.Time `json:"ready_at"` // when the start-up delay is over
	DownSince time.Time `json:"down_since"`
	Rejoined  bool      `json:"rejoined,omitempty"` // came back after it was down
}

// Replica is a pod that runs CockroachDB.
type Replica struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	PodUID    string `json:"pod_uid,omitempty"` // empty while no pod runs on the disk
	Disk      string `json:"disk,omitempty"`    // UID of the claim, or of the pod if it has none; empty once deleted
	Address   string `json:"address"`           // advertised host:port
	IP        string `json:"ip"`
	Locality  string `json:"locality"`
	Build     string `json:"build"`

	Seeds      []string `json:"-"` // host names of --join
	SingleNode bool     `json:"-"` // start-single-node: needs no init
}

// Name of the replica's pod for people: cluster/namespace/pod.
func (r Replica) Name() string { return r.Cluster + "/" + r.Namespace + "/" + r.Pod }

// host is the advertised name without the port.
func (r Replica) host() string {
	host, _, _ := strings.Cut(r.Address, ":")
	return host
}

// Start tells that the pod's process runs; it answers SQL from readyAt on, if it can join. It says
// whether anything changed.
func (w *World) Start(r Replica, readyAt, now time.Time, newID func() string) bool {
	database, member := w.findDisk(r.Disk)
	if member != nil && member.PodUID == r.PodUID {
		return false
	}
	if member == nil {
		database = w.databaseFor(r)
		member = &Member{}
		database.Members = append(database.Members, member)
	}
	member.Rejoined = member.NodeID > 0
	member.Replica, member.StartedAt, member.ReadyAt, member.DownSince = r, now, readyAt, time.Time{}
	database.addNames(append([]string{r.host()}, r.Seeds...))
	database.sortMembers()
	if r.SingleNode && database.ClusterID == "" {
		database.initialise(member, now, newID)
	}
	return true
}

// Stop tells that the pod's process has ended or is draining. It says whether anything changed.
func (w *World) Stop(podUID string, now time.Time) bool {
	_, member := w.findPod(podUID)
	if member == nil {
		return false
	}
	member.PodUID, member.DownSince = "", now
	return true
}

// Retain tells which pods and claims of a cluster there are, by UID: what is not among them is
// gone. It says whether anything changed.
func (w *World) Retain(cluster string, pods, claims map[string]bool, now time.Time) bool {
	changed := false
	for _, database := range w.Databases {
		for _, member := range database.Members {
			if member.Cluster != cluster {
				continue
			}
			if member.PodUID != "" && !pods[member.PodUID] {
				member.PodUID, member.DownSince = "", now
				changed = true
			}
			if member.Disk != "" && !claims[member.Disk] && member.PodUID == "" {
				member.Disk = ""
				changed = true
			}
		}
		database.tidy()
	}
	return changed
}

// Settle lets nodes join whose start-up delay is over. It says whether anything changed.
func (w *World) Settle(now time.Time) bool {
	changed := false
	for _, database := range w.Databases {
		if database.ClusterID == "" || !database.Quorate(w.Settings, now) {
			continue
		}
		for _, member := range database.Members {
			if member.NodeID == 0 && member.PodUID != "" && !now.Before(member.ReadyAt) {
				database.admit(member)
				changed = true
			}
		}
	}
	return changed
}

// Ready is what /health?ready=1 of the pod's node would say: it has joined, its start-up delay is
// over, and the database has a quorum.
func (w *World) Ready(podUID string, now time.Time) bool {
	database, member := w.findPod(podUID)
	return member != nil && member.Live(now) && database.Quorate(w.Settings, now)
}

// findDisk finds the member with that disk.
func (w *World) findDisk(disk string) (*Database, *Member) {
	return w.find(func(m *Member) bool { return disk != "" && m.Disk == disk })
}

// findPod finds the member that runs in that pod.
func (w *World) findPod(uid string) (*Database, *Member) {
	return w.find(func(m *Member) bool { return uid != "" && m.PodUID == uid })
}

func (w *World) find(match func(*Member) bool) (*Database, *Member) {
	for _, database := range w.Databases {
		for _, member := range database.Members {
			if match(member) {
				return database, member
			}
		}
	}
	return nil, nil
}

// databaseFor gives the database that a node with an empty disk would find through its seeds,
// or a new one. Uninitialised databases that its seeds connect become one.
func (w *World) databaseFor(r Replica) *Database {
	var found *Database
	for _, database := range w.Databases {
		if database.Forgotten || !database.knows(append([]string{r.host()}, r.Seeds...)) {
			continue
		}
		switch {
		case found == nil:
			found = database
		case database.ClusterID == "":
			found.absorb(database)
		case found.ClusterID == "":
			database.absorb(found)
			found = database
		}
	}
	w.Databases = slices.DeleteFunc(w.Databases, func(d *Database) bool { return d.Number == 0 })
	if found == nil {
		found = &Database{Number: w.nextNumber(), NextID: 1, Inits: []Init{}}
		w.Databases = append(w.Databases, found)
	}
	return found
}

func (w *World) nextNumber() int {
	highest := 0
	for _, database := range w.Databases {
		highest = max(highest, database.Number)
	}
	return highest + 1
}

// sortMembers orders members by place, so that node ids come out the same every time.
func (d *Database) sortMembers() {
	sort.SliceStable(d.Members, func(i, j int) bool {
		a, b := d.Members[i], d.Members[j]
		if a.Cluster != b.Cluster {
			return a.Cluster < b.Cluster
		}
		if a.Namespace != b.Namespace {
			return a.Namespace < b.Namespace
		}
		if len(a.Pod) != len(b.Pod) {
			return len(a.Pod) < len(b.Pod) // bank-9 before bank-10
		}
		return a.Pod < b.Pod
	})
}
