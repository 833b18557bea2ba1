package clusters

import (
	"fmt"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// requestTimeout bounds one request of `up`, `status` and `start`; client-go has no bound by default.
const requestTimeout = 10 * time.Second

// kubeconfigOf reads what kwokctl wrote for a cluster, with certificates and keys embedded.
func (m Manager) kubeconfigOf(cluster string) (*clientcmdapi.Config, error) {
	path := filepath.Join(m.Dir.ClusterDir(cluster), "kubeconfig.yaml")
	config, err := clientcmd.LoadFromFile(path)
	if err == nil {
		err = clientcmdapi.FlattenConfig(config)
	}
	if err != nil {
		return nil, fmt.Errorf("read the credentials of cluster %s: %w", cluster, err)
	}
	return config, nil
}

// WriteKubeconfig merges the clusters into one self-contained file.
func (m Manager) WriteKubeconfig(spec *state.Spec) error {
	return MergeKubeconfigs(m.Dir, spec, m.kubeconfigOf)
}

// MergeKubeconfigs merges what configOf gives for each cluster into the sandbox's kubeconfig: each
// context, cluster entry and user is named exactly as the cluster; the first cluster is the current context.
func MergeKubeconfigs(dir state.Dir, spec *state.Spec, configOf func(cluster string) (*clientcmdapi.Config, error)) error {
	merged := clientcmdapi.NewConfig()
	for _, cluster := range spec.Clusters {
		config, err := configOf(cluster.Name)
		if err != nil {
			return err
		}
		context, ok := config.Contexts[config.CurrentContext]
		if !ok {
			return fmt.Errorf("read the credentials of cluster %s: no current context", cluster.Name)
		}
		merged.Clusters[cluster.Name] = config.Clusters[context.Cluster]
		merged.AuthInfos[cluster.Name] = config.AuthInfos[context.AuthInfo]
		merged.Contexts[cluster.Name] = &clientcmdapi.Context{Cluster: cluster.Name, AuthInfo: cluster.Name}
	}
	merged.CurrentContext = spec.Clusters[0].Name
	data, err := clientcmd.Write(*merged)
	if err != nil {
		return fmt.Errorf("encode the kubeconfig of sandbox %s: %w", spec.Name, err)
	}
	return state.WriteFile(dir.Kubeconfig(), data)
}

// client connects to one cluster.
func (m Manager) client(cluster string) (*kubernetes.Clientset, error) {
	config, err := m.kubeconfigOf(cluster)
	if err != nil {
		return nil, err
	}
	return NewClient(cluster, *config)
}

// NewClient connects to a cluster without client-go's own rate limit, which would slow its start.
func NewClient(cluster string, from clientcmdapi.Config) (*kubernetes.Clientset, error) {
	config, err := clientcmd.NewDefaultClientConfig(from, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read the credentials of cluster %s: %w", cluster, err)
	}
	config.QPS = -1
	config.Timeout = requestTimeout
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return client, nil
}
