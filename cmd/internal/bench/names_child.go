package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"quorate.dev/quorate/dns/query"
	"quorate.dev/quorate/dns/serve"
)

// child is quorate's authority in a process of its own, as other name servers are. Its cluster's API server is played in the
// same process, since no sandbox runs so many pods; what that holds is not counted.
type child struct {
	server  *serve.Server
	client  *fake.Clientset
	address string
	before  uint64 // octets of the heap before the server was there
	moved   int    // how often a pod came back elsewhere
}

// serveNames serves until standard input ends. It says where once it answers for all replicas, and how much memory that
// took; to each line of input a pod comes back elsewhere, and it says how long that took to be answered.
func serveNames(ctx context.Context, replicas int, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := child{client: fake.NewClientset(namesSlices(replicas)...)}
	c.before = heap()
	var err error
	c.server, err = serve.New(ctx, serve.Config{Topology: namesTopology(replicas), Now: time.Now, Sources: []serve.Source{{
		Cluster: namesCluster, Namespace: namesDeployment, Client: c.client, Services: map[string]string{namesDeployment: namesDeployment},
	}}})
	if err != nil {
		return err
	}
	if c.address, err = c.server.Listen(ctx, "127.0.0.1:0"); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.server.Run(ctx) }()
	if err := c.answers(ctx, replicas-1, namesAddress(replicas-1, 0)); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %d\n", c.address, heap()-c.before)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		took, err := c.move(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d\n", took)
	}
	cancel()
	return <-ended
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first one freed of pools and finalizers, too
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// move has the first pod come back elsewhere, and waits for the answer that says so.
func (c *child) move(ctx context.Context) (time.Duration, error) {
	c.moved++
	slice := namesSlice(0, perSlice, 0)
	slice.Endpoints[0] = namesSlice(0, 1, c.moved).Endpoints[0]
	began := time.Now()
	if _, err := c.client.DiscoveryV1().EndpointSlices(namesDeployment).Update(ctx, slice, metav1.UpdateOptions{}); err != nil {
		return 0, err
	}
	err := c.answers(ctx, 0, namesAddress(0, c.moved))
	return time.Since(began), err
}

// answers waits until the server answers a replica's name with an address: it is asked after each change of the zone.
func (c *child) answers(ctx context.Context, replica int, address string) error {
	want := netip.MustParseAddr(address)
	for {
		_, replaced := c.server.View()
		answer, err := query.Client{}.LookupAddresses(ctx, c.address, replicaName(replica))
		if err == nil && slices.Equal(answer.Addresses, []netip.Addr{want}) {
			return nil
		}
		select {
		case <-replaced:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s is answered with %s: %w", replicaName(replica), address, context.Cause(ctx))
		}
	}
}
