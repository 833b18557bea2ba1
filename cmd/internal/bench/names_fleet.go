package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// The deployment of the rows about names: one cluster, with as many replicas as a row asks for.
const (
	namesDeployment = "bank"
	namesCluster    = "use1"
	namesZone       = "bank.db.example.com."
	namesTTL        = 10
)

func namesTopology(replicas int) *regions.Topology {
	return &regions.Topology{
		Metadata: regions.Metadata{Name: namesDeployment},
		Spec: regions.Spec{
			DNS:     regions.DNS{Zone: namesZone, TTL: fmt.Sprintf("%ds", namesTTL)},
			Regions: []regions.Region{{Name: "us-east1", Clusters: []regions.Cluster{{Name: namesCluster, Replicas: replicas}}}},
		},
	}
}

// namesAddress is where a replica is; each generation of pods has addresses of its own.
func namesAddress(replica, generation int) string {
	const octet = 250
	return fmt.Sprintf("%d.%d.%d.%d", 10+generation, replica/octet/octet, replica/octet%octet, replica%octet+1)
}

func replicaName(i int) string {
	return fmt.Sprintf("%s-%d.%s.%s", namesDeployment, i, namesCluster, namesZone)
}

func namesEndpoints(replicas, generation int) []dns.Endpoint {
	out := make([]dns.Endpoint, replicas)
	for i := range out {
		out[i] = dns.Endpoint{
			Replica: regions.ReplicaID{Cluster: namesCluster, Pool: namesDeployment, Ordinal: i}, PodUID: fmt.Sprintf("uid-%d-%d", generation, i),
			IPs: []string{namesAddress(i, generation)}, Sequence: uint64(generation),
		}
	}
	return out
}

// perSlice is how many endpoints the controller of EndpointSlices puts into one.
const perSlice = 100

// namesSlices are the EndpointSlices of the pods, as the API server of the cluster has them.
func namesSlices(replicas int) []runtime.Object {
	var out []runtime.Object
	for from := 0; from < replicas; from += perSlice {
		out = append(out, namesSlice(from, min(replicas, from+perSlice), 0))
	}
	return out
}

func namesSlice(from, to, generation int) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namesDeployment, Name: fmt.Sprintf("%s-%d", namesDeployment, from/perSlice),
			Labels: map[string]string{discoveryv1.LabelServiceName: namesDeployment},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	for i := from; i < to; i++ {
		pod := fmt.Sprintf("%s-%d", namesDeployment, i)
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{namesAddress(i, generation)}, Hostname: &pod,
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod, UID: types.UID(fmt.Sprintf("3d3c8f4e-0000-4000-%04d-%012d", generation, i))},
		})
	}
	return slice
}
