package admin

import (
	"context"
	"net"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/cmd/sandbox/internal/database"
)

func TestAChangeOfOneClusterLeavesTheOthers(t *testing.T) {
	before := DefaultSettings()
	after := Change{Cluster: "use1", StartDelay: new(2 * time.Second)}.Apply(before)
	if after.Of("use1").Start != 2*time.Second || after.Of("use1").Termination != before.Default.Termination {
		t.Errorf("use1: %+v", after.Of("use1"))
	}
	if after.Of("euw1") != before.Default {
		t.Errorf("euw1 changed too: %+v", after.Of("euw1"))
	}
	if len(before.Clusters) != 0 {
		t.Error("the old settings were changed in place")
	}
	all := Change{StartDelay: new(time.Duration(0)), UnderReplicatedFor: new(3 * time.Second), CrashBackOff: new(time.Millisecond)}.Apply(after)
	if all.Of("use1").Start != 0 || all.Of("euw1").Start != 0 || all.Database.UnderReplicatedFor != 3*time.Second {
		t.Errorf("a change of all: %+v", all)
	}
	if all.Of("euw1").CrashFirst != time.Millisecond || all.Of("euw1").CrashLongest != 10*time.Millisecond {
		t.Errorf("crash back-off: %+v", all.Of("euw1"))
	}
}

func TestDescribe(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	settings := DefaultSettings()
	world := &database.World{Settings: settings.Database}
	for _, pod := range []string{"bank-0", "bank-1"} {
		world.Start(database.Replica{Cluster: "use1", Pod: pod, PodUID: pod, Disk: pod + "-disk", Address: pod + ":1", Seeds: []string{"a"}}, now, now, nil)
	}
	if d := Describe("s", settings, world, now).Databases[0]; d.Initialised || d.Quorate || d.InitsAccepted != 0 || len(d.Nodes) != 2 {
		t.Errorf("before init: %+v", d)
	}
	if err := world.Init("bank-0", now, func() string { return "id" }); err != nil {
		t.Fatal(err)
	}
	_ = world.Init("bank-1", now, nil)
	world.Stop("bank-1", now)
	d := Describe("s", settings, world, now).Databases[0]
	if !d.Initialised || d.InitsAccepted != 1 || len(d.Inits) != 2 || d.Quorate || !d.UnderReplicated {
		t.Errorf("after init, one of two down: %+v", d)
	}
	if n := d.Nodes[1]; n.Live || n.Ready || n.DownSince == nil || n.PVC != "bank-1-disk" || n.NodeID != 2 {
		t.Errorf("the node that is down: %+v", n)
	}
}

// recorder is a player that notes changes.
type recorder struct{ changes []Change }

func (r *recorder) State() State { return State{Sandbox: "s", FormatVersion: "1.0"} }
func (r *recorder) Change(c Change) (Settings, error) {
	r.changes = append(r.changes, c)
	return c.Apply(DefaultSettings()), nil
}

func TestTheProtocol(t *testing.T) {
	player := &recorder{}
	server := httptest.NewServer(NewHandler(player, "secret"))
	defer server.Close()
	client := Client{Port: server.Listener.Addr().(*net.TCPAddr).Port, Token: "secret"}
	ctx := context.Background()
	if state, err := client.State(ctx); err != nil || state.Sandbox != "s" {
		t.Errorf("state: %+v, %v", state, err)
	}
	asked := Change{Cluster: "use1", StartDelay: new(2 * time.Second)}
	settings, err := client.Change(ctx, asked)
	if err != nil || settings.Of("use1").Start != 2*time.Second || !reflect.DeepEqual(player.changes, []Change{asked}) {
		t.Errorf("change: %+v, %v; the player saw %+v", settings, err, player.changes)
	}
	client.Token = "guess"
	if _, err := client.State(ctx); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("a wrong token was answered %v", err)
	}
	server.Close()
	if _, err := client.State(ctx); err == nil || !strings.Contains(err.Error(), "sandbox up") {
		t.Errorf("a player that is not there: %v", err)
	}
}
