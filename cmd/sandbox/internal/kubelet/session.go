package kubelet

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

const (
	workers       = 4                      // pods or claims handled at once, per cluster and kind
	probeEvery    = 300 * time.Millisecond // how often the API server is asked whether it is there
	probeTimeout  = 2 * time.Second
	probeFailures = 3                // this many in a row, and the session ends
	resync        = 30 * time.Second // how often every pod is looked at without a cause
)

// session watches one cluster. It ends when the API server goes, and begins anew, with new watches and
// without their long back-off, as soon as it is back.
type session struct {
	player  *Player
	cluster state.Cluster

	mu   sync.RWMutex
	pods corelisters.PodLister // nil while the cluster is not watched
}

func newSession(player *Player, cluster state.Cluster) *session {
	return &session{player: player, cluster: cluster}
}

// run watches the cluster until ctx ends.
func (s *session) run(ctx context.Context) {
	log := s.player.log.With("cluster", s.cluster.Name)
	for ctx.Err() == nil {
		client, err := s.connect(ctx)
		if err != nil {
			if ctx.Err() == nil {
				log.Error("cannot connect", "err", err)
			}
			return
		}
		log.Info("watching")
		if err := s.watch(ctx, client); err != nil && ctx.Err() == nil {
			log.Info("no longer watching", "why", err)
		}
	}
}

// connect waits until the API server is ready.
func (s *session) connect(ctx context.Context) (*kubernetes.Clientset, error) {
	loading := &clientcmd.ClientConfigLoadingRules{ExplicitPath: s.player.dir.Kubeconfig()}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: s.cluster.Name}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(loading, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read the credentials of cluster %s: %w", s.cluster.Name, err)
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", s.cluster.Name, err)
	}
	return client, wait.PollUntilContextCancel(ctx, probeEvery, true, func(ctx context.Context) (bool, error) {
		return probe(ctx, client) == nil, nil
	})
}

// probe asks the API server whether it is ready.
func probe(ctx context.Context, client kubernetes.Interface) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// watch plays the cluster until its API server stops answering, and says why it ended.
func (s *session) watch(ctx context.Context, client kubernetes.Interface) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	factory := informers.NewSharedInformerFactory(client, resync)
	work := newWork(s, client, factory)
	defer work.shutDown()
	factory.StartWithContext(ctx)
	if err := work.sync(ctx); err != nil {
		return err
	}
	s.setPods(factory.Core().V1().Pods().Lister())
	s.player.serve(s.cluster.Name, func(key string) { work.podQueue.Add(key) })
	defer s.player.serve(s.cluster.Name, nil)
	defer s.setPods(nil)
	work.start(ctx)
	failures := 0
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		err := probe(ctx, client)
		if err == nil {
			failures = 0
			return
		}
		if failures++; failures >= probeFailures {
			cancel(fmt.Errorf("the API server does not answer: %w", err))
		}
	}, probeEvery)
	err := context.Cause(ctx)
	factory.Shutdown()
	return err
}

func (s *session) setPods(lister corelisters.PodLister) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pods = lister
}

// pod finds a pod of the watched cluster.
func (s *session) pod(namespace, name string) (*corev1.Pod, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.pods == nil {
		return nil, fmt.Errorf("cluster %s is not watched now", s.cluster.Name)
	}
	return s.pods.Pods(namespace).Get(name)
}

// work is what one session does: pods, claims and volumes, each with a queue.
type work struct {
	session     *session
	client      kubernetes.Interface
	factory     informers.SharedInformerFactory
	podLister   corelisters.PodLister
	nodeLister  corelisters.NodeLister
	claimLister corelisters.PersistentVolumeClaimLister
	podQueue    workqueue.TypedRateLimitingInterface[string]
	claimQueue  workqueue.TypedRateLimitingInterface[string]
	volumeQueue workqueue.TypedRateLimitingInterface[string]
}

