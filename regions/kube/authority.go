package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/regions"
)

// AuthorityScope is what is to be known of the authority inside a cluster.
type AuthorityScope struct {
	// Watches are the other clusters of the deployment, by name. The zero Endpoint is of one
	// to which no way is known here: then a credential for it is due.
	Watches map[string]Endpoint
	// Now tells which credentials are due.
	Now func() time.Time
}

// The recommended labels (kubernetes.io, "Recommended Labels") of the authority's objects.
const (
	nameLabel      = "app.kubernetes.io/name"
	instanceLabel  = "app.kubernetes.io/instance"
	componentLabel = "app.kubernetes.io/component"
	authorityApp   = "quorate-dns"
)

func authorityLabels(deployment string) map[string]string {
	return map[string]string{
		nameLabel: authorityApp, instanceLabel: deployment,
		componentLabel: regions.AuthorityComponent, managedByLabel: ManagerQuorate,
	}
}

// authority reads what the cluster holds of the authority inside it, nil where the scope has
// none. Credentials that may not be read are told apart from none.
func (c *Cluster) authority(ctx context.Context, scope Scope) (state *regions.AuthorityState, looked bool, err error) {
	if scope.Authority == nil {
		return nil, true, nil
	}
	looked = true
	var account string
	var deployment *appsv1.Deployment
	var held *credentials
	err = together(
		func() (err error) { account, err = c.account(ctx, scope); return err },
		func() (err error) { deployment, err = c.authorityDeployment(ctx, scope); return err },
		func() error {
			var err error
			held, err = c.readCredentials(ctx, scope)
			if apierrors.IsForbidden(err) {
				looked = false
				return nil
			}
			return err
		},
	)
	if err != nil {
		return nil, looked, err
	}
	state = deploymentState(deployment)
	state.Account = account
	if looked {
		state.Credentials = held.states(*scope.Authority)
	}
	return state, looked, nil
}

// account is the UID of the authority's ServiceAccount; empty where it does not exist.
func (c *Cluster) account(ctx context.Context, scope Scope) (string, error) {
	name := regions.AuthorityName(scope.Deployment)
	var account *corev1.ServiceAccount
	err := c.read(ctx, "get ServiceAccount/"+scope.Namespace+"/"+name, func(ctx context.Context) (err error) {
		account, err = c.clientset.CoreV1().ServiceAccounts(scope.Namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	})
	switch {
	case apierrors.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", err
	}
	return string(account.UID), nil
}

// authorityDeployment is nil where it does not exist.
func (c *Cluster) authorityDeployment(ctx context.Context, scope Scope) (*appsv1.Deployment, error) {
	name := regions.AuthorityName(scope.Deployment)
	var deployment *appsv1.Deployment
	err := c.read(ctx, "get Deployment/"+scope.Namespace+"/"+name, func(ctx context.Context) (err error) {
		deployment, err = c.clientset.AppsV1().Deployments(scope.Namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return deployment, nil
}

func deploymentState(d *appsv1.Deployment) *regions.AuthorityState {
	if d == nil {
		return &regions.AuthorityState{}
	}
	wanted := 1 // what apps/v1 makes of none
	if d.Spec.Replicas != nil {
		wanted = int(*d.Spec.Replicas)
	}
	return &regions.AuthorityState{
		Exists: true, Seen: d.Status.ObservedGeneration >= d.Generation, Wanted: wanted,
		Updated: int(d.Status.UpdatedReplicas), Total: int(d.Status.Replicas), Ready: int(d.Status.ReadyReplicas),
	}
}

// AuthorityPod is one pod of the authority inside the cluster.
type AuthorityPod struct{ Name, UID string }

// ReadyAuthorities are the pods of the authority inside the cluster that are ready and not being
// deleted, by name, read freshly.
func (c *Cluster) ReadyAuthorities(ctx context.Context, scope Scope) ([]AuthorityPod, error) {
	var list *corev1.PodList
	err := c.read(ctx, "list the pods of the authority in namespace "+scope.Namespace, func(ctx context.Context) (err error) {
		list, err = c.clientset.CoreV1().Pods(scope.Namespace).List(ctx, metav1.ListOptions{
			LabelSelector: fmt.Sprintf("%s=%s,%s=%s", componentLabel, regions.AuthorityComponent, instanceLabel, scope.Deployment),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []AuthorityPod
	for i := range list.Items {
		if pod := &list.Items[i]; podReady(pod) {
			out = append(out, AuthorityPod{Name: pod.Name, UID: string(pod.UID)})
		}
	}
	slices.SortFunc(out, func(a, b AuthorityPod) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func podReady(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning &&
		slices.ContainsFunc(pod.Status.Conditions, func(condition corev1.PodCondition) bool {
			return condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue
		})
}
