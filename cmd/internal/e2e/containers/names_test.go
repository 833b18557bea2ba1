package containers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	beaconReplicas = 2  // in each cluster
	beaconRounds   = 10 // in each, every pod gets a new address, one of each cluster at a time
)

const beaconBase = `apiVersion: v1
kind: Service
metadata: {name: beacon}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {app: beacon}
  ports: [{name: none, port: 9, protocol: TCP}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: beacon}
spec:
  serviceName: beacon
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: beacon}}
  template:
    metadata: {labels: {app: beacon}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: beacon
          image: quorate.test/beacon:test
`

const beaconTopology = `apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: beacon}
spec:
  profile: generic
  base: ./base
  dns:
    zone: beacon.db.example.com
    ttl: 5s
    publish:
      - serve: {inCluster: {image: "quorate.test/quorate:test", forwarder: "quorate.test/coredns:v1.15.0"}}
  rollout: {timeout: 90s}
  locality: {zone: none}
  regions:
%s`

// TestNamesFollowPods measures, inside pods of every cluster, how long after a pod's new address is in
// the API server of its cluster the name gives it, in all clusters.
func TestNamesFollowPods(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "beacon", 55)
	d.writeBeacon()
	d.apply()
	d.expectEmpty()
	d.verifiesFromInside()
	seen := d.watchSlices()
	observers := d.startObservers()
	for range beaconRounds {
		for ordinal := range beaconReplicas {
			d.move(fmt.Sprintf("beacon-%d", ordinal))
		}
	}
	var seenAt []sighting
	for _, answer := range observers() {
		for _, address := range answer.Addresses {
			if at, ok := seen.at(answer.Name, address); ok {
				seenAt = append(seenAt, sighting{answer, max(0, answer.At.Sub(at))})
			}
		}
	}
	changes := beaconRounds * beaconReplicas * len(clusterNames)
	if want := changes * len(clusterNames); len(seenAt) < want {
		t.Errorf("%d new addresses were seen in the pods of %d clusters, want %d", len(seenAt), len(clusterNames), want)
	}
	slices.SortFunc(seenAt, func(a, b sighting) int { return cmp.Compare(a.took, b.took) })
	quantile := func(percent int) time.Duration { return seenAt[len(seenAt)*percent/100].took.Round(time.Millisecond) }
	t.Logf("from the EndpointSlice's event to the answer inside a pod, %d changes seen in %d clusters: p50 %s, p99 %s",
		changes, len(clusterNames), quantile(50), quantile(99))
	for _, slow := range seenAt[max(0, len(seenAt)-5):] {
		t.Logf("slowest: %s in %s at %s: %s", slow.Name, slow.observer, slow.At.Format("15:04:05.000"), slow.took.Round(time.Millisecond))
	}
}

// verifiesFromInside: the nslookup in the container of a replica of every cluster gives every name of every cluster its
// addresses, and so do the authorities inside.
func (d *deployment) verifiesFromInside() {
	d.t.Helper()
	r := d.expect(0, "dns", "verify", "--from-clusters", "--wait", "15s", "--output", "json")
	var doc struct {
		Right bool `json:"right"`
		Rows  []struct {
			From  string                                `json:"from"`
			Cells map[string]struct{ Right, Asked int } `json:"cells"`
		} `json:"rows"`
	}
	if err := json.Unmarshal([]byte(r.Stdout), &doc); err != nil {
		d.t.Fatal(err)
	}
	if !doc.Right || len(doc.Rows) != 2*len(clusterNames) {
		d.t.Errorf("the matrix:\n%s", r.Stdout)
	}
	for _, row := range doc.Rows {
		for _, cluster := range clusterNames {
			if cell := row.Cells[cluster]; cell.Asked != beaconReplicas+1 || cell.Right != cell.Asked {
				d.t.Errorf("%s of %s: %+v", row.From, cluster, cell)
			}
		}
	}
	d.t.Logf("asked from inside:\n%s", d.expect(0, "dns", "verify", "--from-clusters").Stdout)
}

// sighting is when a pod saw a new address.
type sighting struct {
	answer
	took time.Duration // since it was in the EndpointSlice
}

// writeBeacon replaces the topology by one of many small pods.
func (d *deployment) writeBeacon() {
	d.t.Helper()
	var regions strings.Builder
	for _, c := range d.settings.Clusters {
		fmt.Fprintf(&regions, "    - name: %s\n      clusters: [{name: %s, replicas: %d, dnsServers: [%s], podCIDRs: [%q]}]\n",
			c.Region, c.Name, beaconReplicas, c.DNSServer, c.PodCIDR)
	}
	base := filepath.Join(d.dir, "base")
	if err := os.Mkdir(base, 0o700); err != nil {
		d.t.Fatal(err)
	}
	for file, text := range map[string]string{
		d.file():                                  fmt.Sprintf(beaconTopology, regions.String()),
		filepath.Join(base, "beacon.yaml"):        beaconBase,
		filepath.Join(base, "kustomization.yaml"): "resources: [beacon.yaml]\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
}

// sightings are when each name's address first was in an EndpointSlice, as this process saw it: all
// clusters and pods are on one machine and share its clock.
type sightings struct {
	mu    sync.Mutex
	first map[string]time.Time // "name address"
}

func (s *sightings) at(name, address string) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.first[name+" "+address]
	return at, ok
}

