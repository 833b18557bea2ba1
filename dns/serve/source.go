package serve

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"quorate.dev/quorate/dns"
)

// Source is one cluster whose pods are served.
type Source struct {
	Cluster   string
	Namespace string
	Client    kubernetes.Interface
	// Connector, where Client is nil, gives the client of a cluster that may be known
	// only later, or otherwise.
	Connector Connector
	// Services are the governing (headless) services: pool → service name. Only
	// they give an endpoint its hostname.
	Services map[string]string
}

// Connector knows the present way to the API server of one cluster.
type Connector interface {
	// Client is the present client, and a channel that is closed once another took its place.
	// Where there is none yet the error says why, and the channel is closed once there is one.
	Client() (kubernetes.Interface, <-chan struct{}, error)
}

// fixed is a client that stays.
type fixed struct{ client kubernetes.Interface }

var _ Connector = fixed{}

// Client is the same for ever.
func (f fixed) Client() (kubernetes.Interface, <-chan struct{}, error) { return f.client, nil, nil }

// connector is how the source's cluster is reached.
func (s Source) connector() Connector {
	if s.Client != nil {
		return fixed{s.Client}
	}
	return s.Connector
}

// retries says how fast a lost watch is taken up again. client-go's own goes to
// half a minute, through which a returned cluster's new addresses would stay unknown.
func retries() *wait.Backoff {
	return &wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 6, Cap: 2 * time.Second}
}

// watcher keeps the pods of one Source; it is the store of a client-go reflector, which
// does the listing, watching and retrying.
type watcher struct {
	source  Source
	now     func() time.Time
	log     *slog.Logger
	changed func() // called after every change, without the lock

	mu          sync.Mutex
	slices      *sliceSet
	pods        []dns.Endpoint
	lastContact time.Time
	err         error
	told        time.Time     // when err was last logged; zero: not with the present client
	synced      chan struct{} // closed when the cluster was read whole

	// What another run knew, which stands until the cluster was read; set before the watcher runs.
	restored   []dns.Endpoint
	restoredAt time.Time // zero: nothing is known
}

var (
	_ cache.ReflectorStore         = (*watcher)(nil)
	_ cache.ReflectorBookmarkStore = (*watcher)(nil)
)

func newWatcher(s Source, now func() time.Time, log *slog.Logger, changed func()) *watcher {
	return &watcher{
		source: s, now: now, changed: changed,
		log:    log.With("cluster", s.Cluster, "namespace", s.Namespace),
		slices: newSliceSet(s.Cluster, s.Services),
		synced: make(chan struct{}),
	}
}

// run watches until ctx is done, with each client for as long as it is the present one.
func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		client, replaced, err := w.source.connector().Client()
		if err == nil {
			w.forgetTold()
			w.runWith(ctx, client, replaced)
			continue
		}
		w.attempted(ctx, "watch", err)
		select {
		case <-replaced:
		case <-ctx.Done():
		}
	}
}

// runWith watches until another client takes the place of this one. What is known is kept
// until that one has read the cluster anew.
func (w *watcher) runWith(ctx context.Context, client kubernetes.Interface, replaced <-chan struct{}) {
	ctx, end := context.WithCancel(ctx)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-replaced:
			end()
		case <-ctx.Done():
		}
	})
	defer waiting.Wait()
	defer end()
	// The reflector's own log would repeat every failed attempt; what matters is in attempted.
	silent := logr.Discard()
	reflector := cache.NewReflectorWithOptions(w.listWatch(client), &discoveryv1.EndpointSlice{}, w, cache.ReflectorOptions{
		Logger: &silent, Name: "dns/" + w.source.Cluster, Backoff: retries(),
	})
	reflector.RunWithContext(klog.NewContext(ctx, silent))
}

func (w *watcher) listWatch(client kubernetes.Interface) cache.ListerWatcher {
	api := client.DiscoveryV1().EndpointSlices(w.source.Namespace)
	selector := discoveryv1.LabelServiceName + " in (" + strings.Join(w.services(), ",") + ")"
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.LabelSelector = selector
			list, err := api.List(ctx, options)
			w.attempted(ctx, "list", err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = selector
			stream, err := api.Watch(ctx, options)
			w.attempted(ctx, "watch", err)
			return stream, err
		},
	}, client)
}

func (w *watcher) services() []string {
	var services []string
	for _, s := range w.source.Services {
		services = append(services, s)
	}
	slices.Sort(services)
	return slices.Compact(services)
}

// tellEvery is how often a failure that goes on is logged again: its cause may be another one by now.
const tellEvery = time.Minute

// forgetTold has the next failure logged at once: it is another client's.
func (w *watcher) forgetTold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = time.Time{}
}

// attempted notes what became of a request. Logged are the first failure with a client, what goes on failing
// once a minute, and the first success after a failure.
func (w *watcher) attempted(ctx context.Context, verb string, err error) {
	if ctx.Err() != nil {
		return // we stopped it ourselves
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if err == nil {
		if w.err != nil {
			w.log.Info("cluster is watched again")
		}
		w.err, w.told, w.lastContact = nil, time.Time{}, now
		return
	}
	w.err = fmt.Errorf("cluster %s: cannot %s EndpointSlices in namespace %s: %w", w.source.Cluster, verb, w.source.Namespace, err)
	if w.told.IsZero() || now.Sub(w.told) >= tellEvery {
		w.told = now
		w.log.Warn("cluster cannot be watched, its last known names are kept", "error", err)
	}
}

// change alters the slices under the lock and tells of it.
func (w *watcher) change(alter func(*sliceSet)) error {
	w.mu.Lock()
	alter(w.slices)
	w.pods = w.slices.endpoints()
	w.lastContact = w.now()
	w.mu.Unlock()
	w.changed()
	return nil
}

func (w *watcher) changeOne(obj any, alter func(*sliceSet, *discoveryv1.EndpointSlice)) error {
	slice, ok := obj.(*discoveryv1.EndpointSlice)
	if !ok {
		return fmt.Errorf("cluster %s: watch of EndpointSlices sent a %T", w.source.Cluster, obj)
	}
	return w.change(func(s *sliceSet) { alter(s, slice) })
}

// Add takes a new slice.
func (w *watcher) Add(obj any) error { return w.changeOne(obj, (*sliceSet).put) }

// Update takes a changed slice.
func (w *watcher) Update(obj any) error { return w.changeOne(obj, (*sliceSet).put) }

// Delete drops a slice.
func (w *watcher) Delete(obj any) error { return w.changeOne(obj, (*sliceSet).remove) }

// Replace takes all slices there are: the cluster was read whole.
func (w *watcher) Replace(objects []any, _ string) error {
	all := make([]*discoveryv1.EndpointSlice, 0, len(objects))
	for _, obj := range objects {
		slice, ok := obj.(*discoveryv1.EndpointSlice)
		if !ok {
			return fmt.Errorf("cluster %s: list of EndpointSlices holds a %T", w.source.Cluster, obj)
		}
		all = append(all, slice)
	}
	return w.change(func(s *sliceSet) {
		s.replace(all)
		if !w.isSynced() {
			close(w.synced)
			w.log.Info("cluster is read", "slices", len(all))
		}
	})
}

// Resync has nothing to do: what is kept is what was told.
func (w *watcher) Resync() error { return nil }

// Bookmark notes a sign of life.
func (w *watcher) Bookmark(string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastContact = w.now()
	return nil
}

func (w *watcher) isSynced() bool {
	select {
	case <-w.synced:
		return true
	default:
		return false
	}
}
