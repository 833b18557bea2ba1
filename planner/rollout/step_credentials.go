package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// authorityRecheck is how often the authority inside a cluster is looked at again:
// neither its credentials nor its answers are watched.
const authorityRecheck = time.Second

// credentialsStep lets the authority inside one cluster watch others. No token ever
// passes through the engine.
type credentialsStep struct{ stepBase }

// concerned are the clusters that the step is about, its own first.
func (c credentialsStep) concerned() []string {
	return append([]string{c.step.Cluster}, c.step.Payload.Peers...)
}

func (c credentialsStep) satisfied(ctx context.Context) (bool, string) {
	v := observeAll(ctx, c.Observer, c.concerned())
	if len(v.silent(c.concerned())) > 0 || len(c.unlooked(v)) > 0 {
		return false, ""
	}
	if due := c.due(v); len(due.Peers)+len(due.Extra) > 0 {
		return false, ""
	}
	return true, "the authority of " + c.step.Cluster + " has what it needs"
}

// due is what is due of what the step is about.
func (c credentialsStep) due(v view) planner.DueCredentials {
	for _, due := range planner.CredentialsDue(c.Topology, v.all()) {
		if due.Cluster == c.step.Cluster {
			due.Peers = slices.DeleteFunc(due.Peers, func(peer string) bool {
				return !slices.Contains(c.step.Payload.Peers, peer)
			})
			return due
		}
	}
	return planner.DueCredentials{Cluster: c.step.Cluster}
}

// unlooked says that what the cluster holds may not be looked at.
func (c credentialsStep) unlooked(v view) []string {
	if slices.Contains(v.states[c.step.Cluster].NotLooked, regions.NotLookedCredentials) {
		return []string{"the right to read " + c.secret() + " in " + c.step.Cluster}
	}
	return nil
}

func (c credentialsStep) secret() string {
	return "Secret/" + regions.CredentialsName(c.Topology.Metadata.Name)
}

func (c credentialsStep) perform(ctx context.Context) error {
	var seen view
	err := c.poll(ctx, wait{clusters: c.concerned(), deadline: c.timeout(), recheck: authorityRecheck, holds: func(ctx context.Context, _ view) ([]string, error) {
		seen = observeAll(ctx, c.Observer, c.concerned())
		return append(seen.silent(c.concerned()), c.unlooked(seen)...), nil
	}})
	if err != nil {
		return err
	}
	due := c.due(seen)
	if len(due.Peers)+len(due.Extra) == 0 {
		return nil
	}
	if err := c.intend(due.Summary(), seen); err != nil {
		return err
	}
	if err := c.Credentials.Issue(ctx, c.step.Cluster, due.Peers); err != nil {
		return fmt.Errorf("%w (what was issued is kept; apply again issues the rest)", err)
	}
	return c.wrote(c.secret(), "")
}

func (c credentialsStep) verify(ctx context.Context) error {
	return c.poll(ctx, wait{clusters: c.concerned(), deadline: c.timeout(), recheck: authorityRecheck, holds: func(ctx context.Context, _ view) ([]string, error) {
		v := observeAll(ctx, c.Observer, c.concerned())
		missing := append(v.silent(c.concerned()), c.unlooked(v)...)
		if due := c.due(v); len(missing) == 0 && len(due.Peers)+len(due.Extra) > 0 {
			missing = append(missing, fmt.Sprintf("%s to hold what the authority of %s needs for %s (%s)",
				c.secret(), c.step.Cluster, strings.Join(append(due.Peers, due.Extra...), ", "), due.Why))
		}
		return missing, nil
	}})
}

// namesAction is a wait for the authority itself, or for the names that it answers.
func namesAction(base stepBase) action {
	if base.step.Payload.Condition == planner.ConditionStanding {
		return authorityStep{base}
	}
	return namesStep{base}
}

// authorityStep waits until the authority inside one cluster stands and answers.
type authorityStep struct{ stepBase }

func (a authorityStep) satisfied(ctx context.Context) (bool, string) {
	if len(a.missing(ctx)) > 0 {
		return false, ""
	}
	return true, "the authority of " + a.step.Cluster + " stands and answers"
}

func (a authorityStep) perform(context.Context) error { return nil }

func (a authorityStep) verify(ctx context.Context) error {
	return a.poll(ctx, wait{
		clusters: []string{a.step.Cluster}, deadline: a.timeout(), recheck: authorityRecheck,
		holds: func(ctx context.Context, _ view) ([]string, error) { return a.missing(ctx), nil },
	})
}

// missing says what keeps the authority from answering, by a fresh look.
func (a authorityStep) missing(ctx context.Context) []string {
	clusters := []string{a.step.Cluster}
	v := observeAll(ctx, a.Observer, clusters)
	if silent := v.silent(clusters); len(silent) > 0 {
		return silent
	}
	if missing := v.states[a.step.Cluster].Authority.Missing(); missing != "" {
		return []string{fmt.Sprintf("the authority of %s (%s)", a.step.Cluster, missing)}
	}
	if err := a.Authority.Answers(ctx, a.step.Cluster); err != nil {
		return []string{fmt.Sprintf("the authority of %s to answer for the zone (%v)", a.step.Cluster, err)}
	}
	return nil
}
