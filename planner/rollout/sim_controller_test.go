package rollout_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// spec is what is wanted of a set; generation counts its changes.
type spec struct {
	generation          int64
	replicas, partition int
	template            map[string]any
}

// set is a StatefulSet and the state of its controller, which sees the set later
// than it is written, and acts on what it has seen.
type set struct {
	*cluster
	setName         string
	object          map[string]any
	spec            spec
	seen            spec // the controller's cache
	version         int
	rolloutOwned    bool
	released        bool // the partition has no owner
	observed        int64
	current, update string
	ready, avail    int
	revisions       []regions.Revision
	syncing         bool
	lastWriter      string // the run that wrote it last
	lastWritten     time.Time
}

func (s *set) podName(ordinal int) string { return s.setName + "-" + strconv.Itoa(ordinal) }

func (s *set) id(ordinal int) regions.ReplicaID {
	return regions.ReplicaID{Cluster: s.cluster.name, Pool: s.setName, Ordinal: ordinal}
}

func (s *set) state() regions.StatefulSetState {
	var managers, partitionManagers []string
	if s.rolloutOwned {
		managers = []string{planner.RolloutManager}
	}
	if !s.released {
		partitionManagers = managers
	}
	return regions.StatefulSetState{
		Name: s.setName, UID: s.setName, ResourceVersion: strconv.Itoa(s.version),
		Generation: s.spec.generation, ObservedGeneration: s.observed,
		Replicas: s.spec.replicas, Partition: s.spec.partition, Parallel: !s.opts.ordered,
		CurrentRevision: s.current, UpdateRevision: s.update,
		AvailableReplicas: s.avail, ReadyReplicas: s.ready, MinReadySeconds: s.opts.minReady,
		Revisions: slices.Clone(s.revisions), ReplicasManagers: managers, PartitionManagers: partitionManagers,
	}
}

// write changes the spec; the controller hears of it later.
func (s *set) write(change func(*spec)) {
	before := s.spec
	change(&s.spec)
	if before.replicas == s.spec.replicas && before.partition == s.spec.partition && reflect.DeepEqual(before.template, s.spec.template) {
		return
	}
	s.spec.generation++
	s.version = s.touch()
	now := s.spec
	s.after(s.some(s.opts.controllerLag), func() {
		if now.generation > s.seen.generation {
			s.seen = now
			s.sync()
		}
	})
}

// poke makes the controller look at its set soon.
func (s *set) poke() {
	if s.syncing || s.seen.generation == 0 {
		return
	}
	s.syncing = true
	s.after(s.some(s.opts.controllerLag/4), func() {
		s.syncing = false
		s.sync()
	})
}

// sync is one round of the controller: Kubernetes v1.37
// pkg/controller/statefulset/stateful_set_control.go, updateStatefulSet.
func (s *set) sync() {
	s.update = s.revisionFor(s.seen.template)
	if s.current == "" {
		s.current = s.update
	}
	for _, p := range s.pods {
		if p.id.Pool == s.setName && p.id.Ordinal >= s.seen.replicas {
			s.remove(p, "hand") // only people scale in
		}
	}
	if s.replicate() {
		s.roll()
	}
	s.report()
}

// revisionFor finds or makes the ControllerRevision of a template; an equal one
// becomes the newest again.
func (s *set) revisionFor(template map[string]any) string {
	newest := int64(len(s.revisions))
	for _, r := range s.revisions {
		newest = max(newest, r.Number)
	}
	for i, r := range s.revisions {
		if !reflect.DeepEqual(r.Template, template) {
			continue
		}
		if r.Number != newest {
			s.revisions[i].Number = newest + 1
		}
		return r.Name
	}
	name := fmt.Sprintf("%s-r%d", s.setName, len(s.revisions)+1)
	s.revisions = append(s.revisions, regions.Revision{Name: name, Number: newest + 1, Template: template})
	return name
}

// replicate makes missing pods; under OrderedReady it is false while one is not
// running and available, and nothing else happens.
func (s *set) replicate() bool {
	for i := range s.seen.replicas {
		p := s.pods[s.podName(i)]
		if p == nil {
			revision := s.update
			if i < s.seen.partition {
				revision = s.current
			}
			s.create(i, revision)
			if s.opts.ordered {
				return false
			}
			continue
		}
		if s.opts.ordered && (p.terminating || !s.available(p)) {
			return false
		}
	}
	return true
}

func (s *set) available(p *pod) bool {
	if !p.ready || p.phase != "Running" {
		return false
	}
	wait := time.Until(p.readySince.Add(time.Duration(s.opts.minReady) * time.Second))
	if wait > 0 {
		s.after(wait, s.poke)
		return false
	}
	return true
}

func (s *set) unavailable(p *pod) bool { return p == nil || p.terminating || !s.available(p) }

// outdated are the pods that the controller may delete, highest ordinal first.
func (s *set) outdated(from int) []*pod {
	var out []*pod
	for i := s.seen.replicas - 1; i >= from; i-- {
		if p := s.pods[s.podName(i)]; p != nil && p.revision != s.update && !p.terminating {
			out = append(out, p)
		}
	}
	return out
}

func (s *set) roll() {
	if s.opts.gateOff {
		s.rollOne()
		return
	}
	down := 0
	for i := range s.seen.replicas {
		if s.unavailable(s.pods[s.podName(i)]) {
			down++
		}
	}
	budget := 1 - down
	for _, p := range s.outdated(s.seen.partition) {
		switch {
		case !s.opts.ordered && !s.available(p):
			s.remove(p, "update")
		case budget > 0:
			budget--
			s.remove(p, "update")
		}
	}
}

// rollOne is the way without MaxUnavailableStatefulSet: the highest pod that is
// not of the update revision, unless one above it is unavailable.
func (s *set) rollOne() {
	for i := s.seen.replicas - 1; i >= s.seen.partition; i-- {
		p := s.pods[s.podName(i)]
		if p != nil && p.revision != s.update && !p.terminating {
			s.remove(p, "update")
			return
		}
		if s.unavailable(p) {
			return
		}
	}
}

// report writes the status, complete where every replica is updated and ready.
func (s *set) report() {
	before := s.state()
	s.ready, s.avail = 0, 0
	updated, total := 0, 0
	for _, p := range s.pods {
		if p.id.Pool != s.setName {
			continue
		}
		total++
		if p.ready && p.phase == "Running" {
			s.ready++
			if s.available(p) {
				s.avail++
			}
		}
		if p.revision == s.update && !p.terminating {
			updated++
		}
	}
	if updated == s.seen.replicas && s.ready == s.seen.replicas && total == s.seen.replicas {
		s.current = s.update
	}
	s.observed = s.seen.generation
	if !reflect.DeepEqual(before, s.state()) {
		s.version = s.touch()
	}
}

// templateOf is an object's pod template.
func templateOf(object map[string]any) map[string]any {
	spec, _ := object["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	return template
}

func setObject(object, template map[string]any, replicas int) map[string]any {
	out, spec := maps.Clone(object), maps.Clone(object["spec"].(map[string]any))
	spec["template"], spec["replicas"] = template, replicas
	out["spec"] = spec
	return out
}

func imageOf(template map[string]any) string {
	spec := template["spec"].(map[string]any)
	return spec["containers"].([]any)[0].(map[string]any)["image"].(string)
}

func broken(image string) bool { return strings.HasSuffix(image, ":broken") }
