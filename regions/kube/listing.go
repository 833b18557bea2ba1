package kube

import (
	"context"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// listing is what the deployment's namespace holds of the resources that a rollout turns on.
type listing struct {
	sets      []*appsv1.StatefulSet
	revisions []*appsv1.ControllerRevision
	pods      []*corev1.Pod
	claims    []*corev1.PersistentVolumeClaim
	seen      map[string]string // resource → resourceVersion up to which it was seen
}

// add sorts an object into its list; objects of other types are ignored.
func (l *listing) add(object any) {
	switch o := object.(type) {
	case *appsv1.StatefulSet:
		l.sets = append(l.sets, o)
	case *appsv1.ControllerRevision:
		l.revisions = append(l.revisions, o)
	case *corev1.Pod:
		l.pods = append(l.pods, o)
	case *corev1.PersistentVolumeClaim:
		l.claims = append(l.claims, o)
	}
}

// resource is one kind of object in a namespace, to be listed and watched.
type resource struct {
	name   string // plural, as in Seen
	sample runtime.Object
	list   func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch  func(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// resources are those of a listing.
func (c *Cluster) resources(namespace string) []resource {
	apps, core := c.clientset.AppsV1(), c.clientset.CoreV1()
	sets, revisions := apps.StatefulSets(namespace), apps.ControllerRevisions(namespace)
	pods, claims := core.Pods(namespace), core.PersistentVolumeClaims(namespace)
	return []resource{
		{"statefulsets", &appsv1.StatefulSet{}, lister(sets.List), sets.Watch},
		{"controllerrevisions", &appsv1.ControllerRevision{}, lister(revisions.List), revisions.Watch},
		{"pods", &corev1.Pod{}, lister(pods.List), pods.Watch},
		{"persistentvolumeclaims", &corev1.PersistentVolumeClaim{}, lister(claims.List), claims.Watch},
	}
}

// lister forgets the type of a typed client's List. A failed List is no object at all, not
// an interface around a nil pointer.
func lister[T runtime.Object](list func(context.Context, metav1.ListOptions) (T, error)) func(context.Context, metav1.ListOptions) (runtime.Object, error) {
	return func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
		out, err := list(ctx, opts)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// list reads every resource at its latest resourceVersion, all at once.
func (c *Cluster) list(ctx context.Context, namespace string) (listing, error) {
	resources := c.resources(namespace)
	parts := make([]listing, len(resources))
	tasks := make([]func() error, len(resources))
	for i, r := range resources {
		tasks[i] = func() error {
			return c.read(ctx, "list "+r.name+" in namespace "+namespace, func(ctx context.Context) error {
				list, err := r.list(ctx, metav1.ListOptions{})
				if err != nil {
					return err
				}
				return parts[i].fill(r.name, list)
			})
		}
	}
	if err := together(tasks...); err != nil {
		return listing{}, err
	}
	whole := listing{seen: map[string]string{}}
	for _, part := range parts {
		whole.sets = append(whole.sets, part.sets...)
		whole.revisions = append(whole.revisions, part.revisions...)
		whole.pods = append(whole.pods, part.pods...)
		whole.claims = append(whole.claims, part.claims...)
		maps.Copy(whole.seen, part.seen)
	}
	return whole, nil
}

func (l *listing) fill(name string, list runtime.Object) error {
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return err
	}
	l.seen = map[string]string{name: accessor.GetResourceVersion()}
	return meta.EachListItem(list, func(object runtime.Object) error {
		l.add(object)
		return nil
	})
}
