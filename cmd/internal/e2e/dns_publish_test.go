package e2e

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/clientcmd"
)

// A deployment whose one authority is a BIND that is written to: installed, verified, mended, followed.
func TestNamesInBIND(t *testing.T) {
	t.Parallel()
	n := newNamed(t, sandbox(t, "gate-on"), "bind", 4)
	if r := n.apply(); !strings.Contains(r.stderr, "names are written into "+n.primary.Address) {
		t.Errorf("the run does not say where it writes names:\n%s", r.stderr)
	}
	n.expectSettled()
	n.expectEmpty()
	n.judge(n.truths(), []string{n.primary.Address})
	n.verified()
	n.mended()
	n.muted()
	n.approved()
	n.capped()
	n.blindOfOne()
	n.podsComeBack()
}

// verified: every name is right at BIND; one that another hand takes out is named.
func (n *named) verified() {
	n.t.Helper()
	r := n.expect(0, "dns", "verify")
	for _, want := range slices.Concat([]string{"authority " + n.primary.Address, "regions", "seeds"}, clusterNames) {
		if !strings.Contains(r.stdout, want) {
			n.t.Errorf("the matrix has no %q:\n%s", want, r.stdout)
		}
	}
	// The sandbox's containers have no programs: each cluster is asked, and that it cannot tell is a hole.
	r = n.expect(1, "dns", "verify", "--from-clusters")
	for _, cluster := range clusterNames {
		if !strings.Contains(r.stdout, "inside "+cluster+" (bind-0) cannot be asked: the image has neither getent nor nslookup") {
			n.t.Errorf("asked in %s:\n%s", cluster, r.stdout)
		}
	}
	gone, service := n.replica("use1", 1), "_grpc._tcp."+n.zone()
	n.nsupdate("update delete "+gone+" A", "update delete "+service+" SRV")
	r = n.expect(1, "dns", "verify")
	for _, want := range []string{strings.TrimSuffix(gone, "."), strings.TrimSuffix(service, "."), "answers no SRV record", "Not right: 2 "} {
		if !strings.Contains(r.stdout, want) || !strings.Contains(r.stderr, "not every name is answered rightly") {
			n.t.Errorf("the holes are not named, want %q:\n%s%s", want, r.stdout, r.stderr)
		}
	}
}

// mended: a plan shows what is wrong in the zone, changes nothing, and apply makes it right.
func (n *named) mended() {
	n.t.Helper()
	n.nsupdate("update delete "+n.replica("euw1", 0)+" A", "update add "+n.replica("euw1", 0)+" 60 A 192.0.2.1")
	before := n.serial()
	r := n.expect(2, "dns", "plan", "--detailed-exitcode")
	for _, name := range []string{n.replica("use1", 1), n.replica("euw1", 0)} {
		if !strings.Contains(r.stdout, strings.TrimSuffix(name, ".")) {
			n.t.Errorf("the plan does not name %s:\n%s", name, r.stdout)
		}
	}
	n.expect(10, "dns", "apply")
	if n.serial() != before {
		n.t.Error("a plan, or an apply without approval, changed the zone")
	}
	n.expect(0, "dns", "apply", "--auto-approve")
	n.expect(0, "dns", "plan", "--detailed-exitcode")
	n.expect(0, "dns", "verify")
	n.judge(n.truths(), []string{n.primary.Address})
}

// muted: a server that takes the connection and never answers is named after a while; standard output is left to the plan.
func (n *named) muted() {
	n.t.Helper()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	defer mute.Close() //nolint:errcheck // nobody spoke over it
	publish := n.settings.Publish
	n.write(func(s *settings) { s.Publish = strings.ReplaceAll(publish, n.primary.Address, mute.Addr().String()) })
	run := n.start("dns", "plan", "--output", "json")
	want := "waiting for name server " + mute.Addr().String() + ": it is asked for zone " + n.zone() + "\n"
	run.WaitFor(n.t, "", want)
	if said := run.Output(); said != want {
		n.t.Errorf("it says more than that:\n%s", said)
	}
	if err := run.Signal(syscall.SIGINT); err != nil {
		n.t.Fatal(err)
	}
	if code := run.Wait(); code != 14 {
		n.t.Errorf("interrupted, it exits %d:\n%s", code, run.Output())
	}
	n.write(func(s *settings) { s.Publish = publish })
}

// approved: what was shown and approved is done, unless something else would be done by then.
func (n *named) approved() {
	n.t.Helper()
	first, second := n.replica("use1", 0), n.replica("euw1", 1)
	n.nsupdate("update delete " + first + " A")
	run := n.startOnTerminal("", "dns", "apply")
	run.WaitFor(n.t, "", "Only 'yes' changes them: ")
	n.nsupdate("update delete " + second + " A")
	before := n.serial()
	run.Type(n.t, "yes\n")
	if code := run.Wait(); code != 1 || !strings.Contains(run.Output(), "have changed since this was shown") || n.serial() != before {
		n.t.Errorf("more is to be done by the time of the approval, and it exits %d:\n%s", code, run.Output())
	}
	run = n.startOnTerminal("yes\n", "dns", "apply")
	if code := run.Wait(); code != 0 {
		n.t.Errorf("approved, it exits %d:\n%s", code, run.Output())
	}
	n.judge(n.truths(), []string{n.primary.Address})
}