func newQueue() workqueue.TypedRateLimitingInterface[string] {
	return workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](10*time.Millisecond, 2*time.Second))
}

// newWork connects the watches to the queues.
func newWork(s *session, client kubernetes.Interface, factory informers.SharedInformerFactory) *work {
	core := factory.Core().V1()
	w := &work{
		session: s, client: client, factory: factory,
		podLister: core.Pods().Lister(), nodeLister: core.Nodes().Lister(), claimLister: core.PersistentVolumeClaims().Lister(),
		podQueue: newQueue(), claimQueue: newQueue(), volumeQueue: newQueue(),
	}
	w.enqueue(core.Pods().Informer(), w.podQueue, func(object any) {
		if pod, ok := object.(*corev1.Pod); ok {
			s.player.gone(pod.UID)
		}
	})
	w.enqueue(core.PersistentVolumeClaims().Informer(), w.claimQueue, func(any) { w.retain() })
	w.enqueue(core.PersistentVolumes().Informer(), w.volumeQueue, func(any) {})
	return w
}

// enqueue adds what is new or changed to a queue, and tells what is gone.
func (w *work) enqueue(informer cache.SharedIndexInformer, queue workqueue.TypedRateLimitingInterface[string], gone func(any)) {
	add := func(object any) {
		if key, err := cache.MetaNamespaceKeyFunc(object); err == nil {
			queue.Add(key)
		}
	}
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{ // fails only on a stopped informer
		AddFunc:    add,
		UpdateFunc: func(_, object any) { add(object) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			gone(object)
		},
	})
}

// sync waits for the first lists, and tells the player what has gone while nobody watched.
func (w *work) sync(ctx context.Context) error {
	for kind, synced := range w.factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("list %v: %w", kind, context.Cause(ctx))
		}
	}
	w.retain()
	return nil
}

// retain tells the player which pods and claims there are. A pod without a claim is its own disk.
func (w *work) retain() {
	podUIDs, claimUIDs := map[string]bool{}, map[string]bool{}
	pods, err := w.podLister.List(labels.Everything())
	if err != nil {
		return // listers over a cache do not fail
	}
	for _, pod := range pods {
		podUIDs[string(pod.UID)], claimUIDs[string(pod.UID)] = true, true
	}
	claims, err := w.claimLister.List(labels.Everything())
	if err != nil {
		return
	}
	for _, claim := range claims {
		claimUIDs[string(claim.UID)] = true
	}
	w.session.player.retain(w.session.cluster.Name, podUIDs, claimUIDs)
}

// start sets the workers going; they end with the queues.
func (w *work) start(ctx context.Context) {
	for range workers {
		go w.consume(ctx, w.podQueue, w.handlePod)
		go w.consume(ctx, w.claimQueue, w.handleClaim)
		go w.consume(ctx, w.volumeQueue, w.handleVolume)
	}
}

func (w *work) shutDown() {
	w.podQueue.ShutDown()
	w.claimQueue.ShutDown()
	w.volumeQueue.ShutDown()
}

// consume handles one key after another; one that fails comes again, later each time.
func (w *work) consume(ctx context.Context, queue workqueue.TypedRateLimitingInterface[string], handle func(context.Context, string) error) {
	for {
		key, shutDown := queue.Get()
		if shutDown {
			return
		}
		if err := handle(ctx, key); err != nil {
			if ctx.Err() == nil {
				w.session.player.log.Warn("will try again", "cluster", w.session.cluster.Name, "key", key, "err", err)
			}
			queue.AddRateLimited(key)
		} else {
			queue.Forget(key)
		}
		queue.Done(key)
	}
}

// claimUID gives the UID of a claim, or nothing if it is not there.
func (w *work) claimUID(namespace string) func(string) types.UID {
	return func(name string) types.UID {
		claim, err := w.claimLister.PersistentVolumeClaims(namespace).Get(name)
		if err != nil {
			return ""
		}
		return claim.UID
	}
}
