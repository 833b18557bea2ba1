package containers

import (
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestNetworkFromInside: before anything is installed, real pods of every cluster open connections to those of all others at the
// database's ports, find their cluster's DNS, and are gone afterwards.
func TestNetworkFromInside(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "probed", 55)
	var document struct {
		Findings []struct{ Cluster, Check, Level, Message string }
		Paths    []struct {
			From, To, Target, Error string
			Micros                  int `json:"rtt_us"`
		}
	}
	out := d.expect(0, "preflight", "--probe-image", "quorate.test/quorate:test", "--output", "json")
	if err := json.Unmarshal([]byte(out.Stdout), &document); err != nil {
		t.Fatalf("%v:\n%s", err, out.Stdout)
	}
	ports := map[string]int{}
	for _, p := range document.Paths {
		if p.Error != "" || p.Micros <= 0 || p.From == p.To {
			t.Errorf("a way that should be open: %+v", p)
		}
		ports[p.From+" to "+p.To]++
	}
	if len(ports) != len(clusterNames)*(len(clusterNames)-1) {
		t.Errorf("ways between clusters: %v", ports)
	}
	good := map[string]int{}
	for _, f := range document.Findings {
		if f.Level == "ok" {
			good[f.Check]++
		}
	}
	if good["network"] != len(clusterNames) || good["pod-dns"] != len(clusterNames) {
		t.Errorf("network and names are good in %d and %d clusters:\n%s", good["network"], good["pod-dns"], out.Stdout)
	}
	for _, cluster := range clusterNames {
		jobs, err := d.fleet.clients[cluster].BatchV1().Jobs("").List(t.Context(), metav1.ListOptions{LabelSelector: "quorate.dev/preflight"})
		if err != nil || len(jobs.Items) > 0 {
			t.Errorf("%s: the probe is there still: %v, %v", cluster, jobs.Items, err)
		}
		pods, err := d.fleet.clients[cluster].CoreV1().Pods("").List(t.Context(), metav1.ListOptions{LabelSelector: "quorate.dev/preflight"})
		if err != nil || len(pods.Items) > 0 {
			t.Errorf("%s: its pod is there still: %v, %v", cluster, pods.Items, err)
		}
	}
}
