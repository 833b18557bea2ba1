package planner_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// fataler is what ends a test: *testing.T and *rapid.T are ones.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// world is a deployment and all its clusters, small enough to write down. It is
// observed as a plan's input, and a plan's steps can be played on it (engine_test.go).
type world struct {
	fataler
	topology *regions.Topology
	profile  kustomize.Profile
	image    string   // the desired one; the image stands for the whole template
	settings []string // names of ConfigMaps in every overlay
	clusters map[string]*cluster
}

// cluster is one Kubernetes cluster.
type cluster struct {
	state       regions.ClusterState // without what follows from the fields below
	unreachable string
	objects     map[regions.ObjectRef]map[string]any // all but StatefulSets
	sets        map[string]*set
	shared      []string // who co-owns every object
	edit        func(*regions.ObjectState)
	onDelete    bool
	authority   authority
}

// set is a StatefulSet as its controller knows it.
type set struct {
	replicas, partition int
	image, current      string   // the live template, and the revision that counts as current
	history             []string // templates, oldest first
	ordered             bool     // OrderedReady
	managers            []string // of replicas and partition
	pods                map[int]*pod
	claims              int // volumes exist below this ordinal
	unseen              string
	released            bool   // nobody owns the partition
	list                string // the argument that lists all members
}

// pod is a replica's pod: up, or with a reason why it is not.
type pod struct {
	image string
	up    bool
	why   string // "": running, not ready; terminating; else a waiting reason
	born  int    // how many pods the replica had before
}

func newWorld(f fataler, t *regions.Topology, image string) *world {
	f.Helper()
	profile, err := kustomize.LoadProfile(t.Spec.Profile)
	if err != nil {
		f.Fatalf("load profile: %v", err)
	}
	w := &world{fataler: f, topology: t, profile: profile, image: image, clusters: map[string]*cluster{}}
	w.addClusters()
	return w
}

// addClusters makes an empty Kubernetes cluster for each one that the topology names.
func (w *world) addClusters() {
	for _, c := range w.topology.OrderedClusters() {
		if w.clusters[c.Name] != nil {
			continue
		}
		state := regions.ClusterState{
			Cluster: c.Name, Region: w.topology.RegionOf(c.Name), Namespace: c.Namespace,
			ServerVersion: "v1.37.2", UID: "uid-" + c.Name, Sandbox: true,
		}
		for i, zone := range c.Zones {
			state.Nodes = append(state.Nodes, regions.NodeState{Name: fmt.Sprint("node-", i), Zone: zone, Region: state.Region, Ready: true})
		}
		w.clusters[c.Name] = &cluster{state: state, objects: map[regions.ObjectRef]map[string]any{}, sets: map[string]*set{}}
	}
}

// clone is the same world, to be led elsewhere.
func (w *world) clone() *world {
	out := *w
	out.clusters = map[string]*cluster{}
	for name, k := range w.clusters {
		copied := *k
		copied.objects, copied.sets = maps.Clone(k.objects), map[string]*set{}
		copied.state.Record.Inventory = slices.Clone(k.state.Record.Inventory)
		copied.state.Record.Clusters = maps.Clone(k.state.Record.Clusters)
		copied.state.Record.Database.Released = slices.Clone(k.state.Record.Database.Released)
		copied.authority.held = maps.Clone(k.authority.held)
		for name, s := range k.sets {
			twin := *s
			twin.history, twin.pods = slices.Clone(s.history), map[int]*pod{}
			for ordinal, p := range s.pods {
				same := *p
				twin.pods[ordinal] = &same
			}
			copied.sets[name] = &twin
		}
		out.clusters[name] = &copied
	}
	return &out
}

// input is the world as a plan sees it.
func (w *world) input() planner.Input {
	in := planner.Input{Topology: w.topology, Profile: w.profile, Desired: w.desired()}
	for _, c := range w.topology.OrderedClusters() {
		in.Observed = append(in.Observed, w.observe(c))
	}
	return in
}

func (w *world) build() *planner.Plan { return planner.Build(w.input()) }

func (w *world) observe(c regions.Cluster) planner.Observation {
	k := w.clusters[c.Name]
	if k.unreachable != "" {
		return planner.Observation{Cluster: c.Name, Unreachable: k.unreachable}
	}
	o := planner.Observation{Cluster: c.Name, State: k.state}
	o.State.Authority = w.authorityState(c)
	o.State.Claims = slices.Clone(k.state.Claims)
	for ref := range k.objects {
		o.State.NamespaceExists = o.State.NamespaceExists || ref.Kind == "Namespace"
	}
	for _, name := range slices.Sorted(maps.Keys(k.sets)) {
		k.sets[name].observe(c, name, &o.State)
		o.State.StatefulSets[len(o.State.StatefulSets)-1].OnDelete = k.onDelete
	}
	for _, object := range w.overlay(c) {
		state := regions.ObjectState{Ref: planner.RefOf(object), After: object, Shared: k.shared}
		if s := k.sets[state.Ref.Name]; state.Ref.Kind == "StatefulSet" {
			state.Live, state.After = nil, object
			if s != nil {
				state.Live, state.After = s.object(object, templateFor(s.image, s.list)), s.object(object, w.template(w.image))
			}
		} else {
			state.Live = k.objects[state.Ref]
		}
		if k.edit != nil {
			k.edit(&state)
		}
		o.Objects = append(o.Objects, state)
	}
	return o
}

