package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// database is the played database: one over all clusters, with its state on the
// replicas' disks. Its figures are recomputed every ten seconds, so they lag.
type database struct {
	*fleet
	initialised bool
	inits       int
	members     map[regions.ReplicaID]*member
	published   map[string]string // name → address
	foreign     string            // a cluster whose replicas are of another database
	quorum                        // of a database that has a leader
}

// member is one node of the database.
type member struct {
	up       bool
	troubles []trouble
}

// trouble is a time in which ranges were under-replicated because of a member.
type trouble struct{ from, to time.Time }

const (
	figuresAge = 10 * time.Second
	databaseID = "11111111-2222-3333-4444-555555555555"
)

func (d *database) left(id regions.ReplicaID) {
	if m := d.members[id]; m != nil && m.up {
		m.up = false
		m.troubles = append(m.troubles, trouble{from: time.Now()})
	}
	d.memberLeft(id)
}

func (d *database) joined(id regions.ReplicaID) {
	m := d.members[id]
	if m == nil {
		m = &member{troubles: []trouble{{from: time.Now()}}}
		d.members[id] = m
	}
	m.up = true
	m.troubles[len(m.troubles)-1].to = time.Now().Add(2*time.Second + d.some(d.opts.rebuild))
	if d.votes() {
		m.troubles[len(m.troubles)-1].to = time.Now()
		d.memberJoined()
	}
}

// underReplicated counts the members that had ranges under-replicated at a moment.
func (d *database) underReplicated(at time.Time) int {
	n := 0
	for _, m := range d.members {
		if slices.ContainsFunc(m.troubles, func(t trouble) bool {
			return !at.Before(t.from) && (t.to.IsZero() || at.Before(t.to))
		}) {
			n++
		}
	}
	return n
}

// exec runs a command in a replica's container.
func (d *database) exec(id regions.ReplicaID, argv []string) rollout.ExecResult {
	switch {
	case d.votes():
		return d.etcdctl(id, argv)
	case argv[1] == "init" && d.initialised:
		return rollout.ExecResult{Stderr: "ERROR: cluster has already been initialized", ExitCode: 1}
	case argv[1] == "init":
		d.initialise(id)
		return rollout.ExecResult{Stdout: "Cluster successfully initialized"}
	case !d.initialised:
		return rollout.ExecResult{Stderr: "ERROR: node is not initialised", ExitCode: 1}
	case argv[1] == "sql" && id.Cluster == d.foreign:
		return rollout.ExecResult{Stdout: "crdb_internal.cluster_id\n" + strings.Replace(databaseID, "1", "9", 1) + "\n"}
	case argv[1] == "sql":
		return rollout.ExecResult{Stdout: "crdb_internal.cluster_id\n" + databaseID + "\n"}
	case argv[1] == "node":
		return rollout.ExecResult{Stdout: d.status()}
	}
	return rollout.ExecResult{Stderr: "unknown command " + strings.Join(argv, " "), ExitCode: 1}
}

func (d *database) initialise(id regions.ReplicaID) {
	d.inits++
	d.initialised = true
	d.logf("initialised in %s", id)
	if d.inits > 1 {
		d.violation("the database was initialised %d times", d.inits)
	}
	for _, r := range d.topology.Replicas() {
		c := d.clusters[r.ID.Cluster]
		p := c.pods[r.ID.Pod()]
		if p != nil && p.terminating && time.Since(p.taken) <= 3*latencyMost {
			continue // a hand took it while the command was on its way: nobody can know
		}
		if p == nil || p.phase != "Running" || p.terminating {
			d.violation("initialised while %s did not run", r.ID)
			continue
		}
		if d.published[p.name()] != p.ip {
			d.violation("initialised while %s was not named", r.ID)
		}
	}
	for _, name := range d.names() {
		for _, p := range d.clusters[name].pods {
			if p.phase == "Running" {
				p.becomeReady()
			}
		}
	}
}

// status is `node status --ranges` as it was at the last recomputation.
func (d *database) status() string {
	var out strings.Builder
	out.WriteString("id,address,is_available,is_live,ranges_unavailable,ranges_underreplicated\n")
	under := d.underReplicated(time.Now().Truncate(figuresAge))
	var ids []regions.ReplicaID
	for id := range d.members {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b regions.ReplicaID) int { return strings.Compare(a.String(), b.String()) })
	for i, id := range ids {
		live := d.members[id].up
		fmt.Fprintf(&out, "%d,%s.%s.%s:26257,%t,%t,0,%d\n", i+1, id.Pod(), id.Cluster, d.topology.Spec.DNS.Zone, live, live, under)
		under = 0
	}
	return out.String()
}
