package main

import (
	"fmt"
	"strings"
)

// shape is what differs between the topologies of the measurements.
type shape struct {
	name, image string
	survive     string
	rollout     string // more of spec.rollout
	regions     []string
}

// topology writes a CockroachDB deployment.
func (s shape) topology() string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: %s}
spec:
  profile: cockroachdb
  image: cockroachdb/cockroach:%s
  storage: {size: 1Gi, className: standard}
  resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
  survive: %s
  tls: {mode: disabled}
  dns: {zone: %s.db.example.com, publish: [serve: {listen: "127.0.0.1:5300"}]}
  rollout: {timeout: 2m%s}
  regions:
%s`, s.name, s.image, s.survive, s.name, s.rollout, strings.Join(s.regions, ""))
	return b.String()
}

// three is one deployment over the clusters of the sandbox.
func three(name, image, rollout string) shape {
	s := shape{name: name, image: image, survive: "{failure: region, voters: 5}", rollout: rollout}
	for _, c := range clusters {
		s.regions = append(s.regions, fmt.Sprintf("  - name: %s\n    clusters: [{name: %s, replicas: 3, zones: [%s-a, %s-b, %s-c]}]\n",
			c.region, c.name, c.region, c.region, c.region))
	}
	return s
}

// many is a deployment over n clusters, each in the namespace that a function of its number gives.
func many(name string, n int, namespace func(int) string) shape {
	s := shape{name: name, image: "v25.4.1", survive: "{failure: none}"}
	for i := range n {
		s.regions = append(s.regions, fmt.Sprintf("  - name: region-%d\n    clusters: [{name: c%d, namespace: %s, replicas: 3, zones: [zone-%d-a, zone-%d-b, zone-%d-c]}]\n",
			i, i, namespace(i), i, i, i))
	}
	return s
}
