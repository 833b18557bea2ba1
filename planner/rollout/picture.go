package rollout

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// healthEvery is the least time between two pictures of the replicas: readers see what lasts.
const healthEvery = time.Second

// tellHealth emits the picture of the replicas whenever it has changed, until ctx ends; the last
// one is told then.
func (x *execution) tellHealth(ctx context.Context) {
	var told *Health
	for ended := false; ; {
		v, changed := x.fleet.look()
		if now := x.health(v); len(v.states) > 0 && !reflect.DeepEqual(now, told) {
			told = now
			x.emit(Event{Type: EventHealth, Health: now})
		}
		if ended {
			return
		}
		ended = !x.pause(ctx, changed)
	}
}

// pause waits for the least time between two pictures and for a change; it tells whether the
// run goes on.
func (x *execution) pause(ctx context.Context, changed <-chan struct{}) bool {
	timer := time.NewTimer(healthEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	select {
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	}
}

// health is the picture of a view.
func (x *execution) health(v view) *Health {
	h := &Health{Silent: slices.Sorted(maps.Keys(v.errs)), Exposure: planner.ExposureNow(x.Topology, x.seen(v))}
	for _, c := range x.Topology.OrderedClusters() {
		for _, p := range x.Topology.Pools(c) {
			for ordinal := range p.Replicas {
				id := regions.ReplicaID{Cluster: c.Name, Pool: p.Name, Ordinal: ordinal}
				h.Replicas = append(h.Replicas, replicaHealth(v, id, x.Topology.RegionOf(c.Name)))
			}
		}
	}
	return h
}

// seen are the states of the clusters that answer.
func (x *execution) seen(v view) []regions.ClusterState {
	return slices.DeleteFunc(v.all(), func(s regions.ClusterState) bool { return v.errs[s.Cluster] != nil })
}

func replicaHealth(v view, id regions.ReplicaID, region string) ReplicaHealth {
	out := ReplicaHealth{ID: id, Region: region, State: ReplicaUnseen}
	state, known := v.states[id.Cluster]
	if !known || v.errs[id.Cluster] != nil {
		return out
	}
	pod := planner.FindPod(state, id)
	out.State = replicaState(pod)
	if set := planner.FindSet(state, id.Pool); pod != nil && set != nil {
		out.Updated = pod.Revision == set.UpdateRevision
	}
	if out.State != ReplicaServing {
		out.Why = strings.TrimPrefix(planner.Blocker(state, id, planner.ConditionReady), id.String()+": ")
	}
	return out
}

func replicaState(pod *regions.PodState) ReplicaState {
	switch {
	case pod == nil:
		return ReplicaAbsent
	case pod.Up():
		return ReplicaServing
	case pod.Terminating:
		return ReplicaStopping
	case pod.Waiting != "":
		return ReplicaFailing
	}
	return ReplicaStarting
}
