package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// slicesOfCluster is over how many EndpointSlices a played cluster's pods are spread; one more takes pods that end.
const slicesOfCluster = 3

// addressesPlayed counts the addresses that were given out: none is given twice.
var addressesPlayed atomic.Int64

// played is one cluster's EndpointSlices, which the test writes in place of the controller: that one would need
// pods, and takes longer to tell of them than what is measured here. Its methods are for one goroutine at a time.
type played struct {
	sync.Mutex // held by who changes it

	n       *named
	cluster string
	pods    []playedPod
	ending  *discoveryv1.Endpoint // a pod that ends, beside its follower
}

// playedPod is one replica's pod.
type playedPod struct {
	address string // empty: there is none
	uid     string
	unready bool
}

// plays makes namespaces, Services and EndpointSlices.
func (n *named) plays() map[string]*played {
	n.t.Helper()
	n.makesNamespaces()
	out := map[string]*played{}
	for _, cluster := range clusterNames {
		p := &played{n: n, cluster: cluster, pods: make([]playedPod, n.settings.Replicas[cluster])}
		out[cluster] = p
		service := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: n.settings.Name},
			Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Ports: []corev1.ServicePort{{Port: 26257}}},
		}
		if _, err := n.sandbox.clients[cluster].CoreV1().Services(n.settings.Name).Create(n.t.Context(), service, metav1.CreateOptions{}); err != nil {
			n.t.Fatal(err)
		}
		for ordinal := range p.pods {
			p.renew(ordinal)
		}
		for i := range slicesOfCluster + 1 {
			api := n.sandbox.clients[cluster].DiscoveryV1().EndpointSlices(n.settings.Name)
			if _, err := api.Create(n.t.Context(), p.slice(i), metav1.CreateOptions{}); err != nil {
				n.t.Fatal(err)
			}
		}
	}
	return out
}

// renew gives a replica a new pod with a new address; nobody knows of it before it is written.
func (p *played) renew(ordinal int) {
	next := addressesPlayed.Add(1)
	p.pods[ordinal] = playedPod{address: fmt.Sprintf("10.%d.%d.%d", 100+next>>16, next>>8&255, next&255), uid: fmt.Sprintf("uid-%d", next)}
}

func (p *played) endpoint(ordinal int) discoveryv1.Endpoint {
	pod, name, ready := p.pods[ordinal], fmt.Sprintf("%s-%d", p.n.settings.Name, ordinal), !p.pods[ordinal].unready
	return discoveryv1.Endpoint{
		Addresses: []string{pod.address}, Hostname: &name, Conditions: discoveryv1.EndpointConditions{Ready: &ready},
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: p.n.settings.Name, Name: name, UID: types.UID(pod.uid)},
	}
}

// slice is one of the cluster's EndpointSlices as it should be now.
func (p *played) slice(i int) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name:   fmt.Sprintf("%s-%d", p.n.settings.Name, i),
			Labels: map[string]string{discoveryv1.LabelServiceName: p.n.settings.Name, discoveryv1.LabelManagedBy: "test"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	if i == slicesOfCluster {
		if p.ending != nil {
			s.Endpoints = []discoveryv1.Endpoint{*p.ending}
		}
		return s
	}
	for ordinal := i; ordinal < len(p.pods); ordinal += slicesOfCluster {
		if p.pods[ordinal].address != "" {
			s.Endpoints = append(s.Endpoints, p.endpoint(ordinal))
		}
	}
	return s
}

// write makes one EndpointSlice so, and returns its version.
func (p *played) write(i int) string {
	p.n.t.Helper()
	api := p.n.sandbox.clients[p.cluster].DiscoveryV1().EndpointSlices(p.n.settings.Name)
	written, err := api.Update(p.n.t.Context(), p.slice(i), metav1.UpdateOptions{})
	if err != nil {
		p.n.t.Errorf("%s: %v", p.cluster, err)
		return ""
	}
	return written.ResourceVersion
}

// moves gives a replica a new pod, and returns the version of the EndpointSlice that says so, and the address.
func (p *played) moves(ordinal int) (version, address string) {
	p.n.t.Helper()
	p.renew(ordinal)
	return p.write(ordinal % slicesOfCluster), p.pods[ordinal].address
}

// truth is what a cluster's API server says: the address of each replica that has a pod, by name. Of two pods the
// one that does not end counts.
func (n *named) truth(cluster string) map[string]string {
	n.t.Helper()
	list, err := n.sandbox.clients[cluster].DiscoveryV1().EndpointSlices(n.settings.Name).List(n.t.Context(), metav1.ListOptions{})
	if err != nil {
		n.t.Fatal(err)
	}
	out := map[string]string{}
	for _, ends := range []bool{true, false} {
		for _, s := range list.Items {
			if s.Labels[discoveryv1.LabelServiceName] != n.settings.Name {
				continue
			}
			for _, e := range s.Endpoints {
				if e.Hostname != nil && ends == (e.Conditions.Terminating != nil && *e.Conditions.Terminating) {
					out[*e.Hostname+"."+cluster+"."+n.zone()] = e.Addresses[0]
				}
			}
		}
	}
	return out
}

// truths are those of all clusters, and of the names that gather them.
func (n *named) truths() map[string]string {
	n.t.Helper()
	out := map[string]string{}
	for _, cluster := range clusterNames {
		var all []string
		for name, address := range n.truth(cluster) {
			out[name] = address
			all = append(all, address)
		}
		slices.Sort(all)
		out[cluster+"."+n.zone()] = strings.Join(all, " ")
		out[regionOf[cluster]+"."+n.zone()] = strings.Join(all, " ")
	}
	return out
}