// object is a StatefulSet with a template and the set's own rollout fields.
func (s *set) object(desired, template map[string]any) map[string]any {
	out := maps.Clone(desired)
	spec := maps.Clone(out["spec"].(map[string]any))
	spec["replicas"] = int64(s.replicas)
	spec["updateStrategy"] = map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"partition": int64(s.partition)}}
	spec["template"] = template
	out["spec"] = spec
	return out
}

func (s *set) observe(c regions.Cluster, name string, into *regions.ClusterState) {
	state := regions.StatefulSetState{
		Name: name, UID: "uid-" + name, Generation: 7, ObservedGeneration: 7, Replicas: s.replicas, Partition: s.partition,
		Parallel: !s.ordered, CurrentRevision: s.current, UpdateRevision: s.image,
		ReplicasManagers: s.managers, PartitionManagers: s.managers,
	}
	if s.released {
		state.PartitionManagers = nil
	}
	if s.unseen != "" { // the controller has not seen the newest template yet
		state.Generation, state.UpdateRevision = 8, s.unseen
	}
	for i, image := range s.history {
		revision := templateFor(image, s.list)
		revision["$patch"] = "replace"
		revision["metadata"].(map[string]any)["creationTimestamp"] = nil
		state.Revisions = append(state.Revisions, regions.Revision{Name: image, Number: int64(i + 1), Template: revision})
	}
	for i := range s.claims {
		into.Claims = append(into.Claims, regions.ClaimState{Name: fmt.Sprintf("data-%s-%d", name, i), Phase: "Bound"})
	}
	for _, ordinal := range slices.Sorted(maps.Keys(s.pods)) {
		p := s.pods[ordinal]
		seen := regions.PodState{
			ID:  regions.ReplicaID{Cluster: c.Name, Pool: name, Ordinal: ordinal},
			UID: fmt.Sprintf("%s-%d-%d", name, ordinal, p.born), Revision: p.image, Phase: "Running", Ready: p.up,
			Terminating: p.why == "terminating", IPs: []string{"10.0.0.1"}, Node: fmt.Sprint("node-", ordinal), Image: p.image,
		}
		if len(c.Zones) > 0 {
			seen.Zone = c.Zones[ordinal%len(c.Zones)]
		}
		if zone, perZone := strings.CutPrefix(name, "bank-"); perZone && slices.Contains(c.Zones, zone) {
			seen.Zone, seen.Node = zone, "node-"+zone+fmt.Sprint("-", ordinal)
		}
		if p.why != "" && p.why != "terminating" {
			seen.Phase, seen.Waiting = "Pending", p.why
		}
		if p.up {
			state.ReadyReplicas++
			state.AvailableReplicas++
		}
		into.Pods = append(into.Pods, seen)
	}
	into.StatefulSets = append(into.StatefulSets, state)
}

// put writes a pool's state down in short, such as
//
//	put("use1/bank", "replicas=3 partition=2 template=B current=A pods=A,A,B!")
//
// where a pod is its template and: nothing (up), ~ (running, not ready), ! (cannot
// pull its image), - (terminating); . is no pod.
func (w *world) put(pool, text string) {
	w.Helper()
	cluster, name, _ := strings.Cut(pool, "/")
	s := w.clusters[cluster].sets[name]
	if s == nil {
		s = &set{pods: map[int]*pod{}}
		w.clusters[cluster].sets[name] = s
	}
	for field := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(field, "=")
		number, _ := strconv.Atoi(value)
		switch key {
		case "replicas":
			s.replicas = number
		case "partition":
			s.partition = number
		case "claims":
			s.claims = number
		case "template":
			s.image = value
			if !slices.Contains(s.history, value) {
				s.history = append(s.history, value)
			}
		case "current":
			s.current = value
		case "unseen":
			s.unseen = value
		case "ordered":
			s.ordered = true
		case "managers":
			s.managers = strings.Split(value, ",")
		case "pods":
			s.setPods(strings.Split(value, ","))
		default:
			w.Fatalf("put %s: no field %q", pool, key)
		}
	}
}

func (s *set) setPods(texts []string) {
	s.pods = map[int]*pod{}
	reasons := map[string]string{"~": "", "!": "ImagePullBackOff", "-": "terminating"}
	for i, text := range texts {
		if text == "." {
			continue
		}
		image, mark := strings.TrimRight(text, "~!-"), strings.TrimLeft(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		s.pods[i] = &pod{image: image, up: mark == "", why: reasons[mark]}
		s.claims = max(s.claims, i+1)
	}
}