func (s *sightings) add(cluster string, slice *discoveryv1.EndpointSlice, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, endpoint := range slice.Endpoints {
		if endpoint.TargetRef == nil {
			continue
		}
		for _, address := range endpoint.Addresses {
			key := fmt.Sprintf("%s.%s.beacon.db.example.com %s", endpoint.TargetRef.Name, cluster, address)
			if _, known := s.first[key]; !known {
				s.first[key] = at
			}
		}
	}
}

// watchSlices notes every new address from now on; those that are there already do not count.
func (d *deployment) watchSlices() *sightings {
	d.t.Helper()
	s := &sightings{first: map[string]time.Time{}}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for _, cluster := range clusterNames {
		slices := d.fleet.clients[cluster].DiscoveryV1().EndpointSlices(d.settings.Name)
		list, err := slices.List(ctx, metav1.ListOptions{})
		if err != nil {
			d.t.Fatal(err)
		}
		events, err := slices.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
		if err != nil {
			d.t.Fatal(err)
		}
		group.Go(func() {
			for event := range events.ResultChan() {
				if slice, ok := event.Object.(*discoveryv1.EndpointSlice); ok {
					s.add(cluster, slice, time.Now())
				}
			}
		})
	}
	d.t.Cleanup(func() { cancel(); group.Wait() })
	return s
}

// answer is what an observer saw a name resolve to from a moment on.
type answer struct {
	At        time.Time `json:"at"`
	Name      string    `json:"name"`
	Addresses []string  `json:"addresses"`

	observer string // the cluster of the pod that asked
}

// startObservers puts a pod into every cluster that asks for every name all the time, as a replica
// would: through the nameserver of its dnsConfig. The returned function gives what they saw.
func (d *deployment) startObservers() func() []answer {
	d.t.Helper()
	var names []string
	for _, cluster := range clusterNames {
		for n := range beaconReplicas {
			names = append(names, fmt.Sprintf("beacon-%d.%s.beacon.db.example.com", n, cluster))
		}
	}
	for _, c := range d.settings.Clusters {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "observer", Namespace: d.settings.Name},
			Spec: corev1.PodSpec{
				DNSPolicy: corev1.DNSNone, DNSConfig: &corev1.PodDNSConfig{Nameservers: []string{c.DNSServer}},
				TerminationGracePeriodSeconds: new(int64),
				Containers: []corev1.Container{{
					Name: "observer", Image: "quorate.test/sandbox:test",
					Args: append([]string{"witness", "names", "--every", "25ms"}, names...),
					Env:  []corev1.EnvVar{{Name: "HOME", Value: "/tmp"}},
					// A pod that asks for nothing gets next to nothing of a busy machine, and would measure that.
					Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")}},
				}},
			},
		}
		if _, err := d.fleet.clients[c.Name].CoreV1().Pods(pod.Namespace).Create(d.t.Context(), pod, metav1.CreateOptions{}); err != nil {
			d.t.Fatal(err)
		}
	}
	d.t.Cleanup(func() { // they ask all the time, and other tests want the machine
		for _, cluster := range clusterNames {
			if err := d.fleet.clients[cluster].CoreV1().Pods(d.settings.Name).Delete(context.Background(), "observer", metav1.DeleteOptions{}); err != nil {
				d.t.Error(err)
			}
		}
	})
	read := func() []answer {
		var all []answer
		for _, cluster := range clusterNames {
			all = append(all, d.answers(cluster)...)
		}
		return all
	}
	eventually(d.t, "the observers have an answer for every name", time.Minute, func() string {
		if got, want := len(read()), len(names)*len(clusterNames); got < want {
			return fmt.Sprintf("%d of %d", got, want)
		}
		return ""
	})
	return read
}

func (d *deployment) answers(cluster string) []answer {
	d.t.Helper()
	text, err := d.fleet.clients[cluster].CoreV1().Pods(d.settings.Name).GetLogs("observer", &corev1.PodLogOptions{}).DoRaw(d.t.Context())
	if err != nil {
		return nil // its container does not run yet
	}
	var all []answer
	for line := range bytes.Lines(text) {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			d.t.Fatalf("observer of %s: %v: %s", cluster, err, line)
		}
		a.observer = cluster
		all = append(all, a)
	}
	return all
}

// move deletes a pod of each cluster and waits until every observer sees its name at a new address.
func (d *deployment) move(pod string) {
	d.t.Helper()
	before := d.current()
	for _, cluster := range clusterNames {
		if err := d.fleet.clients[cluster].CoreV1().Pods(d.settings.Name).Delete(d.t.Context(), pod, metav1.DeleteOptions{}); err != nil {
			d.t.Fatal(err)
		}
	}
	eventually(d.t, "every observer sees "+pod+" at a new address", time.Minute, func() string {
		var stale []string
		for key, address := range d.current() {
			if strings.Contains(key, " "+pod+".") && (address == "" || address == before[key]) {
				stale = append(stale, key+" is at "+address)
			}
		}
		slices.Sort(stale)
		return strings.Join(stale, ", ")
	})
}

// current is the newest answer of each observer for each name.
func (d *deployment) current() map[string]string {
	d.t.Helper()
	newest := map[string]string{}
	for _, cluster := range clusterNames {
		for _, a := range d.answers(cluster) {
			newest[cluster+": "+a.Name] = strings.Join(a.Addresses, " ")
		}
	}
	return newest
}
