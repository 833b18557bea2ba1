package kube

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
)

// facts are what identifies a cluster and hardly changes.
type facts struct {
	version   string
	uid       string
	sandbox   bool
	namespace bool
	nodes     []corev1.Node
	nodesSeen string // the list's resourceVersion; empty: nodes may not be listed
}

func (c *Cluster) facts(ctx context.Context, scope Scope) (facts, error) {
	var f facts
	err := together(
		func() (err error) { f.version, err = c.version(ctx); return err },
		func() (err error) { f.uid, err = c.identity(ctx); return err },
		func() (err error) { f.sandbox, err = c.sandbox(ctx); return err },
		func() (err error) { f.namespace, err = c.namespaceExists(ctx, scope.Namespace); return err },
		func() error { return c.nodes(ctx, &f) },
	)
	return f, err
}

// version is the API server's version, such as v1.37.2. Everybody may read it.
func (c *Cluster) version(ctx context.Context) (string, error) {
	var info version.Info
	err := c.read(ctx, "read the version", func(ctx context.Context) error {
		result := c.clientset.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx)
		if err := result.Error(); err != nil { // unlike Raw's, it says what the server said
			return err
		}
		body, err := result.Raw()
		if err != nil {
			return err
		}
		return json.Unmarshal(body, &info)
	})
	return info.GitVersion, err
}

// identity is the UID of kube-system, which no two clusters share and no cluster outlives.
func (c *Cluster) identity(ctx context.Context) (string, error) {
	var uid string
	err := c.read(ctx, "get Namespace/"+metav1.NamespaceSystem, func(ctx context.Context) error {
		namespace, err := c.clientset.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		if err == nil {
			uid = string(namespace.UID)
		}
		return err
	})
	return uid, err
}

// sandbox tells whether the cluster is marked as one. Who may not look has no sandbox.
func (c *Cluster) sandbox(ctx context.Context) (bool, error) {
	err := c.read(ctx, "get ConfigMap/"+SandboxMark, func(ctx context.Context) error {
		_, err := c.clientset.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, SandboxMark, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

func (c *Cluster) namespaceExists(ctx context.Context, namespace string) (bool, error) {
	err := c.read(ctx, "get Namespace/"+namespace, func(ctx context.Context) error {
		_, err := c.clientset.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (c *Cluster) nodes(ctx context.Context, f *facts) error {
	err := c.read(ctx, "list nodes", func(ctx context.Context) error {
		list, err := c.clientset.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err == nil {
			f.nodes, f.nodesSeen = list.Items, list.ResourceVersion
		}
		return err
	})
	if apierrors.IsForbidden(err) {
		c.log.WarnContext(ctx, "nodes may not be listed: zones come from pods alone", "err", err)
		return nil
	}
	return err
}
