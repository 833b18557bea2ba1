package credentials

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Kubeconfig gives a self-contained kubeconfig whose only context is named as the cluster; file is the
// base name of the client's certificate in dir, and server is https://host:port.
func Kubeconfig(dir, file, cluster, server string) (*clientcmdapi.Config, error) {
	var data [3][]byte
	for i, name := range []string{"ca.crt", file + ".crt", file + ".key"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("read the credentials of cluster %s: %w", cluster, err)
		}
		data[i] = content
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[cluster] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: data[0]}
	config.AuthInfos[cluster] = &clientcmdapi.AuthInfo{ClientCertificateData: data[1], ClientKeyData: data[2]}
	config.Contexts[cluster] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: cluster}
	config.CurrentContext = cluster
	return config, nil
}

// WriteKubeconfig writes what Kubeconfig gives to path.
func WriteKubeconfig(path, dir, file, cluster, server string) error {
	config, err := Kubeconfig(dir, file, cluster, server)
	if err != nil {
		return err
	}
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode the kubeconfig %s: %w", path, err)
	}
	return state.WriteFile(path, data)
}
