package kube

import (
	"context"
	"fmt"
	"maps"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/regions"
)

// systemNamespace is where a cluster's own DNS runs.
const systemNamespace = "kube-system"

// clusterDNSService is what the Service of a cluster's DNS is called, whichever program it is
// (kubernetes.io, "DNS for Services and Pods").
const clusterDNSService = "kube-dns"

// ConfigMap is a ConfigMap of others, as it was read, to be changed in a few places.
type ConfigMap struct {
	Namespace, Name   string
	Exists            bool
	Labels            map[string]string
	Annotations, Data map[string]string
	read              *corev1.ConfigMap
}

// String is kind, namespace and name.
func (m ConfigMap) String() string { return "ConfigMap " + m.Namespace + "/" + m.Name }

// ReadSystemConfigMap reads a ConfigMap of kube-system; Exists is false where there is none.
func (c *Cluster) ReadSystemConfigMap(ctx context.Context, name string) (ConfigMap, error) {
	out := ConfigMap{Namespace: systemNamespace, Name: name}
	err := c.read(ctx, "get ConfigMap/"+systemNamespace+"/"+name, func(ctx context.Context) (err error) {
		out.read, err = c.clientset.CoreV1().ConfigMaps(systemNamespace).Get(ctx, name, metav1.GetOptions{})
		return err
	})
	switch {
	case apierrors.IsNotFound(err):
		out.read = nil
		return out, nil
	case err != nil:
		return ConfigMap{}, err
	}
	out.Exists, out.Labels, out.Annotations, out.Data = true, out.read.Labels, out.read.Annotations, out.read.Data
	return out, nil
}

// WriteConfigMap makes the data and the annotations of a ConfigMap those given, all else stays as it was read. It
// is a Changed, and nothing is written, where somebody else has written or made it since.
func (c *Cluster) WriteConfigMap(ctx context.Context, m ConfigMap, data, annotations map[string]string) error {
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name}}
	if m.read != nil {
		object = m.read.DeepCopy()
	}
	object.Data = maps.Clone(data)
	object.Annotations = maps.Clone(annotations)
	configMaps := c.clientset.CoreV1().ConfigMaps(m.Namespace)
	err := c.request(ctx, fmt.Sprintf("write ConfigMap/%s/%s", m.Namespace, m.Name), func(ctx context.Context) (err error) {
		if m.read == nil {
			_, err = configMaps.Create(ctx, object, metav1.CreateOptions{FieldManager: ManagerQuorate})
			return err
		}
		_, err = configMaps.Update(ctx, object, metav1.UpdateOptions{FieldManager: ManagerQuorate})
		return err
	})
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		ref := regions.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: m.Namespace, Name: m.Name}
		return &Changed{Cluster: c.name, Object: ref, Err: err}
	}
	return err
}

// DNSAddresses are the addresses of the cluster's own DNS: those of its Service, and of the load balancers in
// front of it; none where that Service does not exist.
func (c *Cluster) DNSAddresses(ctx context.Context) ([]netip.Addr, error) {
	var service *corev1.Service
	err := c.read(ctx, "get Service/"+systemNamespace+"/"+clusterDNSService, func(ctx context.Context) (err error) {
		service, err = c.clientset.CoreV1().Services(systemNamespace).Get(ctx, clusterDNSService, metav1.GetOptions{})
		return err
	})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	texts := append([]string{service.Spec.ClusterIP}, service.Spec.ClusterIPs...)
	texts = append(texts, service.Spec.ExternalIPs...)
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		texts = append(texts, ingress.IP)
	}
	var out []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, text := range texts {
		if ip, err := netip.ParseAddr(text); err == nil && !seen[ip] { // "None" and names of load balancers are no addresses
			seen[ip] = true
			out = append(out, ip)
		}
	}
	return out, nil
}
