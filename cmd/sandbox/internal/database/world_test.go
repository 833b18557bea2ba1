package database

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// at is the moment some milliseconds after epoch.
func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func newWorld() *World {
	return &World{Settings: Settings{UnderReplicatedFor: time.Second, DeadAfter: 5 * time.Minute}}
}

// replica is pod n of a cluster, with the seeds of a database called name.
func replica(name, cluster string, n int, uid, disk string) Replica {
	return Replica{
		Cluster: cluster, Namespace: "bank", Pod: fmt.Sprintf("bank-%d", n), PodUID: uid, Disk: disk,
		Address: fmt.Sprintf("bank-%d.%s.%s:26257", n, cluster, name), IP: "10.64.0." + fmt.Sprint(n+1),
		Seeds: []string{"join-0." + name, "join-1." + name},
	}
}

func fixedID() string { return "11111111-2222-3333-4444-555555555555" }

// three starts three replicas in two clusters, at epoch, ready at 200 ms.
func three(t *testing.T) *World {
	t.Helper()
	w := newWorld()
	for i, cluster := range []string{"use1", "use1", "euw1"} {
		uid := fmt.Sprintf("pod%d", i)
		if !w.Start(replica("db", cluster, i, uid, "disk"+fmt.Sprint(i)), at(200), epoch, fixedID) {
			t.Fatal("a start changed nothing")
		}
	}
	if len(w.Databases) != 1 {
		t.Fatalf("replicas with common seeds made %d databases", len(w.Databases))
	}
	return w
}

