package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/query"
)

// TestChainedClusters: three clusters that all call themselves cluster.local, each with a CoreDNS of its own whose plugin
// kubernetes asks its API server, and no authority. After `dns stub --chain` each of them answers for the replicas of all.
func TestChainedClusters(t *testing.T) {
	servers.Needed(t)
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "chained")
	b.apply()
	const config = "coredns-chained"
	address, args := map[string]string{}, []string{"dns", "stub", "--chain", "--config-map", config, "--apply", "--auto-approve"}
	for _, cluster := range clusterNames {
		address[cluster] = servers.FreeAddress(t)
		b.systemConfig(cluster, config, map[string]string{"Corefile": b.clusterDNS(cluster, address[cluster])})
		args = append(args, "--dns-address", cluster+"="+address[cluster])
	}
	b.expect(0, args...)
	pods := map[string]netip.Addr{}
	for _, cluster := range clusterNames {
		b.runs(cluster, b.system(cluster, config, "Corefile"))
		pod, err := b.sandbox.clients[cluster].CoreV1().Pods("chained").Get(t.Context(), "chained-0", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		pods[cluster] = netip.MustParseAddr(pod.Status.PodIP)
	}
	for _, asked := range clusterNames {
		b.resolves(address[asked], "chained-0.chained.chained.svc.cluster.local.", pods[asked])
		for _, of := range clusterNames {
			b.resolves(address[asked], fmt.Sprintf("chained-0.%s.chained.db.example.com.", of), pods[of])
		}
	}
}

// clusterDNS is the Corefile of a cluster's own DNS, on loopback.
func (b *bank) clusterDNS(cluster, address string) string {
	return fmt.Sprintf(".:%d {\n    bind 127.0.0.1\n    errors\n    kubernetes cluster.local {\n        kubeconfig %s %s\n        ttl 1\n    }\n}\n",
		netip.MustParseAddrPort(address).Port(), b.sandbox.kubeconfig, cluster)
}

// runs has a CoreDNS run until the test ends.
func (b *bank) runs(cluster, corefile string) {
	b.t.Helper()
	file := filepath.Join(b.dir, "Corefile."+cluster)
	if err := os.WriteFile(file, []byte(corefile), 0o600); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, os.Getenv(servers.CoreDNSVariable), "-conf", file)
	command.Stdout, command.Stderr = b.t.Output(), b.t.Output()
	if err := command.Start(); err != nil {
		cancel()
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was killed
	})
}

// resolves waits until a cluster's DNS, which reads what it serves in its own time, answers the name with the address.
func (b *bank) resolves(server, name string, want netip.Addr) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	for {
		answer, err := query.Client{Recursive: true}.LookupAddresses(ctx, server, name)
		if err == nil && len(answer.Addresses) == 1 && answer.Addresses[0] == want {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			b.t.Fatalf("%s answers %s with %v (%v), want %v", server, name, answer, err, want)
		}
	}
}
