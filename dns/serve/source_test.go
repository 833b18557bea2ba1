package serve_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"quorate.dev/quorate/dns/serve"
)

const namespace = "bank"

// cluster is an API server in memory that can be made unreachable.
type cluster struct {
	name   string
	client *fake.Clientset
	down   atomic.Bool
	// streams are the watches under way; the test ends one to cut it.
	streams chan *watch.RaceFreeFakeWatcher
}

var errDown = errors.New("connection refused by the test")

func newCluster(t *testing.T, name string) *cluster {
	t.Helper()
	c := &cluster{name: name, client: fake.NewClientset(), streams: make(chan *watch.RaceFreeFakeWatcher, 100)}
	c.client.PrependReactor("list", "endpointslices", func(clienttesting.Action) (bool, runtime.Object, error) {
		if c.down.Load() {
			return true, nil, errDown
		}
		return false, nil, nil
	})
	c.client.PrependWatchReactor("endpointslices", func(clienttesting.Action) (bool, watch.Interface, error) {
		if c.down.Load() {
			return true, nil, errDown
		}
		return false, nil, nil
	})
	return c
}

// cuttable makes the test send all events itself, over streams that it can cut.
func (c *cluster) cuttable() {
	c.client.PrependWatchReactor("endpointslices", func(clienttesting.Action) (bool, watch.Interface, error) {
		if c.down.Load() {
			return true, nil, errDown
		}
		stream := watch.NewRaceFreeFake()
		c.streams <- stream
		return true, stream, nil
	})
}

func (c *cluster) source() serve.Source {
	return serve.Source{Cluster: c.name, Namespace: namespace, Client: c.client, Services: map[string]string{"bank": "bank-headless"}}
}

func slicePod(pod, uid string, ips ...string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses: ips, Hostname: &pod,
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod, UID: types.UID(uid)},
	}
}

func terminating(e discoveryv1.Endpoint) discoveryv1.Endpoint {
	yes := true
	e.Conditions.Terminating = &yes
	return e
}

func newSlice(name, service string, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	family := discoveryv1.AddressTypeIPv4
	for _, e := range endpoints {
		if strings.Contains(e.Addresses[0], ":") {
			family = discoveryv1.AddressTypeIPv6
		}
	}
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: family, Endpoints: endpoints,
	}
}

