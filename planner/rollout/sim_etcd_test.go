package rollout_test

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// quorum is a played database in which every replica votes and one leads: a static
// cluster that begins to serve when a majority of its members has started.
type quorum struct {
	leader   regions.ReplicaID // the zero value: none
	term     int
	electing bool
	said     map[regions.ReplicaID]saying
	moves    int                                    // leadership was moved so often on request
	refuses  map[regions.ReplicaID]bool             // members that do not take leadership
	mute     map[regions.ReplicaID]bool             // members whose client does not get an answer
	onMove   func(to regions.ReplicaID) (fail bool) // what happens when leadership is moved
	onSay    func(id regions.ReplicaID, leads bool) // what happens after a member said of itself whether it leads
	other    string                                 // the cluster ID of another database, which one region is of
	cut      map[regions.ReplicaID]bool             // members that no other member reaches, ready all the same
}

// saying is what a member last said of itself.
type saying struct {
	leads bool
	at    time.Time
}

const etcdID = "8570459336700167655"

func wantEtcd(image string) wanted {
	return wanted{database: "etcd", image: image, soak: "30s", replicas: map[string]int{"east": 1, "west": 1, "north": 1}}
}

// memberList is the argument that lists all members, nil for a database that has none.
func memberList(topology *regions.Topology) []any {
	if topology.Spec.Profile != "etcd" {
		return nil
	}
	var names []string
	for _, r := range topology.Replicas() {
		names = append(names, fmt.Sprintf("%s.%s=http://%s.%s.%s:2380", r.ID.Pod(), r.ID.Cluster, r.ID.Pod(), r.ID.Cluster, topology.Spec.DNS.Zone))
	}
	slices.Sort(names)
	return []any{"--initial-cluster=" + strings.Join(names, ",")}
}

func (d *database) votes() bool { return d.topology.Spec.Profile == "etcd" }

func (d *database) clusterID() string {
	if d.votes() {
		return etcdID
	}
	return databaseID
}

func (d *database) upCount() int {
	n := 0
	for _, m := range d.members {
		if m.up {
			n++
		}
	}
	return n
}

func (d *database) majority() bool { return d.upCount() > len(d.topology.Replicas())/2 }

// memberLeft: a leader that ends hands leadership to somebody, or an election follows.
func (d *database) memberLeft(id regions.ReplicaID) {
	if !d.votes() || !d.majority() {
		d.leader = regions.ReplicaID{}
		return
	}
	if d.leader == id {
		d.leader = regions.ReplicaID{}
		d.elect()
	}
}

func (d *database) memberJoined() {
	if d.majority() && !d.initialised {
		d.initialised, d.inits = true, 1
		d.logf("a majority serves")
	}
	if d.leader == (regions.ReplicaID{}) {
		d.elect()
	}
}

// elect makes some member that is up the leader, soon.
func (d *database) elect() {
	if d.electing {
		return
	}
	d.electing = true
	d.after(d.some(3*time.Second), func() {
		d.electing = false
		if up := d.upIDs(); d.majority() && d.leader == (regions.ReplicaID{}) {
			d.lead(up[d.rng.IntN(len(up))])
		}
	})
}

func (d *database) lead(id regions.ReplicaID) {
	d.leader = id
	d.term++
	d.logf("%s leads", id)
}

func (d *database) upIDs() []regions.ReplicaID {
	var out []regions.ReplicaID
	for _, r := range d.topology.Replicas() {
		if m := d.members[r.ID]; m != nil && m.up {
			out = append(out, r.ID)
		}
	}
	return out
}

// reached are the members that are up and that the others reach.
func (d *database) reached() []regions.ReplicaID {
	return slices.DeleteFunc(d.upIDs(), func(id regions.ReplicaID) bool { return d.cut[id] })
}

// memberID is a number that a float could not hold.
func memberID(id regions.ReplicaID) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id.String()))
	return h.Sum64() | 1<<63
}

