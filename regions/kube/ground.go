package kube

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"quorate.dev/quorate/regions"
)

// What stands in regions.Ground.NotLooked.
const (
	unseenNodes   = "nodes"
	unseenPods    = "pods of all namespaces"
	unseenClasses = "storage classes"
	unseenQuotas  = "quotas"
	unseenLimits  = "limit ranges"
)

// Ground reads what the cluster offers to a deployment, in six requests, all at once. What
// may not be read is named in NotLooked. now is our own clock, read around one of the requests.
func (c *Cluster) Ground(ctx context.Context, namespace string, now func() time.Time) (regions.Ground, error) {
	g := regions.Ground{Cluster: c.name}
	var nodes corev1.NodeList
	var pods corev1.PodList
	var classes storagev1.StorageClassList
	var quotas corev1.ResourceQuotaList
	var limits corev1.LimitRangeList
	core := c.clientset.CoreV1()
	seen := make([]string, 5)
	err := together(
		func() (err error) { g.ServerVersion, g.Clock, g.ClockError, err = c.clock(ctx, now); return err },
		func() error { return look(ctx, c, unseenNodes, &seen[0], &nodes, core.Nodes().List) },
		func() error { return look(ctx, c, unseenPods, &seen[1], &pods, core.Pods(metav1.NamespaceAll).List) },
		func() error {
			return look(ctx, c, unseenClasses, &seen[2], &classes, c.clientset.StorageV1().StorageClasses().List)
		},
		func() error {
			return look(ctx, c, unseenQuotas, &seen[3], &quotas, core.ResourceQuotas(namespace).List)
		},
		func() error { return look(ctx, c, unseenLimits, &seen[4], &limits, core.LimitRanges(namespace).List) },
	)
	g.Nodes, g.StorageClasses = rooms(nodes.Items, pods.Items), storageClasses(classes.Items)
	g.Quotas, g.Limits = quotasOf(quotas.Items), limitsOf(limits.Items)
	g.NotLooked = slices.DeleteFunc(seen, func(what string) bool { return what == "" })
	slices.Sort(g.NotLooked)
	return g, err
}

// look lists one resource; unseen is set to what it is where it may not be listed.
func look[T any](ctx context.Context, c *Cluster, what string, unseen *string, into *T, list func(context.Context, metav1.ListOptions) (*T, error)) error {
	err := c.read(ctx, "list "+what, func(ctx context.Context) error {
		out, err := list(ctx, metav1.ListOptions{})
		if err == nil {
			*into = *out
		}
		return err
	})
	if apierrors.IsForbidden(err) {
		*unseen = what
		return nil
	}
	return err
}

// clock reads the version, and the server's clock from the answer's Date (RFC 9110 section 6.6.1), which
// has whole seconds: the error is half a second and half of the round trip.
func (c *Cluster) clock(ctx context.Context, now func() time.Time) (version string, skew, within time.Duration, err error) {
	if version, err = c.version(ctx); err != nil {
		return "", 0, 0, err // and the connection stands
	}
	address, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return version, 0, 0, fmt.Errorf("cluster %s: the address of its API server: %w", c.name, err)
	}
	err = c.read(ctx, "read the API server's clock", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.JoinPath("version").String(), nil)
		if err != nil {
			return err
		}
		before := now()
		answer, err := c.http.Do(request)
		if err != nil {
			return err
		}
		after := now()
		_, _ = io.Copy(io.Discard, answer.Body) // the connection is used again; only the head counts
		if err := answer.Body.Close(); err != nil {
			return err
		}
		date, err := http.ParseTime(answer.Header.Get("Date"))
		if err != nil {
			return fmt.Errorf("the answer's Date: %w", err)
		}
		trip := after.Sub(before)
		skew, within = date.Add(time.Second/2).Sub(before.Add(trip/2)), time.Second/2+trip/2
		return nil
	})
	return version, skew, within, err
}