// capped: a topology that lost most replicas of a cluster deletes no names by itself.
func (n *named) capped() {
	n.t.Helper()
	n.write(func(s *settings) { s.Replicas["euw1"] = 15 })
	extra := &played{n: n, cluster: "euw1", pods: make([]playedPod, 15)}
	for ordinal := 4; ordinal < 15; ordinal++ {
		extra.renew(ordinal)
	}
	api := n.sandbox.clients["euw1"].DiscoveryV1().EndpointSlices(n.settings.Name)
	for i := range slicesOfCluster {
		if _, err := api.Create(n.t.Context(), extra.slice(i), metav1.CreateOptions{}); err != nil {
			n.t.Fatal(err)
		}
	}
	n.expect(0, "dns", "apply", "--auto-approve")
	n.judge(n.truths(), []string{n.primary.Address})
	for i := range slicesOfCluster {
		if err := api.Delete(n.t.Context(), extra.slice(i).Name, metav1.DeleteOptions{}); err != nil {
			n.t.Fatal(err)
		}
	}
	n.write(func(s *settings) { s.Replicas["euw1"] = 4 })
	before := n.serial()
	for _, command := range [][]string{{"dns", "plan"}, {"dns", "apply", "--auto-approve"}} {
		r := n.expect(12, command...)
		if !strings.Contains(r.stdout+r.stderr, "refused to delete 11 of ") || !strings.Contains(r.stderr, "--allow-deletes") {
			n.t.Errorf("%v:\n%s%s", command, r.stdout, r.stderr)
		}
	}
	if n.serial() != before {
		n.t.Error("something was changed beside what was refused")
	}
	n.expect(0, "dns", "apply", "--auto-approve", "--allow-deletes")
	n.judge(n.truths(), []string{n.primary.Address})
}

// blindOfOne: the names of a cluster that does not answer stay, those of the others are mended.
func (n *named) blindOfOne() {
	n.t.Helper()
	config, err := clientcmd.LoadFromFile(n.sandbox.kubeconfig)
	if err != nil {
		n.t.Fatal(err)
	}
	config.Clusters[config.Contexts["euw1"].Cluster].Server = "https://127.0.0.1:1"
	file := filepath.Join(n.dir, "blind")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		n.t.Fatal(err)
	}
	seeing := n.sandbox
	n.sandbox = &sandboxHandle{name: seeing.name, kubeconfig: file, clients: seeing.clients}
	n.nsupdate("update delete " + n.replica("usw1", 2) + " A")
	r := n.expect(17, "dns", "plan")
	if !strings.Contains(r.stdout+r.stderr, "euw1") || !strings.Contains(r.stdout, "1 to create, 0 to update, 0 to delete") || !strings.Contains(r.stdout, strings.TrimSuffix(n.replica("usw1", 2), ".")) {
		n.t.Errorf("a plan that cannot see euw1:\n%s%s", r.stdout, r.stderr)
	}
	n.expect(17, "dns", "apply", "--auto-approve")
	n.expect(17, "dns", "verify")
	n.sandbox = seeing
	n.judge(n.truths(), []string{n.primary.Address})
	n.expect(0, "dns", "plan", "--detailed-exitcode")
}

// podsComeBack: true pods are deleted, and the controllers' new ones are answered, by an authority of our own and by BIND.
func (n *named) podsComeBack() {
	n.t.Helper()
	both := n.followers()
	for i := range both {
		both[i].what = "pods deleted, " + both[i].what
	}
	for i := range 3 {
		for _, cluster := range clusterNames {
			n.deleted(cluster, i, both)
		}
	}
	for _, f := range both {
		f.report()
	}
	n.waitReachable()
	n.expectSettled()
	addresses := []string{both[0].address, both[1].address}
	eventually(n.t, "the names after pods came back", 20*time.Second, func() string { return n.differs(n.truths(), addresses...) })
	n.judge(n.truths(), addresses)
}

// deleted deletes one pod and measures from the event of its follower's address on.
func (n *named) deleted(cluster string, ordinal int, both []follower) {
	n.t.Helper()
	name := n.replica(cluster, ordinal)
	before := n.truth(cluster)[name]
	events := n.addressesSeen(cluster, name)
	pod, _, _ := strings.Cut(name, ".")
	if err := n.sandbox.clients[cluster].CoreV1().Pods(n.settings.Name).Delete(n.t.Context(), pod, metav1.DeleteOptions{}); err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	for {
		select {
		case e := <-events:
			if e.address != "" && e.address != before {
				n.timed(e, name, both)
				return
			}
		case <-ctx.Done():
			n.t.Fatalf("%s did not come back", name)
		}
	}
}

// addressSeen is that a name has an address, as a watch told.
type addressSeen struct {
	when    time.Time
	address string
}

// addressesSeen are the addresses of a replica, from EndpointSlice events, until the test ends.
func (n *named) addressesSeen(cluster, name string) <-chan addressSeen {
	n.t.Helper()
	stream, err := n.sandbox.clients[cluster].DiscoveryV1().EndpointSlices(n.settings.Name).Watch(n.t.Context(), metav1.ListOptions{})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(stream.Stop)
	out := make(chan addressSeen, 100)
	go func() {
		for event := range stream.ResultChan() {
			s, ok := event.Object.(*discoveryv1.EndpointSlice)
			if !ok || event.Type == watch.Deleted {
				continue
			}
			for _, e := range s.Endpoints {
				ends := e.Conditions.Terminating != nil && *e.Conditions.Terminating
				if e.Hostname != nil && strings.HasPrefix(name, *e.Hostname+".") && !ends && len(out) < cap(out) {
					out <- addressSeen{time.Now(), e.Addresses[0]}
				}
			}
		}
	}()
	return out
}

// timed measures until all answer with what was seen.
func (n *named) timed(e addressSeen, name string, all []follower) {
	n.t.Helper()
	for _, f := range all {
		right, err := answered(n.t.Context(), f.address, name, e.address)
		if err != nil {
			n.t.Error(err)
			continue
		}
		f.add(right.Sub(e.when))
	}
}
