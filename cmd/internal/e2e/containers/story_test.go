package containers

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/cmd/internal/e2e/podwatch"
	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
	"quorate.dev/quorate/planner/journal"
)

// electionTimeout is the profile's (kustomize/profiles/etcd).
const electionTimeout = 2500 * time.Millisecond

// TestStory is the life of one etcd while a client in a fourth place writes all the time. It stops
// and cuts off regions, so that no other test runs beside it: parallel ones come after.
func TestStory(t *testing.T) {
	d := newDeployment(t, "ledger", 53)
	d.installs()
	c := d.client()
	c.begins("nothing happens")
	c.writes(100)
	d.upgrades(c)
	d.holdsWhileARegionIsStopped(c)
	d.losesItsLeader(c)
	d.isCutOff(c)
	c.begins("after it")
	c.writes(100)
	for _, p := range c.ends() {
		if len(p.Lost) > 0 {
			t.Errorf("%s: acknowledged writes were lost: %v", p.Name, p.Lost)
		}
		if p.Acknowledged == 0 {
			t.Errorf("%s: the client did not write at all", p.Name)
		}
		if p.Name == "upgrade" && p.LongestGap > 2*electionTimeout {
			t.Errorf("upgrade: no write for %s, at most %s is allowed", p.LongestGap, 2*electionTimeout)
		}
		if p.Name == "all of it" && !p.Checked {
			t.Error("the client did not read everything back")
		}
	}
	d.expectEmpty()
}

