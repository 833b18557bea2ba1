package planner_test

import (
	"slices"
	"strings"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// engine plays a plan on a world in which everything that can work does: an
// oracle for what a plan leads to. On the way it holds every step against what a
// StatefulSet controller would do: no step may take down a replica that serves
// and that it does not name, or one too many.
type engine struct {
	*world
	plan *planner.Plan
}

// run plays the whole plan.
func (w *world) run(p *planner.Plan) {
	w.Helper()
	w.runFirst(p, len(p.Steps))
	slots := planner.Slots(w.input())
	for name, k := range w.clusters {
		if !p.Promise.InForce {
			k.state.Record.Database.Installed = "run"
		}
		k.state.Record.Database.Unverified = ""
		if got := k.state.Record.Database.Slots; !slices.Equal(got, slots) {
			w.Fatalf("%s records the slots %v, they are %v", name, got, slots)
		}
	}
}

// runFirst plays a plan up to a crash after its first n steps.
func (w *world) runFirst(p *planner.Plan, n int) {
	w.Helper()
	if len(p.Refusals) > 0 || len(p.Unreachable()) > 0 {
		w.Fatalf("this plan may not run: %v %v", p.Refusals, p.Unreachable())
	}
	for _, s := range p.Steps[:n] {
		w.step(p, s)
	}
}

func (w *world) step(p *planner.Plan, s planner.Step) {
	w.Helper()
	e := engine{w, p}
	e.guard(s)
	serving := e.serving()
	e.act(s)
	for id, born := range serving {
		now := e.pod(id)
		if (now == nil || now.born != born) && !slices.Contains(s.Disrupts, id) {
			w.Fatalf("step %s took down %s, which it does not say", s.ID, id)
		}
	}
	e.verify(s)
}

// guard holds the budget: with the promise in force nothing is taken down beside
// a replica that is down, except what is down itself.
func (e engine) guard(s planner.Step) {
	e.Helper()
	if !s.Disruptive() || !e.plan.Promise.InForce {
		return
	}
	down, healthy := 0, 0
	for name, k := range e.clusters {
		for pool, set := range k.sets {
			for ordinal := range max(set.replicas, set.claims) {
				id := regions.ReplicaID{Cluster: name, Pool: pool, Ordinal: ordinal}
				p := set.pods[ordinal]
				switch {
				case (p == nil || !p.up) && !slices.Contains(s.Disrupts, id):
					down++
				case p != nil && p.up && slices.Contains(s.Disrupts, id):
					healthy++
				}
			}
		}
	}
	if healthy > 0 && down+len(s.Disrupts) > e.topology.Spec.Rollout.MaxUnavailable {
		e.Fatalf("step %s takes down %v while %d others are down", s.ID, s.Disrupts, down)
	}
}

func (e engine) act(s planner.Step) {
	e.Helper()
	k, p := e.clusters[s.Cluster], s.Payload
	switch s.Kind {
	case planner.KindNamespace, planner.KindApply:
		e.apply(s)
	case planner.KindPartition:
		pool := k.sets[p.Pool]
		if p.Condition == planner.ConditionSettled && pool.current != pool.image {
			e.Fatalf("step %s raises the partition of a set that has not settled (%s, %s)", s.ID, pool.current, pool.image)
		}
		pool.partition, pool.managers, pool.released = *p.Partition, []string{planner.RolloutManager}, p.Release
		record := &k.state.Record.Database
		if p.Release {
			record.Released = append(record.Released, p.Pool)
		} else if p.TakeBack {
			record.Released = slices.DeleteFunc(record.Released, func(name string) bool { return name == p.Pool })
		}
	case planner.KindReplace:
		for _, id := range p.Targets {
			if old := e.pod(id); old != nil && !old.up {
				e.delete(id)
			}
		}
	case planner.KindScale:
		pool := k.sets[p.Pool]
		if pool.replicas < *p.Replicas {
			pool.replicas, pool.partition = *p.Replicas, max(pool.partition, *p.Replicas)
			if p.Partition != nil {
				pool.partition = *p.Partition
			}
		}
	case planner.KindCredentials:
		e.giveCredentials(s)
	case planner.KindVerifyDNS:
		if p.Condition == planner.ConditionStanding {
			k.authority.unready = 0 // what can stand does
		}
	case planner.KindInit:
		e.initialise(s)
	case planner.KindHook:
		for _, k := range e.clusters {
			k.state.Record.Database.ClusterID = "founded"
		}
	case planner.KindRetire:
		for _, ref := range p.Objects {
			delete(k.objects, ref)
		}
		k.state.Record.Inventory = e.refs(s.Cluster)
	case planner.KindWait:
		if p.Condition == planner.ConditionReady {
			e.heal(p.Targets)
		}
	}
	if !strings.Contains(s.ID, "/hold/") { // a controller that rolls by itself is slower
		e.reconcileAll(s.Cluster)
	}
}

func (e engine) apply(s planner.Step) {
	k := e.clusters[s.Cluster]
	k.shared = nil
	c, _ := e.topology.ClusterByName(s.Cluster)
	for _, o := range e.overlay(c) {
		ref := planner.RefOf(o)
		if !slices.Contains(s.Payload.Objects, ref) {
			continue
		}
		if ref.Kind != "StatefulSet" {
			k.objects[ref] = o
			k.authority.apply(s.Cluster, ref)
			continue
		}
		if k.sets[ref.Name] == nil {
			want := int(o["spec"].(map[string]any)["replicas"].(int64))
			k.sets[ref.Name] = &set{
				partition: want, image: e.image, current: e.image, pods: map[int]*pod{},
				managers: []string{planner.RolloutManager}, ordered: e.profile.Name == "generic",
			}
		}
		pool := k.sets[ref.Name]
		pool.image, pool.list = e.image, e.memberList()
		if i := slices.Index(pool.history, e.image); i >= 0 { // the controller reuses an equal revision
			pool.history = slices.Delete(pool.history, i, i+1)
		}
		pool.history = append(pool.history, e.image)
	}
	if s.Kind == planner.KindApply {
		e.record(s.Cluster)
	}
}

// record is what the engine writes down with an apply.
func (e engine) record(cluster string) {
	r := &e.clusters[cluster].state.Record
	r.Exists = true
	r.Inventory = append(r.Inventory, e.refs(cluster)...)
	slices.SortFunc(r.Inventory, regions.ObjectRef.Compare)
	r.Inventory = slices.Compact(r.Inventory)
	r.Clusters = map[string]string{}
	for name, k := range e.clusters {
		r.Clusters[name] = k.state.UID
	}
	r.Database.Slots = planner.Slots(e.input())
	r.Database.Zone = e.input().Topology.Spec.DNS.Zone
	r.Database.Released = slices.DeleteFunc(slices.Clone(r.Database.Released), func(pool string) bool { return !e.clusters[cluster].sets[pool].released })
	if e.plan.Promise.InForce && r.Database.Installed == "" {
		r.Database.Installed = "run"
	}
}

func (e engine) refs(cluster string) []regions.ObjectRef {
	var out []regions.ObjectRef
	c, _ := e.topology.ClusterByName(cluster)
	for _, o := range e.overlay(c) {
		out = append(out, planner.RefOf(o))
	}
	slices.SortFunc(out, regions.ObjectRef.Compare)
	return out
}

// initialise founds the database, or finds it founded. A second database would
// come of a replica that does not serve while others do.
func (e engine) initialise(s planner.Step) {
	e.Helper()
	target := e.pod(s.Payload.Targets[0])
	switch serving := e.serving(); {
	case target == nil || target.why != "":
		e.Fatalf("init in %s, which does not run", s.Payload.Targets[0])
	case len(serving) > 0 && !target.up:
		e.Fatalf("init in %s, which does not serve, while others do", s.Payload.Targets[0])
	}
	for _, k := range e.clusters {
		k.state.Record.Database.ClusterID = "founded"
	}
	e.heal(nil)
}

// verify holds what a step promises once it is over.
func (e engine) verify(s planner.Step) {
	e.Helper()
	if s.Kind == planner.KindProbe || s.Kind == planner.KindSoak {
		if down := e.down(); len(down) > 0 {
			e.Fatalf("step %s never ends: %v are down", s.ID, down)
		}
	}
	for _, id := range s.Payload.Targets {
		p := e.pod(id)
		switch {
		case s.Payload.Condition == planner.ConditionRunning && (p == nil || p.why != ""):
			e.Fatalf("step %s never ends: %s does not run", s.ID, id)
		case s.Payload.Condition == planner.ConditionReady && (p == nil || !p.up):
			e.Fatalf("step %s never ends: %s is not ready", s.ID, id)
		case s.Payload.Ordinal != nil && p.image != e.clusters[id.Cluster].sets[id.Pool].image:
			e.Fatalf("step %s never ends: %s keeps template %s", s.ID, id, p.image)
		}
	}
}

// down are the replicas that should serve now and do not.
func (e engine) down() []regions.ReplicaID {
	var out []regions.ReplicaID
	for cluster, k := range e.clusters {
		for pool, s := range k.sets {
			for ordinal := range s.replicas {
				if p := s.pods[ordinal]; p == nil || !p.up {
					out = append(out, regions.ReplicaID{Cluster: cluster, Pool: pool, Ordinal: ordinal})
				}
			}
		}
	}
	return out
}