// initialised is three, initialised through pod0 at 300 ms.
func initialised(t *testing.T) *World {
	t.Helper()
	w := three(t)
	if err := w.Init("pod0", at(300), fixedID); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestNothingIsReadyBeforeInit(t *testing.T) {
	w := three(t)
	w.Settle(at(10_000))
	for _, uid := range []string{"pod0", "pod1", "pod2"} {
		if w.Ready(uid, at(10_000)) {
			t.Errorf("%s is ready though the database was never initialised", uid)
		}
	}
}

func TestInitMakesEveryNodeReadyAndIsAcceptedOnce(t *testing.T) {
	w := initialised(t)
	for _, uid := range []string{"pod0", "pod1", "pod2"} {
		if !w.Ready(uid, at(300)) {
			t.Errorf("%s is not ready after init", uid)
		}
	}
	ids := map[string]int{}
	for _, node := range w.Databases[0].Nodes() {
		ids[node.PodUID] = node.NodeID
	}
	if want := map[string]int{"pod0": 1, "pod2": 2, "pod1": 3}; !reflect.DeepEqual(ids, want) {
		t.Errorf("node ids are %v, want %v: the target first, then by cluster and pod", ids, want)
	}
	if err := w.Init("pod1", at(400), fixedID); !errors.Is(err, ErrInitialised) {
		t.Errorf("a second init was answered %v", err)
	}
	if inits := w.Databases[0].Inits; len(inits) != 2 || !inits[0].Accepted || inits[1].Accepted || inits[1].Target != "use1/bank/bank-1" {
		t.Errorf("inits recorded: %+v", inits)
	}
}

func TestARestartedPodKeepsItsNodeAndLeavesRangesShort(t *testing.T) {
	w := initialised(t)
	w.Stop("pod1", at(1000))
	d := w.Databases[0]
	if w.Ready("pod1", at(1000)) || !d.UnderReplicated(w.Settings, at(1000)) {
		t.Error("a stopped node is ready, or nothing is under-replicated")
	}
	w.Start(replica("db", "use1", 1, "pod1-again", "disk1"), at(1700), at(1500), fixedID)
	w.Settle(at(1600))
	if w.Ready("pod1-again", at(1600)) {
		t.Error("ready before its start-up delay was over")
	}
	if !w.Ready("pod1-again", at(1700)) || len(d.Nodes()) != 3 {
		t.Errorf("not ready after its delay, or it got another node: %d nodes", len(d.Nodes()))
	}
	for ms, short := range map[int]bool{1700: true, 2699: true, 2700: false} {
		if d.UnderReplicated(w.Settings, at(ms)) != short {
			t.Errorf("under-replicated at %d ms: %t, want %t", ms, !short, short)
		}
	}
}

func TestAnEmptyDiskJoinsAsANewNode(t *testing.T) {
	w := initialised(t)
	w.Stop("pod1", at(1000))
	w.Retain("use1", map[string]bool{"pod0": true}, map[string]bool{"disk0": true}, at(1000))
	w.Start(replica("db", "use1", 1, "pod1-again", "disk1-new"), at(1500), at(1500), fixedID)
	w.Settle(at(1500))
	_, member := w.findPod("pod1-again")
	if member.NodeID != 4 || member.Rejoined {
		t.Errorf("the new disk got node %d (rejoined %t), want a new node 4", member.NodeID, member.Rejoined)
	}
	if nodes := w.Databases[0].Nodes(); len(nodes) != 4 || nodes[2].Disk != "" {
		t.Errorf("the lost node is not listed as such: %+v", nodes)
	}
	if !w.Databases[0].UnderReplicated(w.Settings, at(5000)) {
		t.Error("a lost node leaves nothing under-replicated")
	}
	if w.Databases[0].UnderReplicated(w.Settings, at(1000).Add(5*time.Minute)) {
		t.Error("a node that is dead for five minutes still leaves ranges under-replicated")
	}
}

func TestWithoutAQuorumNobodyIsReadyOrJoins(t *testing.T) {
	w := initialised(t)
	w.Stop("pod0", at(1000))
	w.Stop("pod2", at(1000))
	if w.Ready("pod1", at(1000)) {
		t.Error("one of three nodes is ready alone")
	}
	w.Start(replica("db", "asia1", 0, "pod3", "disk3"), at(1100), at(1100), fixedID)
	w.Settle(at(1100))
	if _, m := w.findPod("pod3"); m.NodeID != 0 {
		t.Error("a node joined a database without a quorum")
	}
	w.Start(replica("db", "use1", 0, "pod0-again", "disk0"), at(1200), at(1200), fixedID)
	w.Settle(at(1200))
	if !w.Ready("pod1", at(1200)) || !w.Ready("pod3", at(1200)) {
		t.Error("with two of three back, nodes do not come alive")
	}
}

func TestADatabaseWithoutDisksIsForgotten(t *testing.T) {
	w := initialised(t)
	w.Retain("use1", nil, nil, at(1000))
	w.Retain("euw1", nil, nil, at(1000))
	if !w.Databases[0].Forgotten {
		t.Fatal("every disk is gone, but the database is not forgotten")
	}
	w.Start(replica("db", "use1", 0, "new", "new-disk"), at(2000), at(2000), fixedID)
	w.Settle(at(2000))
	if len(w.Databases) != 2 || w.Ready("new", at(2000)) {
		t.Errorf("a new installation with the same names joined the old database: %d databases", len(w.Databases))
	}
	if err := w.Init("new", at(2100), fixedID); err != nil {
		t.Errorf("the new database cannot be initialised: %v", err)
	}
}

func TestSeedsTellDatabasesApartAndConnectThem(t *testing.T) {
	w := newWorld()
	w.Start(replica("a", "use1", 0, "a0", "a-disk"), epoch, epoch, fixedID)
	w.Start(replica("b", "use1", 0, "b0", "b-disk"), epoch, epoch, fixedID)
	if len(w.Databases) != 2 {
		t.Fatalf("different seeds made %d databases", len(w.Databases))
	}
	both := replica("c", "use1", 1, "c0", "c-disk")
	both.Seeds = []string{"join-0.a", "join-0.b"}
	w.Start(both, epoch, epoch, fixedID)
	if len(w.Databases) != 1 || len(w.Databases[0].Members) != 3 {
		t.Errorf("a replica that names both did not connect them: %d databases", len(w.Databases))
	}
}

func TestTwoInitialisedDatabasesStayTwo(t *testing.T) {
	w := newWorld()
	w.Start(replica("a", "use1", 0, "a0", "a-disk"), epoch, epoch, fixedID)
	w.Start(replica("b", "use1", 0, "b0", "b-disk"), epoch, epoch, fixedID)
	if err := errors.Join(w.Init("a0", epoch, fixedID), w.Init("b0", epoch, fixedID)); err != nil {
		t.Fatal(err)
	}
	both := replica("c", "use1", 1, "c0", "c-disk")
	both.Seeds = []string{"join-0.a", "join-0.b"}
	w.Start(both, epoch, epoch, fixedID)
	if len(w.Databases) != 2 || len(w.Databases[0].Members) != 2 {
		t.Errorf("two initialised databases became %d", len(w.Databases))
	}
}

func TestASingleNodeNeedsNoInit(t *testing.T) {
	w := newWorld()
	r := replica("db", "use1", 0, "pod0", "disk0")
	r.SingleNode, r.Seeds = true, nil
	w.Start(r, epoch, epoch, fixedID)
	if !w.Ready("pod0", epoch) {
		t.Error("start-single-node is not ready")
	}
}

func TestNodesAreNumberedByOrdinalNotByText(t *testing.T) {
	w := newWorld()
	for _, n := range []int{10, 9, 0} {
		w.Start(replica("db", "use1", n, fmt.Sprint("pod", n), fmt.Sprint("disk", n)), epoch, epoch, fixedID)
	}
	if err := w.Init("pod0", epoch, fixedID); err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, node := range w.Databases[0].Nodes() {
		order = append(order, node.Pod)
	}
	if want := []string{"bank-0", "bank-9", "bank-10"}; !reflect.DeepEqual(order, want) {
		t.Errorf("nodes in the order %v, want %v", order, want)
	}
}

func TestDialFindsRunningReplicasByNameAndAddress(t *testing.T) {
	w := initialised(t)
	w.Stop("pod2", at(1000))
	for host, want := range map[string]Reach{
		"bank-0.use1.db": ServesSQL, "10.64.0.2": ServesSQL, "bank-2.euw1.db": Refused, "nobody": NoSuchHost,
	} {
		if _, _, got := w.Dial(host, "pod0", at(1000)); got != want {
			t.Errorf("dial %s: %v, want %v", host, got, want)
		}
	}
	if _, m, reach := w.DialPod("pod1", at(1000)); reach != ServesSQL || m.PodUID != "pod1" {
		t.Errorf("localhost of pod1: %v", reach)
	}
	if _, _, reach := w.DialPod("pod2", at(1000)); reach != Refused {
		t.Errorf("localhost of a stopped pod: %v", reach)
	}
	w.Stop("pod1", at(1000))
	if _, _, reach := w.Dial("bank-0.use1.db", "", at(1000)); reach != NoQuorum {
		t.Errorf("dial without a quorum: %v", reach)
	}
	fresh := three(t)
	if _, _, reach := fresh.Dial("bank-0.use1.db", "", at(1000)); reach != Waiting || !reach.Connects() {
		t.Errorf("dial before init: %v", reach)
	}
}

// TestWhateverHappens drives a world at random and checks what must always hold.
func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		accepted, uid := 0, 0
		running := map[string]int{} // pod UID → slot
		known := map[string]int{}   // disk → node id
		for step := range rapid.IntRange(1, 60).Draw(t, "steps") {
			now := at(step * 100)
			slot := rapid.IntRange(0, 5).Draw(t, "slot")
			disk := fmt.Sprintf("disk%d", slot)
			current := ""
			for pod, s := range running {
				if s == slot {
					current = pod
				}
			}
			switch action := rapid.SampledFrom([]string{"start", "stop", "init", "settle"}).Draw(t, "action"); {
			case action == "start" && current == "":
				uid++
				pod := fmt.Sprintf("pod%d", uid)
				w.Start(replica("db", "use1", slot, pod, disk), now.Add(100*time.Millisecond), now, fixedID)
				running[pod] = slot
			case action == "stop" && current != "":
				w.Stop(current, now)
				delete(running, current)
			case action == "init" && current != "":
				if w.Init(current, now, fixedID) == nil {
					accepted++
				}
			default:
				w.Settle(now)
			}
			checkWorld(t, w, running, known, accepted, now)
		}
		data, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var again World
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		for pod := range running {
			if w.Ready(pod, at(9000)) != again.Ready(pod, at(9000)) {
				t.Fatalf("%s is ready in one life of the player and not in the next", pod)
			}
		}
	})
}

// checkWorld: one init at most, a node id for life and for one disk, nobody ready without running.
func checkWorld(t *rapid.T, w *World, running map[string]int, known map[string]int, accepted int, now time.Time) {
	if accepted > 1 {
		t.Fatalf("%d inits were accepted", accepted)
	}
	seen := map[int]bool{}
	for _, d := range w.Databases {
		for _, m := range d.Nodes() {
			if seen[m.NodeID] {
				t.Fatalf("node id %d is used twice", m.NodeID)
			}
			seen[m.NodeID] = true
			if before, ok := known[m.Disk]; ok && before != m.NodeID {
				t.Fatalf("%s was node %d and is node %d", m.Disk, before, m.NodeID)
			}
			known[m.Disk] = m.NodeID
			if _, ok := running[m.PodUID]; m.PodUID != "" && !ok {
				t.Fatalf("node %d runs in %s, which does not run", m.NodeID, m.PodUID)
			}
		}
	}
	for pod := range running {
		if w.Ready(pod, now) && accepted == 0 {
			t.Fatalf("%s is ready before init", pod)
		}
	}
}
