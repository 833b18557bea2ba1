package kube

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	multierror "github.com/hashicorp/go-multierror"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubeconfigs with an auth-provider, as kubectl takes them
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// defaultRequestTimeout bounds one request where Options names no other.
const defaultRequestTimeout = 15 * time.Second

// Options are what Open needs beside the kubeconfig.
type Options struct {
	// Version is quorate's own, for the user agent quorate/<version>.
	Version string
	// Logger gets the API servers' warnings, each once, and client-go's own messages, at level Debug. Nil: dropped.
	Logger *slog.Logger
	// RequestTimeout bounds each request, its retries included. Zero: 15 s.
	RequestTimeout time.Duration
	// Random seeds the digests that stand for Secrets' values. Nil: crypto/rand.
	Random io.Reader
}

// Cluster is one Kubernetes cluster. Its methods may be called concurrently.
type Cluster struct {
	name      string
	entry     *clientcmdapi.Cluster // of the kubeconfig, its paths absolute
	config    *rest.Config
	http      *http.Client
	gate      gate
	clientset kubernetes.Interface
	dynamic   dynamic.Interface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
	log       *slog.Logger
	timeout   time.Duration
	masker    masker
	leases    leaseClock
	forwards  tunnels
}

// Open makes a client for every cluster, without connecting: contexts maps the
// cluster's name to its kubeconfig context. An empty kubeconfig path means the
// usual rules (KUBECONFIG, else ~/.kube/config). No kubeconfig is ever written.
// All problems are reported together, each with the kubeconfig and the context.
func Open(kubeconfig string, contexts map[string]string, opts Options) (map[string]*Cluster, error) {
	opts = opts.withDefaults()
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	rules.MigrationRules = nil // they would write files
	rules.WarnIfAllMissing = false
	source := strings.Join(rules.GetLoadingPrecedence(), ", ")
	raw, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", source, err)
	}
	masker, err := newMasker(opts.Random)
	if err != nil {
		return nil, err
	}
	clusters := make(map[string]*Cluster, len(contexts))
	var problems *multierror.Error
	for _, name := range slices.Sorted(maps.Keys(contexts)) {
		cluster, err := open(*raw, name, contexts[name], opts)
		if err != nil {
			problems = multierror.Append(problems,
				fmt.Errorf("cluster %s: kubeconfig %s: context %q: %w", name, source, contexts[name], err))
			continue
		}
		cluster.masker = masker
		clusters[name] = cluster
	}
	return clusters, problems.ErrorOrNil()
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = defaultRequestTimeout
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o
}

func open(raw clientcmdapi.Config, name, contextName string, opts Options) (*Cluster, error) {
	if _, ok := raw.Contexts[contextName]; !ok {
		return nil, fmt.Errorf("no such context; there are: %s", listed(slices.Sorted(maps.Keys(raw.Contexts))))
	}
	// Without a ConfigAccess, auth helpers have no file to write refreshed tokens to.
	config, err := clientcmd.NewNonInteractiveClientConfig(raw, contextName, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	cluster := newCluster(config, name, opts)
	cluster.entry = raw.Clusters[raw.Contexts[contextName].Cluster]
	return cluster, cluster.makeClients()
}

// newCluster is a cluster without its clients.
func newCluster(config *rest.Config, name string, opts Options) *Cluster {
	log := opts.Logger.With("cluster", name)
	config.QPS = -1    // the server's priority and fairness is the limit
	config.Timeout = 0 // it would cut watches off; each request has its own deadline
	config.UserAgent = "quorate/" + opts.Version
	config.WarningHandlerWithContext = &warnings{log: log, said: map[string]bool{}}
	return &Cluster{name: name, config: config, log: log, timeout: opts.RequestTimeout}
}

// makeClients builds all clients over one http.Client, hence one connection.
func (c *Cluster) makeClients() error {
	var err error
	if c.http, err = rest.HTTPClientFor(c.config); err != nil {
		return err
	}
	typed := rest.CopyConfig(c.config)
	typed.ContentType = "application/vnd.kubernetes.protobuf"
	typed.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	clientset, err := kubernetes.NewForConfigAndClient(typed, c.http)
	if err != nil {
		return err
	}
	c.clientset = clientset
	if c.dynamic, err = dynamic.NewForConfigAndClient(c.config, c.http); err != nil {
		return err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapperWithContext(memory.NewMemCacheClientWithContext(clientset.Discovery()))
	return nil
}

// listed shows the first few of many names.
func listed(names []string) string {
	const most = 12
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// Name is the cluster's name in the topology.
func (c *Cluster) Name() string { return c.name }

// Clientset is the cluster's typed client, for adapters that keep watches of their own.
func (c *Cluster) Clientset() kubernetes.Interface { return c.clientset }
