package kube

import (
	"context"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/regions"
)

// Lacking asks the cluster which of these rights the credentials of this context do not give, in
// the order given. It makes one SelfSubjectRulesReview for each namespace among them and one SelfSubjectAccessReview
// for each right outside of any, all at once; and, where an authorizer other than RBAC does not
// tell all of its rules (status.incomplete), one SelfSubjectAccessReview for each right that the rules do not show.
// Everybody who is authenticated may ask (kubernetes.io, "Checking API access").
func (c *Cluster) Lacking(ctx context.Context, rights []regions.Right) ([]regions.Right, error) {
	var doubtful []regions.Right // asked one by one
	namespaced := map[string][]regions.Right{}
	for _, r := range rights {
		if r.Namespace == "" {
			doubtful = append(doubtful, r)
			continue
		}
		namespaced[r.Namespace] = append(namespaced[r.Namespace], r)
	}
	var mu sync.Mutex
	lacking := map[regions.Right]bool{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(compareConcurrency)
	for namespace, wanted := range namespaced {
		group.Go(func() error { return c.lackingIn(ctx, namespace, wanted, lacking, &mu) })
	}
	for _, r := range doubtful {
		group.Go(func() error { return c.ask(ctx, r, lacking, &mu) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(rights), func(r regions.Right) bool { return !lacking[r] }), nil
}

// lackingIn holds the rights against the rules in a namespace.
func (c *Cluster) lackingIn(ctx context.Context, namespace string, wanted []regions.Right, lacking map[regions.Right]bool, mu *sync.Mutex) error {
	var answer *authorizationv1.SelfSubjectRulesReview
	err := c.read(ctx, "review the own rights in namespace "+namespace, func(ctx context.Context) (err error) {
		answer, err = c.clientset.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
			Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace},
		}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range wanted {
		switch {
		case slices.ContainsFunc(answer.Status.ResourceRules, func(rule authorizationv1.ResourceRule) bool { return gives(rule, r) }):
		case answer.Status.Incomplete:
			if err := c.ask(ctx, r, lacking, mu); err != nil {
				return err
			}
		default:
			mu.Lock()
			lacking[r] = true
			mu.Unlock()
		}
	}
	return nil
}

// ask asks for one right.
func (c *Cluster) ask(ctx context.Context, r regions.Right, lacking map[regions.Right]bool, mu *sync.Mutex) error {
	resource, sub, _ := strings.Cut(r.Resource, "/")
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: r.Namespace, Verb: r.Verb, Group: r.Group, Resource: resource, Subresource: sub, Name: r.Name,
		},
	}}
	err := c.read(ctx, "review the right to "+r.String(), func(ctx context.Context) (err error) {
		review, err = c.clientset.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		return err
	})
	if err != nil || review.Status.Allowed {
		return err
	}
	mu.Lock()
	lacking[r] = true
	mu.Unlock()
	return nil
}

// gives tells whether a rule gives a right (k8s.io/component-helpers, auth/rbac/validation).
func gives(rule authorizationv1.ResourceRule, r regions.Right) bool {
	has := func(list []string, value string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, value)
	}
	_, sub, isSub := strings.Cut(r.Resource, "/")
	resource := has(rule.Resources, r.Resource) || isSub && slices.Contains(rule.Resources, "*/"+sub)
	named := len(rule.ResourceNames) == 0 || r.Name != "" && slices.Contains(rule.ResourceNames, r.Name)
	return has(rule.Verbs, r.Verb) && has(rule.APIGroups, r.Group) && resource && named
}
