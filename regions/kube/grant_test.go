package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"quorate.dev/quorate/regions"
)

// authorityIn makes what the overlay of a cluster brings of the authority: its ServiceAccount.
func authorityIn(t *testing.T, c *Cluster, namespace string) {
	t.Helper()
	_, err := c.Apply(t.Context(), map[string]any{
		"apiVersion": "v1", "kind": "ServiceAccount",
		"metadata": map[string]any{"name": regions.AuthorityName("bank"), "namespace": namespace},
	}, ApplyOptions{Manager: ManagerQuorate})
	if err != nil {
		t.Fatal(err)
	}
}

// insideScope is a scope whose authority watches cluster c1: itself, since one API server is enough to ask.
func insideScope(t *testing.T, c *Cluster, namespace string, now func() time.Time) Scope {
	t.Helper()
	endpoint, err := c.Endpoint("")
	if err != nil {
		t.Fatal(err)
	}
	scope := dbScope(namespace)
	scope.Authority = &AuthorityScope{Watches: map[string]Endpoint{"c1": endpoint}, Now: now}
	return scope
}

func credentialsSecret(t *testing.T, c *Cluster, namespace string) *corev1.Secret {
	t.Helper()
	secret, err := c.clientset.CoreV1().Secrets(namespace).Get(t.Context(), regions.CredentialsName("bank"), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func mustObserve(t *testing.T, c *Cluster, scope Scope) regions.ClusterState {
	t.Helper()
	state, err := c.Observe(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func mustIssue(t *testing.T, c *Cluster, scope Scope) Grant {
	t.Helper()
	g, err := c.Grant(t.Context(), scope, scope.Authority.Watches["c1"])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.StoreGrants(t.Context(), scope, []Grant{g}); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestCredentialsLifecycle(t *testing.T) {
	c, namespace := sandboxCluster(t)
	now := time.Now()
	scope := insideScope(t, c, namespace, func() time.Time { return now })
	if _, err := c.Grant(t.Context(), scope, scope.Authority.Watches["c1"]); err == nil || !strings.Contains(err.Error(), "apply the overlay") {
		t.Errorf("without a ServiceAccount: %v", err)
	}
	authorityIn(t, c, namespace)
	before := mustObserve(t, c, scope)
	if before.Authority.Account == "" || before.Authority.CredentialFor("c1").Due != regions.DueNever {
		t.Fatalf("before: %+v", before.Authority)
	}
	g := mustIssue(t, c, scope)
	if g.Account != before.Authority.Account || time.Until(g.Expires) < 24*time.Hour || time.Since(g.Issued).Abs() > time.Minute {
		t.Errorf("grant %+v", g)
	}
	secret := credentialsSecret(t, c, namespace)
	if secret.Labels[componentLabel] != regions.AuthorityComponent || secret.Labels[instanceLabel] != "bank" || secret.Labels[managedByLabel] != "quorate" {
		t.Errorf("labels %v", secret.Labels)
	}
	if len(secret.ManagedFields) != 1 || secret.ManagedFields[0].Manager != ManagerQuorate {
		t.Errorf("managers %v", secret.ManagedFields)
	}
	after := mustObserve(t, c, scope).Authority.CredentialFor("c1")
	if after.Due != "" || after.Account != g.Account || !after.Expires.Equal(g.Expires) {
		t.Errorf("after: %+v", after)
	}
	now = g.Issued.Add(g.Expires.Sub(g.Issued) * 2 / 3)
	if late := mustObserve(t, c, scope).Authority.CredentialFor("c1"); !strings.HasPrefix(late.Due, "expires ") {
		t.Errorf("late: %+v", late)
	}
	asTheAuthority(t, secret)
}

// asTheAuthority uses the Secret as the authority does, and is known by its API server.
func asTheAuthority(t *testing.T, secret *corev1.Secret) {
	t.Helper()
	kubeconfig, err := clientcmd.Load(secret.Data["kubeconfig"])
	if err != nil {
		t.Fatal(err)
	}
	user := kubeconfig.AuthInfos[kubeconfig.Contexts["c1"].AuthInfo]
	user.Token, user.TokenFile = string(secret.Data["c1.token"]), ""
	config, err := clientcmd.NewNonInteractiveClientConfig(*kubeconfig, "c1", nil, nil).ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(rest.CopyConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CoreV1().Secrets(secret.Namespace).List(t.Context(), metav1.ListOptions{})
	if want := "system:serviceaccount:" + secret.Namespace + ":quorate-dns-bank"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the token is not of %s: %v", want, err)
	}
}

// TestCredentialsKeepOthers: issuing for one cluster keeps what is held for another, and drops
// one that is outside the topology.
func TestCredentialsKeepOthers(t *testing.T) {
	c, namespace := sandboxCluster(t)
	authorityIn(t, c, namespace)
	scope := insideScope(t, c, namespace, time.Now)
	endpoint := scope.Authority.Watches["c1"]
	scope.Authority.Watches["c2"], scope.Authority.Watches["c3"] = endpoint, endpoint
	g, err := c.Grant(t.Context(), scope, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	second, third := g, g
	second.Cluster, third.Cluster = "c2", "c3"
	if err := c.StoreGrants(t.Context(), scope, []Grant{second, third}); err != nil {
		t.Fatal(err)
	}
	delete(scope.Authority.Watches, "c3")
	if extra := mustObserve(t, c, scope).Authority.Credentials; len(extra) != 3 || !extra[2].Extra || extra[2].Cluster != "c3" {
		t.Errorf("c3 is not extra: %+v", extra)
	}
	if err := c.StoreGrants(t.Context(), scope, []Grant{g}); err != nil {
		t.Fatal(err)
	}
	state := mustObserve(t, c, scope).Authority
	if len(state.Credentials) != 2 || state.CredentialFor("c1").Due != "" || state.CredentialFor("c2").Due != "" {
		t.Errorf("held: %+v", state.Credentials)
	}
	secret := credentialsSecret(t, c, namespace)
	if secret.Data["c3.token"] != nil || secret.Data["c2.token"] == nil || secret.Data["c1.token"] == nil {
		t.Errorf("keys: %v", len(secret.Data))
	}
}

// TestCredentialsAtOnce: several that store at the same time lose nothing of one another.
func TestCredentialsAtOnce(t *testing.T) {
	c, namespace := sandboxCluster(t)
	authorityIn(t, c, namespace)
	scope := insideScope(t, c, namespace, time.Now)
	g := mustIssue(t, c, scope)
	const writers = 6
	for i := range writers {
		scope.Authority.Watches[fmt.Sprint("p", i)] = scope.Authority.Watches["c1"]
	}
	errs := make(chan error, writers)
	for i := range writers {
		go func() {
			mine := g
			mine.Cluster = fmt.Sprint("p", i)
			errs <- c.StoreGrants(t.Context(), scope, []Grant{mine})
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for _, held := range mustObserve(t, c, scope).Authority.Credentials {
		if held.Due != "" {
			t.Errorf("%s is due: %s", held.Cluster, held.Due)
		}
	}
}

// TestCredentialsInOtherHands: a Secret that somebody else made is left alone.
func TestCredentialsInOtherHands(t *testing.T) {
	c, namespace := sandboxCluster(t)
	authorityIn(t, c, namespace)
	scope := insideScope(t, c, namespace, time.Now)
	applyAs(t, c, map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{"name": regions.CredentialsName("bank"), "namespace": namespace},
		"data":     map[string]any{"kubeconfig": "dGhlaXJz"}, // "theirs"
	}, "somebody", false)
	g, err := c.Grant(t.Context(), scope, scope.Authority.Watches["c1"])
	if err != nil {
		t.Fatal(err)
	}
	err = c.StoreGrants(t.Context(), scope, []Grant{g})
	if _, conflict := errors.AsType[*Conflict](err); !conflict || !strings.Contains(err.Error(), "somebody") {
		t.Errorf("error %v", err)
	}
	if got := credentialsSecret(t, c, namespace).Data["kubeconfig"]; string(got) != "theirs" {
		t.Error("it was written over")
	}
}

// TestTokensAreNotLogged: not at any level.
func TestTokensAreNotLogged(t *testing.T) {
	var log bytes.Buffer
	loud := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.Level(-100)}))
	_, namespace := sandboxCluster(t)
	c := newRig(t).open(t, Options{Version: "test", Logger: loud})
	authorityIn(t, c, namespace)
	mustIssue(t, c, insideScope(t, c, namespace, time.Now))
	token := string(credentialsSecret(t, c, namespace).Data["c1.token"])
	if len(token) < 100 || !strings.HasPrefix(token, "ey") {
		t.Fatal("there is no token")
	}
	if strings.Contains(log.String(), token[:40]) || strings.Contains(log.String(), token[len(token)-40:]) {
		t.Error("a token was logged")
	}
}

// TestCredentialsMayNotBeRead: who may not read the Secret is told so, and sees the rest.
func TestCredentialsMayNotBeRead(t *testing.T) {
	c, namespace := sandboxCluster(t)
	authorityIn(t, c, namespace)
	bindClusterRole(t, c, namespace)
	rig := newRig(t)
	user := rig.user()
	user.Impersonate = "system:serviceaccount:" + namespace + ":reader"
	limited := rig.open(t, Options{Version: "test"})
	state, looked, err := limited.authority(t.Context(), insideScope(t, c, namespace, time.Now))
	if err != nil || looked || state.Account == "" || len(state.Credentials) > 0 {
		t.Errorf("state %+v, looked %v, error %v", state, looked, err)
	}
}

// bindClusterRole lets ServiceAccount reader of the namespace view it, which leaves out Secrets.
func bindClusterRole(t *testing.T, c *Cluster, namespace string) {
	t.Helper()
	_, err := c.Apply(context.WithoutCancel(t.Context()), map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
		"metadata": map[string]any{"name": "reader", "namespace": namespace},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
		"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}},
	}, ApplyOptions{Manager: ManagerQuorate})
	if err != nil {
		t.Fatal(err)
	}
}
