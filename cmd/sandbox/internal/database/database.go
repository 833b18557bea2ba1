package database

import (
	"errors"
	"slices"
	"sort"
	"time"
)

// ErrInitialised is what a second `cockroach init` is told.
var ErrInitialised = errors.New("cluster has already been initialized")

// Init is `cockroach init` sent to the pod with that UID: it starts the database and gives it its
// id, once. The attempt is recorded either way.
func (w *World) Init(podUID string, now time.Time, newID func() string) error {
	database, member := w.findPod(podUID)
	if member == nil {
		return errors.New("no node runs in this pod")
	}
	if database.ClusterID != "" {
		database.Inits = append(database.Inits, Init{At: now, Target: member.Name()})
		return ErrInitialised
	}
	database.initialise(member, now, newID)
	w.Settle(now)
	return nil
}

// initialise makes first the first node.
func (d *Database) initialise(first *Member, now time.Time, newID func() string) {
	d.ClusterID = newID()
	d.Inits = append(d.Inits, Init{At: now, Target: first.Name(), Accepted: true})
	d.admit(first)
	if first.ReadyAt.After(now) {
		first.ReadyAt = now
	}
}

// admit gives a node its id.
func (d *Database) admit(member *Member) {
	member.NodeID = d.NextID
	d.NextID++
}

// Live tells whether the node takes part: it has joined, runs, and its start-up delay is over.
func (m *Member) Live(now time.Time) bool {
	return m.NodeID > 0 && m.PodUID != "" && !now.Before(m.ReadyAt)
}

// Dead tells whether the node is down for so long that the database has replaced it.
func (m *Member) Dead(settings Settings, now time.Time) bool {
	return m.PodUID == "" && now.Sub(m.DownSince) >= settings.DeadAfter
}

// Quorate tells whether most nodes that are not dead live.
func (d *Database) Quorate(settings Settings, now time.Time) bool {
	live, all := 0, 0
	for _, member := range d.Members {
		if member.NodeID == 0 || member.Dead(settings, now) {
			continue
		}
		all++
		if member.Live(now) {
			live++
		}
	}
	return live*2 > all
}

// UnderReplicated tells whether some ranges lack a replica: a node is down and not yet replaced, or
// came back a moment ago and is still catching up.
func (d *Database) UnderReplicated(settings Settings, now time.Time) bool {
	for _, member := range d.Members {
		switch {
		case member.NodeID == 0 || member.Dead(settings, now):
		case !member.Live(now):
			return true
		case member.Rejoined && now.Before(member.ReadyAt.Add(settings.UnderReplicatedFor)):
			return true
		}
	}
	return false
}

// Nodes are the members that have joined, by node id.
func (d *Database) Nodes() []*Member {
	var nodes []*Member
	for _, member := range d.Members {
		if member.NodeID > 0 {
			nodes = append(nodes, member)
		}
	}
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].NodeID < nodes[j].NodeID })
	return nodes
}

// knows tells whether any of the names is one of the database's.
func (d *Database) knows(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, found := slices.BinarySearch(d.Names, name)
		return found
	})
}

// addNames notes seeds and advertised names.
func (d *Database) addNames(names []string) {
	d.Names = append(d.Names, names...)
	slices.Sort(d.Names)
	d.Names = slices.Compact(d.Names)
}

// absorb takes over an uninitialised database, which is left empty with number 0.
func (d *Database) absorb(other *Database) {
	d.Members = append(d.Members, other.Members...)
	d.Inits = append(d.Inits, other.Inits...)
	d.addNames(other.Names)
	d.sortMembers()
	*other = Database{}
}

// tidy drops nodes that never joined and have no disk any more, and forgets a database without disks.
func (d *Database) tidy() {
	d.Members = slices.DeleteFunc(d.Members, func(m *Member) bool { return m.NodeID == 0 && m.Disk == "" })
	d.Forgotten = !slices.ContainsFunc(d.Members, func(m *Member) bool { return m.Disk != "" })
}

// Reach is what a client finds at a name.
type Reach int

// What a client can find.
const (
	NoSuchHost Reach = iota // the name is nobody's
	Refused                 // a known replica that does not run
	Waiting                 // it runs, but has not joined: SQL gets no answer
	NoQuorum                // it has joined, but the database cannot work
	ServesSQL               // all is well
)

// Dial finds the replica with that advertised name, pod IP or pod name. Only databases that podUID's
// replica could know are looked at when several use the same name: its own first.
func (w *World) Dial(host, fromPodUID string, now time.Time) (*Database, *Member, Reach) {
	own, _ := w.findPod(fromPodUID)
	databases := slices.Clone(w.Databases)
	sort.SliceStable(databases, func(i, j int) bool { return databases[i] == own && databases[j] != own })
	known := false
	for _, database := range databases {
		for _, member := range database.Members {
			if member.host() != host && member.IP != host {
				continue
			}
			known = true
			if member.PodUID != "" {
				return database, member, w.reach(database, member, now)
			}
		}
	}
	if known {
		return nil, nil, Refused
	}
	return nil, nil, NoSuchHost
}

// DialPod finds the replica in that pod, as a client on localhost does.
func (w *World) DialPod(podUID string, now time.Time) (*Database, *Member, Reach) {
	database, member := w.findPod(podUID)
	if member == nil {
		return nil, nil, Refused
	}
	return database, member, w.reach(database, member, now)
}

// reach judges a replica that runs.
func (w *World) reach(database *Database, member *Member, now time.Time) Reach {
	switch {
	case !member.Live(now):
		return Waiting
	case !database.Quorate(w.Settings, now):
		return NoQuorum
	default:
		return ServesSQL
	}
}

// Connects tells whether a TCP connection succeeds, which is enough for `cockroach init`.
func (r Reach) Connects() bool { return r >= Waiting }
