package preflight

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Asked is what replicas of a pool's StatefulSet ask for, read from the overlay's objects. A pool without a
// StatefulSet asks for nothing.
func Asked(objects []map[string]any, pool string, replicas int) (Pool, error) {
	out := Pool{Name: pool, Replicas: replicas}
	for _, object := range objects {
		metadata, _ := object["metadata"].(map[string]any)
		if object["kind"] != "StatefulSet" || metadata["name"] != pool {
			continue
		}
		var set appsv1.StatefulSet
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &set); err != nil {
			return out, fmt.Errorf("read it: %w", err)
		}
		out.take(&set)
	}
	return out, nil
}

// Ports are the TCP ports of the StatefulSets' containers, sorted, each once. What is no StatefulSet has none.
func Ports(objects []map[string]any) []int {
	var out []int
	for _, object := range objects {
		var set appsv1.StatefulSet
		if object["kind"] != "StatefulSet" || runtime.DefaultUnstructuredConverter.FromUnstructured(object, &set) != nil {
			continue
		}
		for _, container := range set.Spec.Template.Spec.Containers {
			for _, port := range container.Ports {
				if port.Protocol == "" || port.Protocol == corev1.ProtocolTCP {
					out = append(out, int(port.ContainerPort))
				}
			}
		}
	}
	return distinct(out)
}

func (p *Pool) take(set *appsv1.StatefulSet) {
	template := set.Spec.Template.Spec
	for i := range template.Containers {
		r := requests(&template.Containers[i])
		limits := template.Containers[i].Resources.Limits
		p.Containers = append(p.Containers, r)
		p.CPU, p.Memory = p.CPU+r.CPU, p.Memory+r.Memory
		p.Limits.CPU += limits.Cpu().MilliValue()
		p.Limits.Memory += limits.Memory().Value()
	}
	for i := range template.InitContainers { // they run one after the other, before the containers
		r := requests(&template.InitContainers[i])
		p.CPU, p.Memory = max(p.CPU, r.CPU), max(p.Memory, r.Memory)
	}
	p.OnePerNode, p.Zones = onePerNode(&template), pinned(&template)
	for _, c := range set.Spec.VolumeClaimTemplates {
		claim := Claim{Name: c.Name, Size: c.Spec.Resources.Requests.Storage().Value()}
		if c.Spec.StorageClassName != nil {
			claim.Class = *c.Spec.StorageClassName
		}
		p.Claims = append(p.Claims, claim)
	}
}

// requests are those of a container; a limit without a request is one too (kubernetes.io, "Resource
// Management for Pods and Containers").
func requests(c *corev1.Container) Sizes {
	value := func(name corev1.ResourceName, of func(corev1.ResourceList) int64) int64 {
		if _, named := c.Resources.Requests[name]; named {
			return of(c.Resources.Requests)
		}
		return of(c.Resources.Limits)
	}
	return Sizes{
		CPU:    value(corev1.ResourceCPU, func(l corev1.ResourceList) int64 { return l.Cpu().MilliValue() }),
		Memory: value(corev1.ResourceMemory, func(l corev1.ResourceList) int64 { return l.Memory().Value() }),
	}
}

// onePerNode: a required anti-affinity by host name. Its selector is taken to choose the pool's own
// pods, as it does in every common manifest.
func onePerNode(template *corev1.PodSpec) bool {
	if template.Affinity == nil || template.Affinity.PodAntiAffinity == nil {
		return false
	}
	for _, term := range template.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		if term.TopologyKey == corev1.LabelHostname {
			return true
		}
	}
	return false
}

// pinned are the zones that a required node affinity or a node selector names; where several terms stand side by side, none is
// taken from them.
func pinned(template *corev1.PodSpec) []string {
	if zone := template.NodeSelector[corev1.LabelTopologyZone]; zone != "" {
		return []string{zone}
	}
	if template.Affinity == nil || template.Affinity.NodeAffinity == nil || template.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	terms := template.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if len(terms) != 1 {
		return nil
	}
	for _, e := range terms[0].MatchExpressions {
		if e.Key == corev1.LabelTopologyZone && e.Operator == corev1.NodeSelectorOpIn {
			return e.Values
		}
	}
	return nil
}
