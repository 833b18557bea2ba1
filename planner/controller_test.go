package planner_test

import (
	"maps"
	"slices"

	"quorate.dev/quorate/regions"
)

// reconcileAll is the StatefulSet controllers of a cluster (of all, where none is
// named), until none has anything to do (stateful_set_control.go of Kubernetes
// 1.37, maxUnavailable 1). A controller that rolls by itself, since someone left its
// partition low, is slower than the plan's first steps.
func (e engine) reconcileAll(cluster string) {
	for name, k := range e.clusters {
		if cluster != "" && cluster != name {
			continue
		}
		for _, s := range k.sets {
			for e.reconcile(s) {
			}
			s.complete()
		}
	}
}

// reconcile makes one change and tells whether there may be more.
func (e engine) reconcile(s *set) bool {
	for ordinal := range s.replicas {
		p := s.pods[ordinal]
		if p == nil {
			e.create(s, ordinal, 0)
			return true
		}
		if s.ordered && !p.up {
			return false // OrderedReady goes no further
		}
	}
	// Parallel deletes every unavailable pod of an old template first.
	for _, unavailable := range []bool{true, false} {
		for ordinal := s.replicas - 1; ordinal >= s.partition; ordinal-- {
			p := s.pods[ordinal]
			if p.image == s.image || p.why == "terminating" || p.up == unavailable {
				continue
			}
			if p.up && slices.ContainsFunc(slices.Collect(maps.Values(s.pods)), func(o *pod) bool { return !o.up }) {
				return false // the budget of one is spent
			}
			e.create(s, ordinal, p.born+1)
			return true
		}
	}
	return false
}

// create makes a pod, in place of a former one where there was one. All images
// work but Z.
func (e engine) create(s *set, ordinal, born int) {
	image := s.image
	if ordinal < s.partition {
		image = s.current
	}
	p := &pod{image: image, up: e.founded(), born: born}
	if image == "Z" {
		p.up, p.why = false, "ImagePullBackOff"
	}
	s.pods[ordinal] = p
	s.claims = max(s.claims, ordinal+1)
}

// complete counts the update as done once every pod runs it, also where there is none.
func (s *set) complete() {
	for ordinal := range s.replicas {
		if p := s.pods[ordinal]; p == nil || !p.up || p.image != s.image {
			return
		}
	}
	s.current = s.image
}

// founded tells whether pods can become ready.
func (e engine) founded() bool {
	if e.profile.Hooks.Init == nil || len(e.serving()) > 0 {
		return true
	}
	for _, k := range e.clusters {
		if d := k.state.Record.Database; d.ClusterID != "" || d.Installed != "" {
			return true
		}
	}
	return false
}

func (e engine) delete(id regions.ReplicaID) {
	s := e.clusters[id.Cluster].sets[id.Pool]
	old := s.pods[id.Ordinal]
	if s.ordered {
		for ordinal := range id.Ordinal {
			e.heal([]regions.ReplicaID{{Cluster: id.Cluster, Pool: id.Pool, Ordinal: ordinal}})
			if p := s.pods[ordinal]; p == nil || !p.up {
				e.Fatalf("%s is deleted, and OrderedReady makes it only after pod %d is ready", id, ordinal)
			}
		}
	}
	e.create(s, id.Ordinal, old.born+1)
}

// heal brings back what is down and can come back by itself; nil targets mean all.
func (e engine) heal(targets []regions.ReplicaID) {
	for cluster, k := range e.clusters {
		for pool, s := range k.sets {
			for ordinal, p := range s.pods {
				id := regions.ReplicaID{Cluster: cluster, Pool: pool, Ordinal: ordinal}
				switch {
				case targets != nil && !slices.Contains(targets, id), p.image == "Z" && p.why != "terminating":
				case p.why == "terminating":
					e.create(s, ordinal, p.born+1)
				case e.founded():
					p.up, p.why = true, ""
				}
			}
		}
	}
}

// serving are the replicas that are up, with their pods' numbers.
func (e engine) serving() map[regions.ReplicaID]int {
	out := map[regions.ReplicaID]int{}
	for cluster, k := range e.clusters {
		for pool, s := range k.sets {
			for ordinal, p := range s.pods {
				if p.up {
					out[regions.ReplicaID{Cluster: cluster, Pool: pool, Ordinal: ordinal}] = p.born
				}
			}
		}
	}
	return out
}

func (e engine) pod(id regions.ReplicaID) *pod {
	if s := e.clusters[id.Cluster].sets[id.Pool]; s != nil {
		return s.pods[id.Ordinal]
	}
	return nil
}
