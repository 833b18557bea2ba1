package kube

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"quorate.dev/quorate/regions"
)

// mountedEvery is how often a directory of credentials is looked at. A mounted Secret changes by
// the swap of a link, of which the reading of a few small files tells as well as a watch.
const mountedEvery = time.Second

// Mounted are the ways into other clusters by the credentials in a directory, where a Secret is
// mounted that may appear and change while the process runs: a kubeconfig (regions.CredentialsKubeconfig)
// with a context for each cluster, named as it, and a file with a token for each
// (regions.CredentialsToken). A token is read again as client-go does, each minute and after a refusal.
type Mounted struct {
	dir  string
	opts Options

	mu   sync.Mutex
	ways map[string]*way

	renewed renewed
}

// way is the present way into one cluster.
type way struct {
	cluster  *Cluster // nil: there is none yet
	err      error    // why the files cannot be used now
	digest   [sha256.Size]byte
	replaced chan struct{} // closed when another way took its place
}

// OpenMounted looks into the directory once. Credentials that are missing there, or cannot be used, are
// no error: Run looks again, and Cluster tells.
func OpenMounted(dir string, clusters []string, opts Options) *Mounted {
	m := &Mounted{dir: dir, opts: opts.withDefaults(), ways: map[string]*way{}}
	for _, name := range clusters {
		m.ways[name] = &way{replaced: make(chan struct{})}
	}
	m.look()
	return m
}

// Run looks at the directory every second until ctx is done.
func (m *Mounted) Run(ctx context.Context) {
	wait.UntilWithContext(ctx, func(context.Context) { m.look() }, mountedEvery)
}

// Cluster is the present way into a cluster, and a channel that is closed once another took its place.
// Where there is none yet, the error says what is missing, and the channel is closed once there is one.
// Credentials that vanish or are spoilt leave the present way as it is, since it may go on for a while.
func (m *Mounted) Cluster(name string) (*Cluster, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, ok := m.ways[name]
	switch {
	case !ok:
		return nil, nil, fmt.Errorf("cluster %s: its credentials were not asked for", name)
	case w.cluster == nil:
		return nil, w.replaced, w.err
	}
	return w.cluster, w.replaced, nil
}

func (m *Mounted) look() {
	m.followFiles()
	config, err := m.read()
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, present := range m.ways {
		entry, entryErr := (*entry)(nil), err
		if err == nil {
			entry, entryErr = m.entryOf(config, name)
		}
		m.ways[name] = m.next(name, present, entry, entryErr)
	}
}

// next is the way that follows the present one by what the files say now.
func (m *Mounted) next(name string, present *way, e *entry, err error) *way {
	if err == nil && present.cluster != nil && e.digest == present.digest {
		present.err = nil
		return present
	}
	var cluster *Cluster
	if err == nil {
		cluster, err = m.open(name, e)
	}
	if err != nil {
		err = fmt.Errorf("cluster %s: credentials in %s: %w", name, m.dir, err)
		if present.cluster != nil && (present.err == nil || present.err.Error() != err.Error()) {
			m.opts.Logger.Warn("the credentials for a cluster cannot be read again, the present ones stay in use", "cluster", name, "error", err)
		}
		present.err = err
		return present
	}
	m.opts.Logger.Info("the credentials for a cluster were read", "cluster", name)
	close(present.replaced)
	return &way{cluster: cluster, digest: e.digest, replaced: make(chan struct{})}
}

func (m *Mounted) read() (*clientcmdapi.Config, error) {
	data, err := os.ReadFile(filepath.Join(m.dir, regions.CredentialsKubeconfig))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there are none yet: quorate apply or quorate dns credentials issues them")
	case err != nil:
		return nil, err
	}
	config, err := clientcmd.Load(data)
	if err != nil {
		return nil, errors.New("the kubeconfig is none") // its text may hold what must not be shown
	}
	return config, nil
}

// entry is what a kubeconfig says of one cluster.
type entry struct {
	config *clientcmdapi.Config
	digest [sha256.Size]byte
}

// entryOf takes nothing but the address of the cluster, how to know it, and the token in the directory:
// whatever else a kubeconfig may name, such as programs to run, is not for this process.
func (m *Mounted) entryOf(config *clientcmdapi.Config, name string) (*entry, error) {
	named, ok := config.Contexts[name]
	if !ok || config.Clusters[named.Cluster] == nil {
		return nil, errors.New("the kubeconfig has no context of that name")
	}
	server := config.Clusters[named.Cluster]
	token := m.tokenFile(name)
	if info, err := os.Stat(token); err != nil || info.Size() == 0 {
		return nil, fmt.Errorf("there is no token in %s", filepath.Base(token))
	}
	out := clientcmdapi.NewConfig()
	out.Clusters[name] = &clientcmdapi.Cluster{
		Server: server.Server, TLSServerName: server.TLSServerName, CertificateAuthorityData: server.CertificateAuthorityData,
	}
	out.AuthInfos[name] = &clientcmdapi.AuthInfo{TokenFile: token}
	out.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	encoded, err := json.Marshal(out.Clusters[name])
	if err != nil {
		return nil, fmt.Errorf("encode its kubeconfig entry: %w", err)
	}
	return &entry{config: out, digest: sha256.Sum256(encoded)}, nil
}

func (m *Mounted) open(name string, e *entry) (*Cluster, error) {
	config, err := clientcmd.NewNonInteractiveClientConfig(*e.config, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return bearer{next, &m.renewed, name} })
	return watchful(config, name, m.opts)
}