func storageClasses(items []storagev1.StorageClass) []regions.StorageClass {
	var out []regions.StorageClass
	for _, s := range items {
		out = append(out, regions.StorageClass{
			Name: s.Name, Provisioner: s.Provisioner,
			Default:     s.Annotations["storageclass.kubernetes.io/is-default-class"] == "true",
			Expandable:  s.AllowVolumeExpansion != nil && *s.AllowVolumeExpansion,
			LateBinding: s.VolumeBindingMode != nil && *s.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer,
		})
	}
	slices.SortFunc(out, func(a, b regions.StorageClass) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// rooms are the nodes that take pods, and what is free on them.
func rooms(nodes []corev1.Node, pods []corev1.Pod) []regions.NodeRoom {
	taken := map[string]*regions.NodeRoom{}
	for i := range pods {
		p := &pods[i]
		if p.Spec.NodeName == "" || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		t := taken[p.Spec.NodeName]
		if t == nil {
			t = &regions.NodeRoom{}
			taken[p.Spec.NodeName] = t
		}
		cpu, memory := requested(p)
		t.CPU, t.Memory, t.Pods = t.CPU+cpu, t.Memory+memory, t.Pods+1
	}
	var out []regions.NodeRoom
	for i := range nodes {
		n := &nodes[i]
		if !takesPods(n) {
			continue
		}
		room := regions.NodeRoom{
			Name: n.Name, Zone: n.Labels[corev1.LabelTopologyZone], PodCIDRs: n.Spec.PodCIDRs,
			CPU: n.Status.Allocatable.Cpu().MilliValue(), Memory: n.Status.Allocatable.Memory().Value(), Pods: n.Status.Allocatable.Pods().Value(),
		}
		if t := taken[n.Name]; t != nil {
			room.CPU, room.Memory, room.Pods = room.CPU-t.CPU, room.Memory-t.Memory, room.Pods-t.Pods
		}
		out = append(out, room)
	}
	slices.SortFunc(out, func(a, b regions.NodeRoom) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// takesPods: ready, not cordoned, and without a taint that keeps pods away which tolerate nothing.
func takesPods(n *corev1.Node) bool {
	kept := slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Effect != corev1.TaintEffectPreferNoSchedule })
	return !n.Spec.Unschedulable && !kept && slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// requested is what the scheduler counts of a pod: its containers together or the largest init container, and
// the overhead. Containers that start first and stay (sidecars) count as containers.
func requested(p *corev1.Pod) (cpu, memory int64) {
	add := func(into *int64, value int64) { *into += value }
	var firstCPU, firstMemory int64
	for _, c := range p.Spec.InitContainers {
		r := c.Resources.Requests
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			add(&cpu, r.Cpu().MilliValue())
			add(&memory, r.Memory().Value())
			continue
		}
		firstCPU, firstMemory = max(firstCPU, cpu+r.Cpu().MilliValue()), max(firstMemory, memory+r.Memory().Value())
	}
	for _, c := range p.Spec.Containers {
		add(&cpu, c.Resources.Requests.Cpu().MilliValue())
		add(&memory, c.Resources.Requests.Memory().Value())
	}
	return max(cpu, firstCPU) + p.Spec.Overhead.Cpu().MilliValue(), max(memory, firstMemory) + p.Spec.Overhead.Memory().Value()
}

// amount is a quantity in the unit of its resource.
func amount(name corev1.ResourceName, q quantity.Quantity) int64 {
	if strings.HasSuffix(string(name), "cpu") {
		return q.MilliValue()
	}
	return q.Value()
}

func quotasOf(items []corev1.ResourceQuota) []regions.Quota {
	var out []regions.Quota
	for _, q := range items {
		if q.Spec.ScopeSelector != nil || len(q.Spec.Scopes) > 0 {
			continue // it may not be about our pods at all
		}
		for name, hard := range q.Spec.Hard {
			out = append(out, regions.Quota{
				Name: q.Name, Resource: string(name), Hard: amount(name, hard), Used: amount(name, q.Status.Used[name]),
			})
		}
	}
	slices.SortFunc(out, func(a, b regions.Quota) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Resource, b.Resource))
	})
	return out
}

func limitsOf(items []corev1.LimitRange) []regions.Limit {
	var out []regions.Limit
	for _, l := range items {
		for _, item := range l.Spec.Limits {
			if item.Type != corev1.LimitTypeContainer {
				continue
			}
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				limit := regions.Limit{Name: l.Name, Resource: string(name)}
				limit.Min, limit.Max = optional(name, item.Min), optional(name, item.Max)
				if limit.Min != nil || limit.Max != nil {
					out = append(out, limit)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b regions.Limit) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Resource, b.Resource))
	})
	return out
}

func optional(name corev1.ResourceName, list corev1.ResourceList) *int64 {
	q, ok := list[name]
	if !ok {
		return nil
	}
	value := amount(name, q)
	return &value
}