// etcdctl plays the client in a member's container.
func (d *database) etcdctl(id regions.ReplicaID, argv []string) rollout.ExecResult {
	command := strings.Join(argv[2:], " ")
	everywhere := slices.Contains(argv, "--cluster") || strings.HasPrefix(command, "member list")
	switch {
	case d.mute[id]:
		return rollout.ExecResult{Stderr: "{\"level\":\"warn\"}\nError: context deadline exceeded", ExitCode: 1}
	case everywhere && (d.leader == (regions.ReplicaID{}) || d.cut[id]):
		return rollout.ExecResult{Stderr: "{\"level\":\"warn\"}\nError: failed to fetch endpoints from etcd cluster member list: context deadline exceeded", ExitCode: 1}
	case strings.HasPrefix(command, "endpoint health"):
		return d.health()
	case strings.HasPrefix(command, "member list"):
		return d.memberTable()
	case strings.HasPrefix(command, "endpoint status --cluster"):
		return printed(d.statuses(d.reached()))
	case strings.HasPrefix(command, "endpoint status"):
		if d.said == nil {
			d.said = map[regions.ReplicaID]saying{}
		}
		d.said[id] = saying{leads: d.leader == id, at: time.Now()}
		answer := printed(d.statuses([]regions.ReplicaID{id}))
		if d.onSay != nil {
			d.onSay(id, d.said[id].leads)
		}
		return answer
	case strings.HasPrefix(command, "move-leader"):
		return d.moveLeader(id, argv[len(argv)-1])
	}
	return rollout.ExecResult{Stderr: "unknown command " + command, ExitCode: 128}
}

func printed(v any) rollout.ExecResult {
	data, err := json.Marshal(v)
	if err != nil {
		return rollout.ExecResult{Stderr: err.Error(), ExitCode: 1}
	}
	return rollout.ExecResult{Stdout: string(data) + "\n"}
}

func (d *database) url(id regions.ReplicaID, port int) string {
	return fmt.Sprintf("http://%s.%s.%s:%d", id.Pod(), id.Cluster, d.topology.Spec.DNS.Zone, port)
}

func (d *database) health() rollout.ExecResult {
	var rows []any
	up, all := d.reached(), d.topology.Replicas()
	for _, r := range all {
		row := map[string]any{"endpoint": d.url(r.ID, 2379), "health": slices.Contains(up, r.ID), "took": "5ms"}
		if !slices.Contains(up, r.ID) {
			row["error"] = "context deadline exceeded"
		}
		rows = append(rows, row)
	}
	result := printed(rows)
	if len(up) < len(all) {
		result.ExitCode, result.Stderr = 1, "{\"level\":\"warn\"}\nError: unhealthy cluster"
	}
	return result
}

func (d *database) memberTable() rollout.ExecResult {
	var rows []any
	for _, r := range d.topology.Replicas() {
		rows = append(rows, map[string]any{
			"ID": memberID(r.ID), "name": r.ID.Pod() + "." + r.ID.Cluster,
			"peerURLs": []string{d.url(r.ID, 2380)}, "clientURLs": []string{d.url(r.ID, 2379)},
		})
	}
	return printed(map[string]any{"members": rows})
}

func (d *database) statuses(ids []regions.ReplicaID) []any {
	var rows []any
	for _, id := range ids {
		clusterID := etcdID
		if d.other != "" && id.Cluster == "west" {
			clusterID = d.other
		}
		status := map[string]any{
			"header": map[string]any{"cluster_id": json.Number(clusterID), "member_id": memberID(id)}, "raftTerm": d.term,
		}
		if d.leader != (regions.ReplicaID{}) && !d.cut[id] { // zero values are left out
			status["leader"] = memberID(d.leader)
		}
		rows = append(rows, map[string]any{"Endpoint": d.url(id, 2379), "Status": status})
	}
	return rows
}

func (d *database) moveLeader(asked regions.ReplicaID, hex string) rollout.ExecResult {
	if asked != d.leader {
		return rollout.ExecResult{Stderr: "Error: no leader endpoint given at [http://127.0.0.1:2379]", ExitCode: 128}
	}
	for _, id := range d.upIDs() {
		if strconv.FormatUint(memberID(id), 16) != hex {
			continue
		}
		if d.refuses[id] || d.onMove != nil && d.onMove(id) {
			return rollout.ExecResult{Stderr: "{\"level\":\"warn\"}\nError: etcdserver: request timed out, leader transfer took too long", ExitCode: 1}
		}
		d.moves++
		d.lead(id)
		return rollout.ExecResult{Stdout: "Leadership transferred\n"}
	}
	return rollout.ExecResult{Stderr: "Error: etcdserver: bad leader transferee", ExitCode: 1}
}
