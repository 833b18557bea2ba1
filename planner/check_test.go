package planner_test

import (
	"slices"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// checkPlan holds what is true of every plan.
func checkPlan(f fataler, p *planner.Plan) {
	f.Helper()
	checkEncoding(f, p)
	reach := reachable(p)
	checkLine(f, p, reach)
	checkPartitions(f, p)
	checkObjects(f, p)
	if len(p.Steps) == 0 && p.Steps == nil {
		f.Fatalf("no steps are written as null")
	}
}

// checkEncoding: what Encode writes Decode accepts, and it is the same plan.
func checkEncoding(f fataler, p *planner.Plan) {
	f.Helper()
	data := encoded(f, p)
	decoded, err := planner.Decode([]byte(data))
	if err != nil {
		f.Fatalf("decode: %v\n%s", err, data)
	}
	if again := encoded(f, decoded); again != data {
		f.Fatalf("a plan changed by being read:\n%s\nwas\n%s", again, data)
	}
}

func encoded(f fataler, p *planner.Plan) string {
	f.Helper()
	data, err := planner.Encode(p)
	if err != nil {
		f.Fatalf("encode: %v", err)
	}
	return string(data)
}

// reachable are the steps that each step needs, directly or through others.
func reachable(p *planner.Plan) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, s := range p.Steps {
		out[s.ID] = map[string]bool{}
		for _, need := range s.Needs {
			out[s.ID][need] = true
			for id := range out[need] {
				out[s.ID][id] = true
			}
		}
	}
	return out
}

// checkLine: no two disruptive steps could ever run at once, and whatever touches a
// replica comes after every step that writes objects.
func checkLine(f fataler, p *planner.Plan, reach map[string]map[string]bool) {
	f.Helper()
	last := ""
	for _, s := range p.Steps {
		if s.Kind == planner.KindNamespace || s.Kind == planner.KindApply || isHold(s) {
			continue
		}
		for _, before := range p.Steps {
			writes := before.Kind == planner.KindNamespace || before.Kind == planner.KindApply || isHold(before)
			if s.Kind == planner.KindCredentials && startsAuthority(before) {
				continue // the Deployment finds its credentials in place
			}
			if writes && !reach[s.ID][before.ID] {
				f.Fatalf("step %s may run before %s", s.ID, before.ID)
			}
		}
		if !s.Disruptive() && s.Kind != planner.KindInit {
			continue
		}
		if last != "" && !reach[s.ID][last] {
			f.Fatalf("steps %s and %s may run at once", last, s.ID)
		}
		last = s.ID
	}
}

// startsAuthority tells the step that makes an authority's Deployment.
func startsAuthority(s planner.Step) bool { return s.ID == s.Cluster+"/apply/authority" }

// isHold tells a partition step that comes before a template is applied.
func isHold(s planner.Step) bool { return s.ID == s.Cluster+"/hold/"+s.Payload.Pool }

// checkPartitions: a partition that is lowered is raised again, at the end.
func checkPartitions(f fataler, p *planner.Plan) {
	f.Helper()
	lowered := map[regions.ReplicaID]string{}
	for _, s := range p.Steps {
		if s.Payload.Partition == nil {
			continue
		}
		pool := regions.ReplicaID{Cluster: s.Cluster, Pool: s.Payload.Pool}
		if s.Payload.Condition == planner.ConditionSettled {
			delete(lowered, pool)
		} else if !isHold(s) {
			lowered[pool] = s.ID
		}
	}
	if len(lowered) > 0 {
		f.Fatalf("partitions stay low after %v", lowered)
	}
}

// checkObjects: whatever changes is applied, or deleted, by a step of its cluster.
func checkObjects(f fataler, p *planner.Plan) {
	f.Helper()
	for _, c := range p.Objects {
		written := slices.ContainsFunc(p.Steps, func(s planner.Step) bool {
			return s.Cluster == c.Cluster && slices.Contains(s.Payload.Objects, c.Object)
		})
		if !written {
			f.Fatalf("no step writes %s in %s", c.Object, c.Cluster)
		}
	}
}
