package planner

import "strings"

// unseenReadOnly is what a plan that only reads cannot see.
func unseenReadOnly() []string {
	return []string{
		"what API servers fill in and webhooks change",
		"fields that the overlay no longer has",
		"conflicts with other field managers",
		"what would be refused: fields that may not change, invalid values, quotas, missing rights",
	}
}

// noteReadOnly says what a plan that only reads is worth.
func (b *builder) noteReadOnly() {
	if b.in.ReadOnly {
		b.plan.ReadOnly = true
		b.note("read-only: the clusters were only read, and objects compared as they are written. Not seen: " + strings.Join(unseenReadOnly(), "; ") + ". This plan is for reading; `quorate plan` asks for all of it")
	}
}

// noteForced names managers that were to be forced and hold nothing.
func (b *builder) noteForced() {
	for _, manager := range b.in.ForceManagers {
		if !b.holdsAnything(manager) && !b.in.Offline {
			b.note("--force-manager " + manager + ": no field manager of that name holds a field at another value")
		}
	}
}

func (b *builder) holdsAnything(manager string) bool {
	for _, s := range b.sites {
		for _, o := range s.obs.Objects {
			for _, c := range o.Conflicts {
				if c.Manager == manager {
					return true
				}
			}
		}
	}
	return false
}