// installs: names first, then region by region, the database's ID on record, nothing left to do.
func (d *deployment) installs() {
	d.t.Helper()
	d.apply()
	if wrong := d.unhealthy("eu1"); wrong != "" {
		d.t.Fatal(wrong)
	}
	record, err := d.fleet.clients["ap1"].CoreV1().ConfigMaps(d.settings.Name).Get(d.t.Context(), "quorate-"+d.settings.Name, metav1.GetOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	status := d.etcdctl("us1", "endpoint", "status", "--write-out", "json").Stdout
	_, id, _ := strings.Cut(status, `"cluster_id":`)
	id, _, _ = strings.Cut(id, ",")
	if id == "" || !slices.ContainsFunc(mapValues(record.Data), func(v string) bool { return strings.Contains(v, id) }) {
		d.t.Errorf("the database's ID %s is not on record: %v", id, record.Data)
	}
	d.expectEmpty()
}

func mapValues(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// upgrades: one member at a time, never two down, the leader's place handed over before.
func (d *deployment) upgrades(c *client) {
	d.t.Helper()
	before := len(d.journals())
	recorded := podwatch.Record(d.t, d.fleet.clients, d.settings.Name)
	d.write(func(s *settings) { s.Version = "v3.7.3" })
	d.saysWhenARegionMayBeLost()
	c.begins("upgrade")
	d.apply()
	recorded.Close()
	order := recorded.Judge(d.t, d.journals()[before:])
	if want := []string{"eu1/" + d.pod(), "us1/" + d.pod(), "ap1/" + d.pod()}; !slices.Equal(order, want) {
		d.t.Errorf("members were updated in the order %v, want %v", order, want)
	}
	for _, cluster := range clusterNames {
		if r := d.etcdctl(cluster, "endpoint", "status"); !strings.Contains(r.Stdout, "3.7.3") {
			d.t.Errorf("%s does not run v3.7.3: %s%s", cluster, r.Stdout, r.Stderr)
		}
	}
	c.begins("upgraded")
	c.writes(50)
	d.expectEmpty()
}

// saysWhenARegionMayBeLost: not while a member restarts, and in between.
func (d *deployment) saysWhenARegionMayBeLost() {
	d.t.Helper()
	restarts, pauses := 0, 0
	for _, step := range d.plan().Steps {
		switch {
		case step.Disruptive():
			restarts++
			if step.Exposure == nil || step.Exposure.Survives["region"] || step.Exposure.Survives["node"] {
				d.t.Errorf("%s: exposure %v, want that nothing more may be lost", step.ID, step.Exposure)
			}
		case step.Kind == "soak":
			pauses++
			if step.Exposure == nil || !step.Exposure.Survives["region"] {
				d.t.Errorf("%s: exposure %v, want that a region may be lost", step.ID, step.Exposure)
			}
		}
	}
	if restarts != len(clusterNames) || pauses == 0 {
		d.t.Errorf("%d restarts and %d soaks are planned", restarts, pauses)
	}
}

// holdsWhileARegionIsStopped: a whole region goes dark while an update soaks with all members up. The
// run holds and the client goes on; the region returns, and the run ends well.
func (d *deployment) holdsWhileARegionIsStopped(c *client) {
	d.t.Helper()
	d.write(func(s *settings) { s.CPU = "310m"; s.Canary = "6s" })
	c.begins("a region is stopped during an update")
	before := len(d.journals())
	run := subprocess.Start(d.t, d.command("apply", "--auto-approve"))
	run.WaitFor(d.t, "; journal ", "stay ready for 6s")
	d.fleet.must(d.t, "stop", "ap1")
	run.WaitFor(d.t, "stay ready for 6s", "ap1")
	c.writes(100)
	if run.Ended() {
		d.t.Fatalf("the run did not hold:\n%s", run.Output())
	}
	for _, e := range d.journals()[before:] {
		if e.Event == journal.StepIntended && e.Kind == "partition" && !strings.HasPrefix(e.Step, "eu1/") {
			d.t.Errorf("%s went on without a region", e.Step)
		}
	}
	d.fleet.must(d.t, "start", "ap1")
	if code := run.Wait(); code != 0 {
		d.t.Fatalf("the run ended with %d after the region was back:\n%s", code, run.Output())
	}
	d.expectEmpty()
}

// losesItsLeader: its pod goes without a warning.
func (d *deployment) losesItsLeader(c *client) {
	d.t.Helper()
	c.begins("the leader is killed")
	leader := d.leader()
	if leader == "" {
		d.t.Fatal("no member leads")
	}
	if r := d.fleet.kubectl(d.t, leader, "delete", "pod", "-n", d.settings.Name, d.pod(), "--grace-period=0", "--force"); r.Code != 0 {
		d.t.Fatal(r.Stderr)
	}
	eventually(d.t, "every member is healthy again", time.Minute, func() string { return d.unhealthy(leader) })
	c.writes(50)
}

// isCutOff: a region is partitioned from all others. It takes no writes; its pod gets a new address
// meanwhile; healed, it is found by its name again.
func (d *deployment) isCutOff(c *client) {
	d.t.Helper()
	c.begins("a region is cut off")
	others := []string{"eu1", "us1", "client"}
	for _, other := range others {
		d.fleet.must(d.t, "partition", "ap1", other)
	}
	eventually(d.t, "the majority has a leader", 30*time.Second, func() string {
		if leader := d.leader(); leader == "" || leader == "ap1" {
			return "the leader is in " + leader
		}
		return ""
	})
	if r := d.etcdctl("ap1", "put", "/minority", "must-not-be"); r.Code == 0 {
		d.t.Errorf("the minority took a write: %s", r.Stdout)
	}
	address := d.address("ap1")
	if r := d.fleet.kubectl(d.t, "ap1", "delete", "pod", "-n", d.settings.Name, d.pod()); r.Code != 0 {
		d.t.Fatal(r.Stderr)
	}
	eventually(d.t, "the replica runs at a new address", time.Minute, func() string {
		if now := d.address("ap1"); now == "" || now == address {
			return "its address is " + now
		}
		return ""
	})
	c.writes(100)
	c.begins("healed")
	healed := time.Now()
	d.fleet.must(d.t, "heal")
	eventually(d.t, "the region is back by name", time.Minute, func() string { return d.unhealthy("eu1") + d.unhealthy("ap1") })
	d.t.Logf("the region was whole %s after it was healed", time.Since(healed).Round(100*time.Millisecond))
	if r := d.etcdctl("ap1", "get", "/minority"); r.Code != 0 || r.Stdout != "" {
		d.t.Errorf("what the minority was asked to write: %q %s", r.Stdout, r.Stderr)
	}
}

// address is the replica's pod IP, empty while it has none.
func (d *deployment) address(cluster string) string {
	pod, err := d.fleet.clients[cluster].CoreV1().Pods(d.settings.Name).Get(d.t.Context(), d.pod(), metav1.GetOptions{})
	if err != nil || pod.DeletionTimestamp != nil {
		return ""
	}
	return pod.Status.PodIP
}
