package kube

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"quorate.dev/quorate/regions"
)

// credentialsAnnotation holds, as JSON, what is known of each token in the Secret: see credentialNote.
const credentialsAnnotation = "quorate.dev/credentials"

// credentialNote is what the Secret's annotation says of the token for one cluster.
type credentialNote struct {
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	// Account is the UID of the ServiceAccount that the token is of.
	Account string `json:"account"`
	// Endpoint is the digest of the API server's address and certificate authority.
	Endpoint string `json:"endpoint"`
}

// credentials are the contents of one cluster's Secret: the way into each other cluster. They
// stay within this package.
type credentials struct {
	resourceVersion string // empty: there is no Secret yet
	notes           map[string]credentialNote
	entries         map[string]*clientcmdapi.Cluster // of the kubeconfig
	tokens          map[string][]byte
}

// readCredentials reads the Secret; without one the credentials are empty.
func (c *Cluster) readCredentials(ctx context.Context, scope Scope) (*credentials, error) {
	name := regions.CredentialsName(scope.Deployment)
	var secret *corev1.Secret
	err := c.read(ctx, "get Secret/"+scope.Namespace+"/"+name, func(ctx context.Context) (err error) {
		secret, err = c.clientset.CoreV1().Secrets(scope.Namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	})
	switch {
	case apierrors.IsNotFound(err):
		return decodeCredentials(&corev1.Secret{}), nil
	case err != nil:
		return nil, err
	}
	return decodeCredentials(secret), nil
}

// decodeCredentials takes from a Secret what can be used. What cannot is as good as never
// issued, so nothing of it is an error: it is written anew.
func decodeCredentials(secret *corev1.Secret) *credentials {
	held := &credentials{
		resourceVersion: secret.ResourceVersion,
		notes:           map[string]credentialNote{}, entries: map[string]*clientcmdapi.Cluster{}, tokens: map[string][]byte{},
	}
	if json.Unmarshal([]byte(secret.Annotations[credentialsAnnotation]), &held.notes) != nil || held.notes == nil {
		held.notes = map[string]credentialNote{}
	}
	if config, err := clientcmd.Load(secret.Data[regions.CredentialsKubeconfig]); err == nil {
		held.entries = config.Clusters
	}
	for cluster := range held.notes {
		if token := secret.Data[regions.CredentialsToken(cluster)]; len(token) > 0 {
			held.tokens[cluster] = token
		}
	}
	return held
}

// states tell of every credential that is held or should be, sorted by cluster.
func (h *credentials) states(scope AuthorityScope) []regions.Credential {
	var out []regions.Credential
	for cluster := range scope.Watches {
		out = append(out, h.state(cluster, scope))
	}
	for cluster, note := range h.notes {
		if _, known := scope.Watches[cluster]; !known {
			out = append(out, regions.Credential{Cluster: cluster, Account: note.Account, Expires: note.Expires, Extra: true})
		}
	}
	slices.SortFunc(out, func(a, b regions.Credential) int { return cmp.Compare(a.Cluster, b.Cluster) })
	return out
}

// state tells of one credential whether it is due: when it was never issued or is not whole,
// when the other API server is reached otherwise now, and when less than half of its lifetime is left.
func (h *credentials) state(cluster string, scope AuthorityScope) regions.Credential {
	note, noted := h.notes[cluster]
	if !noted {
		return regions.Credential{Cluster: cluster, Due: regions.DueNever}
	}
	out := regions.Credential{Cluster: cluster, Account: note.Account, Expires: note.Expires}
	now := scope.Now()
	left := note.Expires.Sub(now)
	switch {
	case h.tokens[cluster] == nil || h.entries[cluster] == nil:
		out.Due = "a part of it is missing from the Secret"
	case note.Endpoint != scope.Watches[cluster].digest(), endpointIn(h.entries[cluster]).digest() != note.Endpoint:
		out.Due = "the address or the certificate authority of its API server has changed"
	case left <= 0:
		out.Due = "expired " + note.Expires.UTC().Format(time.RFC3339)
	case left < note.Expires.Sub(note.Issued)/2:
		out.Due = "expires " + note.Expires.UTC().Format(time.RFC3339)
	}
	return out
}

// take replaces the credentials of the grants' clusters, and forgets those of clusters that are
// not to be watched or that are not whole.
func (h *credentials) take(scope AuthorityScope, grants []Grant) {
	for _, g := range grants {
		h.notes[g.Cluster] = credentialNote{
			Issued: g.Issued.UTC(), Expires: g.Expires.UTC(), Account: g.Account, Endpoint: g.endpoint.digest(),
		}
		h.entries[g.Cluster], h.tokens[g.Cluster] = g.endpoint.entry(), g.sealed.token
	}
	maps.DeleteFunc(h.notes, func(cluster string, _ credentialNote) bool {
		_, watched := scope.Watches[cluster]
		return !watched || h.tokens[cluster] == nil || h.entries[cluster] == nil
	})
}

// object is the Secret with exactly these credentials, the same bytes for the same ones.
func (h *credentials) object(scope Scope) (map[string]any, error) {
	notes, err := json.Marshal(h.notes)
	if err != nil {
		return nil, fmt.Errorf("encode what is known of the credentials: %w", err)
	}
	config := clientcmdapi.NewConfig()
	data := map[string]any{}
	for cluster := range h.notes {
		key := regions.CredentialsToken(cluster)
		config.Clusters[cluster] = h.entries[cluster]
		config.AuthInfos[cluster] = &clientcmdapi.AuthInfo{TokenFile: regions.CredentialsDir + "/" + key}
		config.Contexts[cluster] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: cluster}
		data[key] = h.tokens[cluster]
	}
	kubeconfig, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("encode the kubeconfig of the authority: %w", err)
	}
	data[regions.CredentialsKubeconfig] = bytes.TrimSpace(kubeconfig)
	metadata := map[string]any{
		"name": regions.CredentialsName(scope.Deployment), "namespace": scope.Namespace,
		"labels":      authorityLabels(scope.Deployment),
		"annotations": map[string]any{credentialsAnnotation: string(notes)},
	}
	if h.resourceVersion != "" {
		metadata["resourceVersion"] = h.resourceVersion
	}
	return map[string]any{"apiVersion": "v1", "kind": "Secret", "type": string(corev1.SecretTypeOpaque), "metadata": metadata, "data": data}, nil
}
