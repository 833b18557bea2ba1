package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Endpoint is how pods of other clusters reach an API server, and how they know it. It
// holds no secret.
type Endpoint struct {
	Server        string // an https URL
	TLSServerName string // what the certificate is for, where that is not the URL's host
	CA            []byte // PEM; never empty
}

// digest identifies the endpoint: "sha256:" and 16 hexadecimal digits.
func (e Endpoint) digest() string {
	const bytesShown = 8
	encoded, _ := json.Marshal(e) // strings and bytes always marshal
	sum := sha256.Sum256(encoded)
	return "sha256:" + hex.EncodeToString(sum[:bytesShown])
}

// entry is the kubeconfig's entry for this cluster's API server.
func (e Endpoint) entry() *clientcmdapi.Cluster {
	return &clientcmdapi.Cluster{Server: e.Server, TLSServerName: e.TLSServerName, CertificateAuthorityData: e.CA}
}

// endpointIn is what an entry of the kubeconfig says.
func endpointIn(entry *clientcmdapi.Cluster) Endpoint {
	return Endpoint{Server: entry.Server, TLSServerName: entry.TLSServerName, CA: entry.CertificateAuthorityData}
}

// Endpoint is how others reach this cluster's API server: at server, or where that is empty at the
// kubeconfig's own, known by the kubeconfig's certificate authority, which is read from its
// file where it is not inline. Only what proves the server's identity to a pod passes, since a token is sent to
// it: not http, not insecure-skip-tls-verify, not a server without a certificate authority (the authority's
// image has none of its own). A proxy-url is the operator's way alone, so server must then be given.
func (c *Cluster) Endpoint(server string) (Endpoint, error) {
	endpoint, err := endpointOf(c.entry, server)
	if err != nil {
		return Endpoint{}, fmt.Errorf("cluster %s: pods of other clusters cannot be shown the way to its API server: %w", c.name, err)
	}
	return endpoint, nil
}

func endpointOf(entry *clientcmdapi.Cluster, server string) (Endpoint, error) {
	if server == "" && entry.ProxyURL != "" {
		return Endpoint{}, errors.New("its kubeconfig entry goes through a proxy (proxy-url), which is not theirs: give the cluster's apiServer in the topology")
	}
	if server == "" {
		server = entry.Server
	}
	if location, err := url.Parse(server); err != nil || location.Scheme != "https" || location.Host == "" {
		return Endpoint{}, fmt.Errorf("%q is no https URL, and a token must not be sent over anything else: correct the kubeconfig, or give the cluster's apiServer in the topology", server)
	}
	if entry.InsecureSkipTLSVerify {
		return Endpoint{}, errors.New("its kubeconfig entry has insecure-skip-tls-verify, and a token must not be sent to a server that nobody verifies: give certificate-authority-data instead")
	}
	authority := entry.CertificateAuthorityData
	if len(authority) == 0 && entry.CertificateAuthority != "" {
		var err error
		if authority, err = os.ReadFile(entry.CertificateAuthority); err != nil {
			return Endpoint{}, fmt.Errorf("read the certificate-authority of its kubeconfig entry: %w", err)
		}
	}
	if len(authority) == 0 {
		return Endpoint{}, errors.New("its kubeconfig entry has no certificate-authority-data, without which they cannot verify the server: add it, for a public certificate too")
	}
	return Endpoint{Server: server, TLSServerName: entry.TLSServerName, CA: authority}, nil
}
