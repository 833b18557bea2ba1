package regions

import (
	"slices"
	"time"
)

func (c *checker) rollout() {
	r := c.t.Spec.Rollout
	c.order(r.Order)
	if r.MaxUnavailable < 1 {
		c.errorf("spec.rollout.maxUnavailable", codeInvalidMaxUnavailable, "write a number from 1",
			"with maxUnavailable %d nothing could ever be updated", r.MaxUnavailable)
	}
	if r.Canary.Replicas < 0 {
		c.errorf("spec.rollout.canary.replicas", codeInvalidCanary, "write 1, or 0 for no canary", "%d is no number of replicas", r.Canary.Replicas)
	}
	if total := len(c.boundedReplicas()); total > 0 && r.Canary.Replicas > total {
		c.errorf("spec.rollout.canary.replicas", codeInvalidCanary, "a canary is the first part of an update, such as 1",
			"a canary of %d is more than all %d replicas", r.Canary.Replicas, total)
	}
	c.span("spec.rollout.soak", r.Soak, 0)
	c.span("spec.rollout.timeout", r.Timeout, time.Second)
	if c.written("spec.rollout.canary.soak") {
		c.span("spec.rollout.canary.soak", r.Canary.Soak, 0)
	}
	if c.written("spec.rollout.gateInterval") {
		c.span("spec.rollout.gateInterval", r.GateInterval, 0)
	}
}

// boundedReplicas are the declared replicas, none where their numbers are
// wrong: a million by a slip of the finger is not to be listed.
func (c *checker) boundedReplicas() []Replica {
	if c.has(codeInvalidReplicas, codeTooManyReplicas) {
		return nil
	}
	return c.t.Replicas()
}

// order checks that rollout.order names each region once.
func (c *checker) order(order []string) {
	var known []string
	for _, r := range c.t.Spec.Regions {
		known = append(known, r.Name)
	}
	seen := map[string]bool{}
	for i, name := range order {
		at := item("spec.rollout.order", i)
		switch {
		case !slices.Contains(known, name):
			c.errorf(at, codeOrderUnknownRegion, suggest(name, known), "region %q is not declared", shorten(name))
		case seen[name] && c.written("spec.rollout.order"):
			c.errorf(at, codeOrderRepeatsRegion, "list each region once", "region %q is listed twice", shorten(name))
		}
		seen[name] = true
	}
	for _, name := range known {
		if !seen[name] && name != "" {
			c.errorf("spec.rollout.order", codeOrderMissesRegion, "add it where it should come, or leave order out to take the regions as listed",
				"region %q is missing from the order", shorten(name))
			seen[name] = true
		}
	}
}
