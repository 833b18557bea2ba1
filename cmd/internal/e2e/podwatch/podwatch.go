// Package podwatch records every change of a deployment's pods in all clusters, and holds a run's journal
// against it.
package podwatch

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	toolscache "k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"quorate.dev/quorate/planner/journal"
)

// Event is one watch event of a pod, reduced to whether the replica serves.
type Event struct {
	Version uint64 // resourceVersion: the order within one cluster
	Pod     string
	Up      bool
	Image   string
	At      time.Time // when this process saw it; for messages alone
}

// Recorder keeps every pod event of a namespace in all clusters. Three watches
// have no common clock, so nothing is judged by time: what an engine's write was
// decided on is known from the resourceVersions it journaled.
type Recorder struct {
	mu     sync.Mutex
	events map[string][]Event // cluster → in resourceVersion order
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// Record begins to watch the pods of a namespace in these clusters, by name.
func Record(t testing.TB, clients map[string]kubernetes.Interface, namespace string) *Recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &Recorder{events: map[string][]Event{}, stop: cancel}
	for cluster, client := range clients {
		r.events[cluster] = nil
		pods := client.CoreV1().Pods(namespace)
		list, err := pods.List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			r.add(cluster, &list.Items[i], true)
		}
		w, err := watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &toolscache.ListWatch{
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) { return pods.Watch(ctx, o) },
		})
		if err != nil {
			t.Fatal(err)
		}
		r.done.Go(func() { r.follow(cluster, w) })
	}
	t.Cleanup(r.Close)
	return r
}

// Close ends the watches.
func (r *Recorder) Close() { r.stop(); r.done.Wait() }

func (r *Recorder) follow(cluster string, w watch.Interface) {
	for event := range w.ResultChan() {
		if pod, ok := event.Object.(*corev1.Pod); ok {
			r.add(cluster, pod, event.Type != watch.Deleted)
		}
	}
}

func (r *Recorder) add(cluster string, pod *corev1.Pod, exists bool) {
	version, err := strconv.ParseUint(pod.ResourceVersion, 10, 64)
	if err != nil {
		panic(err) // Kubernetes 1.37 guarantees numbers (KEP-5504)
	}
	e := Event{Version: version, Pod: pod.Name, At: time.Now(), Image: pod.Spec.Containers[0].Image}
	e.Up = exists && pod.DeletionTimestamp == nil && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events[cluster] = append(r.events[cluster], e)
}

// Events are those of one cluster so far.
func (r *Recorder) Events(cluster string) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events[cluster])
}

// clusters are those that are watched, sorted.
func (r *Recorder) clusters() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.events))
}

// downAt are the replicas of a cluster that did not serve at a resourceVersion.
func (r *Recorder) downAt(cluster string, version uint64) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	up := map[string]bool{}
	for _, e := range r.events[cluster] {
		if e.Version <= version {
			up[e.Pod] = e.Up
		}
	}
	var down []string
	for pod, isUp := range up {
		if !isUp {
			down = append(down, cluster+"/"+pod)
		}
	}
	slices.Sort(down)
	return down
}

// worst is the most replicas of one cluster that were down at once.
func (r *Recorder) worst(cluster string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	up, worst := map[string]bool{}, 0
	for _, e := range r.events[cluster] {
		up[e.Pod] = e.Up
		down := 0
		for _, isUp := range up {
			if !isUp {
				down++
			}
		}
		worst = max(worst, down)
	}
	return worst
}

// Judge holds an update against what was recorded: whenever the engine decided to
// take a replica down, every other replica of every cluster served in the very
// picture it decided on; and within each cluster never more than one was down. It
// returns the replicas in the order in which they were taken.
func (r *Recorder) Judge(t testing.TB, entries []journal.Entry) []string {
	t.Helper()
	var order []string
	for _, e := range entries {
		if e.Event != journal.StepIntended || (e.Kind != "partition" && e.Kind != "replace") {
			continue
		}
		target, isMove := moveTarget(e.Step)
		if !isMove {
			continue
		}
		order = append(order, target)
		for _, cluster := range r.clusters() {
			version, err := strconv.ParseUint(e.Seen[cluster]["pods"], 10, 64)
			if err != nil {
				t.Errorf("%s was decided on without a picture of %s: %v", e.Step, cluster, e.Seen)
				continue
			}
			for _, down := range r.downAt(cluster, version) {
				if down != target {
					t.Errorf("%s was decided on while %s was down (at resourceVersion %d)", e.Step, down, version)
				}
			}
		}
	}
	for _, cluster := range r.clusters() {
		if worst := r.worst(cluster); worst > 1 {
			t.Errorf("%s: %d replicas were down at once", cluster, worst)
		}
	}
	return slices.Compact(order) // moving leadership away first is an intent of its own
}

// moveTarget is the replica that a step takes down: <cluster>/partition/<pod>.
func moveTarget(step string) (string, bool) {
	parts := strings.Split(step, "/")
	if len(parts) != 3 || (parts[1] != "partition" && parts[1] != "replace") {
		return "", false
	}
	return parts[0] + "/" + parts[2], true
}