// put adds endpoints to a slice of the governing service, making it where needed.
func (c *cluster) put(t *testing.T, name string, endpoints ...discoveryv1.Endpoint) {
	t.Helper()
	api := c.client.DiscoveryV1().EndpointSlices(namespace)
	slice, err := api.Get(t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = api.Create(t.Context(), newSlice(name, "bank-headless", endpoints...), metav1.CreateOptions{})
	} else if err == nil {
		slice.Endpoints = append(slice.Endpoints, endpoints...)
		_, err = api.Update(t.Context(), slice, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// set makes a slice hold just these endpoints.
func (c *cluster) set(t *testing.T, slice *discoveryv1.EndpointSlice) {
	t.Helper()
	if _, err := c.client.DiscoveryV1().EndpointSlices(namespace).Update(t.Context(), slice, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestSourceFollows: the life of pods as the slices tell it, over a real socket.
func TestSourceFollows(t *testing.T) {
	use1 := newCluster(t, "use1")
	use1.put(t, "four", slicePod("bank-0", "a", "10.1.0.4"))
	server, address := start(t, serve.Config{Topology: bank(), Sources: []serve.Source{use1.source()}})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	const replica = "bank-0.use1." + origin
	eventually(t, address, replica, "NOERROR[10.1.0.4]")
	use1.put(t, "six", slicePod("bank-0", "a", "fd00::4"))
	eventually(t, address, replica, "NOERROR[10.1.0.4 fd00::4]")
	use1.set(t, newSlice("four", "bank-headless", terminating(slicePod("bank-0", "a", "10.1.0.4"))))
	eventually(t, address, replica, "NOERROR[10.1.0.4 fd00::4]")
	use1.put(t, "later", slicePod("bank-0", "new", "10.1.0.9"), slicePod("bank-1", "b", "10.1.0.5"))
	eventually(t, address, replica, "NOERROR[10.1.0.9]")
	eventually(t, address, "us-east1."+origin, "NOERROR[10.1.0.5 10.1.0.9]")
	if err := use1.client.DiscoveryV1().EndpointSlices(namespace).Delete(t.Context(), "later", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, address, "bank-1.use1."+origin, "NOERROR[]")
	eventually(t, address, replica, "NOERROR[10.1.0.4 fd00::4]")
}

// TestSourceIgnores what is no replica of ours.
func TestSourceIgnores(t *testing.T) {
	use1 := newCluster(t, "use1")
	nameless := slicePod("bank-1", "b", "10.1.0.5")
	nameless.Hostname = nil // the pod's own name serves as well
	other := slicePod("bank-0", "x", "10.9.0.1")
	web := slicePod("web-0", "w", "10.9.0.2")
	padded := slicePod("bank-00", "z", "10.9.0.3")
	external := slicePod("bank-0", "e", "bank.example.org")
	use1.put(t, "ours", slicePod("bank-0", "a", "10.1.0.4"), nameless, web, padded)
	foreign := newSlice("other", "other-service", other)
	names := newSlice("names", "bank-headless", external)
	names.AddressType = discoveryv1.AddressTypeFQDN
	for _, s := range []*discoveryv1.EndpointSlice{foreign, names} {
		if _, err := use1.client.DiscoveryV1().EndpointSlices(namespace).Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	server, address := start(t, serve.Config{Topology: bank(), Sources: []serve.Source{use1.source()}})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The watch of this API server does not filter by label, so this comes through it.
	foreign.Endpoints[0].Addresses = []string{"10.9.0.9"}
	use1.set(t, foreign)
	use1.put(t, "last", slicePod("bank-2", "c", "10.1.0.6"))
	eventually(t, address, "us-east1."+origin, "NOERROR[10.1.0.4 10.1.0.5 10.1.0.6]")
}

// TestNeverReadIsServfail: a cluster that cannot be read is not denied, the others
// are served, the wait says what it misses, and the cluster is taken up when it comes.
func TestNeverReadIsServfail(t *testing.T) {
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.put(t, "s", slicePod("bank-0", "a", "10.1.0.4"))
	euw1.put(t, "s", slicePod("bank-0", "c", "10.2.0.4"))
	euw1.down.Store(true)
	server, address := start(t, serve.Config{Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()}})
	eventually(t, address, "bank-0.use1."+origin, "NOERROR[10.1.0.4]")
	eventually(t, address, "bank-0.euw1."+origin, "SERVFAIL[]")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := server.WaitSynced(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errDown) {
		t.Fatalf("WaitSynced: got %v, want the deadline and its reason", err)
	}
	for _, want := range []string{"bank.db.example.com", "cluster euw1", "namespace bank"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("WaitSynced does not name %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "cluster use1") {
		t.Errorf("WaitSynced names a cluster that is read: %v", err)
	}
	euw1.down.Store(false)
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, address, "bank-0.euw1."+origin, "NOERROR[10.2.0.4]")
}

// TestUnreachableKeepsItsNames: last-known records stay through an outage, the
// status tells of it, and a change missed meanwhile is found afterwards.
func TestUnreachableKeepsItsNames(t *testing.T) {
	use1 := newCluster(t, "use1")
	use1.cuttable()
	use1.put(t, "s", slicePod("bank-0", "a", "10.1.0.4"))
	server, address := start(t, serve.Config{Topology: bank(), Sources: []serve.Source{use1.source()}})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	const replica = "bank-0.use1." + origin
	eventually(t, address, replica, "NOERROR[10.1.0.4]")
	stream := <-use1.streams // the watch begins after the list: cut before, it would never be
	use1.down.Store(true)
	cut := time.Now()
	stream.Stop()
	waitStatus(t, server, "unreachable", func(s serve.SourceStatus) bool { return errors.Is(s.Err, errDown) && s.Synced && s.Pods == 1 })
	eventually(t, address, replica, "NOERROR[10.1.0.4]")
	use1.set(t, newSlice("s", "bank-headless", slicePod("bank-0", "b", "10.1.0.9")))
	use1.down.Store(false)
	eventually(t, address, replica, "NOERROR[10.1.0.9]")
	waitStatus(t, server, "watched again", func(s serve.SourceStatus) bool { return s.Err == nil && s.LastContact.After(cut) })
}

func waitStatus(t *testing.T, server *serve.Server, what string, ok func(serve.SourceStatus) bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		status := server.Status()
		if len(status) == 1 && ok(status[0]) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the source is not %s: %+v", what, status)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestLatency: from a change in the API server to the answer over the wire.
func TestLatency(t *testing.T) {
	use1 := newCluster(t, "use1")
	use1.put(t, "s", slicePod("bank-0", "uid", "10.1.0.1"))
	server, address := start(t, serve.Config{Topology: bank(), Sources: []serve.Source{use1.source()}})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	for i := 2; i < 30; i++ {
		ip := fmt.Sprintf("10.1.0.%d", i)
		changed := time.Now()
		use1.set(t, newSlice("s", "bank-headless", slicePod("bank-0", fmt.Sprint("uid", i), ip)))
		eventually(t, address, "bank-0.use1."+origin, "NOERROR["+ip+"]")
		took = append(took, time.Since(changed))
	}
	slices.Sort(took)
	median := took[len(took)/2]
	t.Logf("of %d changes: median %v, slowest %v", len(took), median, took[len(took)-1])
	// Milliseconds on an idle machine; the median bears a busy one, and still tells a delay of our own.
	if median > 250*time.Millisecond {
		t.Errorf("half of the changes took more than %v to be answered", median)
	}
}
