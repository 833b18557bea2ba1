package kube

import (
	"context"

	"quorate.dev/quorate/regions"
)

// readOnly is the reason for which CompareReadOnly has no dry run.
const readOnly = "read-only: without a dry run"

// CompareReadOnly is Compare by reading alone (GET): each object is put beside the live one as
// it is written, without what the API server would fill in, and with ClientSide set. What it
// cannot see: conflicts, refusals, what webhooks change, and fields that would be taken away.
func (c *Cluster) CompareReadOnly(ctx context.Context, scope Scope, objects []map[string]any) ([]regions.ObjectState, error) {
	return c.compareAll(ctx, scope, objects, c.beside)
}

// beside puts an object beside the live one.
func (c *Cluster) beside(ctx context.Context, t target) (regions.ObjectState, error) {
	live, err := c.get(ctx, t)
	if err != nil {
		return regions.ObjectState{}, err
	}
	state := regions.ObjectState{Ref: t.ref, ClientSide: readOnly, After: c.presentable(withRolloutOf(normalised(t.object), live))}
	if live != nil {
		state.Live = c.presentable(live)
	}
	return state, nil
}
