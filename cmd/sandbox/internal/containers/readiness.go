//go:build linux

package containers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	client "k8s.io/client-go/kubernetes"

	"quorate.dev/quorate/cmd/sandbox/internal/clusters"
	"quorate.dev/quorate/cmd/sandbox/internal/kubernetes"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// readyPoll is how often a starting cluster is looked at.
const readyPoll = 50 * time.Millisecond

// askTimeout bounds one question to a cluster's DNS.
const askTimeout = time.Second

// readiness waits until one cluster can be used.
type readiness struct {
	Manager
	spec    *state.Spec
	layout  places.Map
	cluster state.Cluster
	index   int
	since   map[string]time.Time // places that were just started: what was said before counts no more
}

// missing is what a cluster still lacks, and the log that tells why.
type missing struct{ what, log string }

// serveAndSettle waits for the API server, makes what every cluster holds, and waits until pods can
// run and names can be resolved.
func (r readiness) serveAndSettle(ctx context.Context, rendered kubernetes.Cluster) error {
	config, err := r.adminConfig(r.spec, r.cluster.Name)
	if err != nil {
		return err
	}
	connection, err := clusters.NewClient(r.cluster.Name, *config)
	if err != nil {
		return err
	}
	if err := clusters.WaitServing(ctx, connection, r.cluster.Name); err != nil {
		return fmt.Errorf("%w; its log is %s", err, r.log(r.cluster.Name, "kube-apiserver"))
	}
	if err := r.provision(ctx, connection, rendered); err != nil {
		return err
	}
	return r.settle(ctx, connection)
}

// provision makes the objects of a cluster; those of its own that they refer to may come a moment later.
func (r readiness) provision(ctx context.Context, connection client.Interface, rendered kubernetes.Cluster) error {
	documents, err := rendered.Objects()
	if err != nil {
		return err
	}
	objects, err := decode(documents)
	if err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		for len(objects) > 0 {
			if last = create(ctx, connection.Discovery().RESTClient(), objects[0]); last != nil {
				return false, nil
			}
			objects = objects[1:]
		}
		last = setPodNetworks(ctx, connection, r.nodePlaces())
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("make the objects of cluster %s: %w; its log is %s", r.cluster.Name, errors.Join(context.Cause(ctx), last), r.log(r.cluster.Name, "kube-apiserver"))
	}
	return nil
}

// settle waits for nodes, images, DNS and what pods need to be admitted.
func (r readiness) settle(ctx context.Context, connection client.Interface) error {
	last := missing{"an answer of the API server", r.log(r.cluster.Name, "kube-apiserver")}
	checks := []func(context.Context, client.Interface) (missing, bool){r.nodes, r.images, r.account, r.dns}
	err := wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		for len(checks) > 0 {
			lacks, done := checks[0](ctx, connection)
			if !done {
				last = lacks
				return false, nil
			}
			checks = checks[1:]
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("wait for cluster %s: waited for %s: %w; the log that may tell why is %s", r.cluster.Name, last.what, context.Cause(ctx), last.log)
	}
	return nil
}

// nodePlaces are the cluster's nodes, at least one.
func (r readiness) nodePlaces() []places.Place {
	return slices.DeleteFunc(r.layout.Of(r.cluster.Name), func(place places.Place) bool { return place.Kind != places.Node })
}

// nodes looks whether every node that should be there is Ready, and has said so since it was started.
func (r readiness) nodes(ctx context.Context, connection client.Interface) (missing, bool) {
	listed, err := connection.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return missing{fmt.Sprintf("its list of nodes (%v)", err), r.log(r.cluster.Name, "kube-apiserver")}, false
	}
	for _, place := range r.nodePlaces() {
		at := slices.IndexFunc(listed.Items, func(node corev1.Node) bool { return node.Name == place.Name })
		if at < 0 || !clusters.Usable(&listed.Items[at]) || heartbeat(&listed.Items[at]).Before(r.since[place.Name].Truncate(time.Second)) {
			return missing{"node " + place.Name + " to be Ready", r.log(place.Name, "kubelet")}, false
		}
	}
	return missing{}, true
}

// heartbeat is when the kubelet last said how its node is.
func heartbeat(node *corev1.Node) time.Time {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.LastHeartbeatTime.Time
		}
	}
	return time.Time{}
}

// images looks whether every node has all images: pods name them with imagePullPolicy Never.
func (r readiness) images(context.Context, client.Interface) (missing, bool) {
	for _, place := range r.nodePlaces() {
		if !fileExists(r.imported(place.Name)) {
			return missing{"the images of node " + place.Name, r.log(place.Name, "images")}, false
		}
	}
	return missing{}, true
}

// account looks whether pods in `default` can be admitted.
func (r readiness) account(ctx context.Context, connection client.Interface) (missing, bool) {
	_, err := connection.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	return missing{"the default service account", r.log(r.cluster.Name, "kube-controller-manager")}, err == nil
}

// dns asks the cluster's DNS for the name of the API server. The server learns it through a service
// address, so an answer tells that those work as well.
func (r readiness) dns(ctx context.Context, connection client.Interface) (missing, bool) {
	lacks := missing{"the cluster's DNS to answer", r.log(r.nodePlaces()[0].Name, "kubelet")}
	pods, err := connection.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "k8s-app=kube-dns"})
	if err != nil {
		return lacks, false
	}
	for i := range pods.Items {
		if isReady(&pods.Items[i]) && r.answers(ctx, pods.Items[i].Status.PodIP) {
			return missing{}, true
		}
	}
	return lacks, false
}

// isReady tells whether services send to the pod.
func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(condition corev1.PodCondition) bool {
		return condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue
	})
}

// answers tells whether the DNS server at address resolves the API server's name.
func (r readiness) answers(ctx context.Context, address string) bool {
	if address == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, net.JoinHostPort(address, "53"))
	}}
	found, err := resolver.LookupHost(ctx, "kubernetes.default.svc.cluster.local.")
	return err == nil && slices.Contains(found, r.layout.Plan.APIService(r.index).String())
}
