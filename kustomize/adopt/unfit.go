package adopt

import (
	"fmt"
	"slices"

	"github.com/hashicorp/go-multierror"
)

// unfit reports what has to be mended before any of the sets can be taken over.
func unfit(clusters []Cluster, sets []string) error {
	var problems *multierror.Error
	for _, c := range clusters {
		there := 0
		for _, set := range ofKind(c.Objects, "StatefulSet") {
			if !slices.Contains(sets, nameOf(set)) {
				continue
			}
			there++
			for _, problem := range unfitSet(c, set) {
				problems = multierror.Append(problems, fmt.Errorf("%s: StatefulSet %s/%s %w", c.Name, c.Namespace, nameOf(set), problem))
			}
		}
		if there == 0 {
			problems = multierror.Append(problems, fmt.Errorf("%s: namespace %s holds none of the StatefulSets to adopt: leave the cluster out, or name its namespace with --namespace %s=…", c.Name, c.Namespace, c.Name))
		}
	}
	if problems == nil {
		return nil
	}
	return &Unfit{problems}
}

func unfitSet(c Cluster, set map[string]any) []error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	replicas := number(set, 1, "spec", "replicas")
	if text(set, "spec", "updateStrategy", "type") == "OnDelete" {
		add(`has updateStrategy OnDelete, under which nobody can roll it one replica at a time; change it together with a partition that holds every pod: kubectl --context %s -n %s patch statefulset %s --type merge -p '{"spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":%d}}}}'`,
			c.Context, c.Namespace, nameOf(set), replicas)
	}
	current, update := text(set, "status", "currentRevision"), text(set, "status", "updateRevision")
	switch {
	case number(set, 0, "status", "observedGeneration") < number(set, 0, "metadata", "generation"):
		add("was changed a moment ago and its controller has not seen it: look again")
	case replicas > 0 && current != update:
		add("is in the middle of an update (revision %s → %s), and nobody can tell here whether it goes on or is broken; end it, or put the former template back, wait until every pod runs it, and adopt then: kubectl --context %s -n %s rollout status statefulset %s",
			current, update, c.Context, c.Namespace, nameOf(set))
	}
	if start := number(set, 0, "spec", "ordinals", "start"); start != 0 {
		add("numbers its replicas from %d (spec.ordinals.start), and quorate counts from 0: it cannot be adopted", start)
	}
	if text(set, "spec", "serviceName") == "" {
		add("names no governing Service (spec.serviceName), from which the addresses of its replicas are read, and which cannot be added to it later: it cannot be adopted")
	}
	for _, owner := range owners(set) {
		add("belongs to %s, whose controller would undo what quorate does: let that go first (an operator has to give up its StatefulSet), or go on using it", owner)
	}
	return errs
}

// owners are the controllers of an object.
func owners(object map[string]any) []string {
	var out []string
	for _, o := range items(object, "metadata", "ownerReferences") {
		out = append(out, text(o, "kind")+" "+text(o, "name"))
	}
	slices.Sort(out)
	return out
}
