package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

const (
	// handovers bounds how often one step moves leadership away from its target: it may
	// come back by itself.
	handovers = 3
	// handoverSettles bounds the wait for a moved leadership to show; an election takes
	// a few seconds.
	handoverSettles = 30 * time.Second
	handoverRecheck = 250 * time.Millisecond
)

// standing is what a replica says of itself.
type standing struct {
	member string // its own ID in the database
	leader string // the member that it follows; empty: it knows of none
}

func (s standing) leads() bool { return s.member == s.leader }

// errMute: the replica's command ran and did not succeed; it is not known whether it leads.
var errMute = errors.New("it does not answer")

// handOver makes sure that the target does not lead before it is taken down. Where the
// target does not serve, or was updated meanwhile, there is nothing to move. It fails
// where leadership stays.
func (u updateStep) handOver(ctx context.Context, seen view) error {
	target := u.target()
	if onRevision(seen.states[target.Cluster], target) == "" {
		return nil
	}
	for moved := 0; ; moved++ {
		own, serves, err := u.targetStanding(ctx, seen)
		switch {
		case err != nil:
			return fmt.Errorf("find out whether %s leads: %w", target, err)
		case serves && own.leader == "":
			return notYet(target.String() + " to know who leads") // it may be the next
		case !serves || !own.leads():
			return nil
		case moved == handovers:
			return fmt.Errorf("%s leads and was not restarted: leadership was moved away %d times and came back", target, moved)
		}
		if err := u.moveLeadership(ctx, seen, own); err != nil {
			return fmt.Errorf("%s leads and was not restarted: %w", target, err)
		}
		seen = observeAll(ctx, u.Observer, u.clusters())
	}
}

// targetStanding asks the target. One that does not serve, or does not answer its own
// client, has no leadership that could be moved.
func (u updateStep) targetStanding(ctx context.Context, seen view) (own standing, serves bool, err error) {
	target := u.target()
	if pod := planner.FindPod(seen.states[target.Cluster], target); pod == nil || !pod.Up() {
		return standing{}, false, nil
	}
	own, err = u.standing(ctx, target)
	if errors.Is(err, errMute) {
		u.emit(u.stepEvent(EventNote, u.step, fmt.Sprintf("%s serves and does not say whether it leads, so that nothing is moved: %v", target, err)))
		return standing{}, false, nil
	}
	return own, err == nil, err
}

// standing asks a replica which member it is and which one it follows.
func (b stepBase) standing(ctx context.Context, id regions.ReplicaID) (standing, error) {
	ask := b.Profile.Hooks.Handover.Ask
	result, err := b.exec(ctx, id, ask.Command(b.host(id), b.Profile.SeedPort), ask.TimeoutDuration())
	if err != nil {
		return standing{}, notYet(fmt.Sprintf("%s to say whether it leads (%v)", id, err))
	}
	if result.ExitCode != 0 {
		return standing{}, fmt.Errorf("%w: exit %d: %s", errMute, result.ExitCode, lastLine(result.Stderr+result.Stdout))
	}
	var s standing
	s.member, s.leader, err = planner.ReadLeader(ask, result.Stdout)
	return s, err
}

// moveLeadership makes another healthy member the leader: one that is updated already,
// so that it need not move again, or else the one whose turn comes last. Where one does
// not take it, the next is tried.
func (u updateStep) moveLeadership(ctx context.Context, seen view, own standing) error {
	var failed error
	for _, id := range u.successors(ctx, seen) {
		err := u.offer(ctx, seen, own, id)
		if away, unclear := u.away(ctx, err == nil); away || unclear != nil {
			return unclear
		}
		if err == nil {
			err = errors.New("it was moved and stayed")
		}
		if failed == nil {
			failed = fmt.Errorf("leadership cannot be moved to %s: %w", id, err)
		} else {
			failed = fmt.Errorf("%w; nor to %s: %w", failed, id, err)
		}
	}
	if failed == nil {
		return errors.New("no other replica is well enough to lead")
	}
	return fmt.Errorf("%w; see to them and apply again", failed)
}

// offer moves leadership to a replica, if it follows the leader.
func (u updateStep) offer(ctx context.Context, seen view, own standing, id regions.ReplicaID) error {
	next, err := u.standing(ctx, id)
	if err != nil {
		return err
	}
	if next.leader != own.member {
		return errors.New("it does not follow the leader")
	}
	return u.moveTo(ctx, seen, id, next.member)
}

// moveTo runs the move in the leader's container.
func (u updateStep) moveTo(ctx context.Context, seen view, to regions.ReplicaID, member string) error {
	move, target := u.Profile.Hooks.Handover.Move, u.target()
	argv, err := move.CommandFor(u.host(target), u.Profile.SeedPort, member)
	if err != nil {
		return err
	}
	detail := fmt.Sprintf("move leadership from %s to %s", target, to)
	if err := u.intend(detail, seen); err != nil {
		return err
	}
	result, err := u.exec(ctx, target, argv, move.TimeoutDuration())
	if err != nil {
		return err
	}
	if result.ExitCode != 0 && !move.Done(result.Stdout+result.Stderr) {
		return fmt.Errorf("exit %d: %s", result.ExitCode, lastLine(result.Stderr+result.Stdout))
	}
	u.emit(u.stepEvent(EventNote, u.step, detail))
	return u.wrote("leadership of "+to.String(), "")
}

// away tells whether the target follows somebody else. After a move that succeeded it
// waits for a while until that shows; after one that failed it asks once, since
// leadership may have moved all the same.
func (u updateStep) away(ctx context.Context, moved bool) (bool, error) {
	away, began := false, u.Now()
	settles := min(handoverSettles, u.timeout())
	err := u.poll(ctx, wait{clusters: []string{u.step.Cluster}, deadline: u.timeout(), recheck: handoverRecheck, holds: func(ctx context.Context, _ view) ([]string, error) {
		own, err := u.standing(ctx, u.target())
		away = err == nil && own.leader != "" && !own.leads()
		switch {
		case away || !moved || u.Now().Sub(began) > settles:
			return nil, nil
		case err != nil && !errors.Is(err, errMute):
			return u.retry(err)
		}
		return []string{u.target().String() + " to follow another leader"}, nil
	}})
	return away, err
}

// successors are the replicas that may lead next, the best first: well and updated
// ones by the order of the rollout, then well ones by that order from its end.
func (u updateStep) successors(ctx context.Context, seen view) []regions.ReplicaID {
	troubled := u.troubled(ctx, seen)
	var updated, others []regions.ReplicaID
	for _, id := range u.inOrder(seen) {
		state := seen.states[id.Cluster]
		pod := planner.FindPod(state, id)
		switch {
		case id == u.target() || troubled[id] != "" || pod == nil || !pod.Up():
		case onRevision(state, id) == "":
			updated = append(updated, id)
		default:
			others = append(others, id)
		}
	}
	slices.Reverse(others)
	return append(updated, others...)
}

// inOrder are the expected replicas as a rollout takes them: clusters in its order, and the
// replicas of each as the topology orders them.
func (b stepBase) inOrder(v view) []regions.ReplicaID {
	var out []regions.ReplicaID
	for _, c := range b.Topology.OrderedClusters() {
		state := v.states[c.Name]
		state.Cluster = c.Name
		ids := planner.Expected(state)
		slices.SortStableFunc(ids, func(a, o regions.ReplicaID) int { return b.Topology.CompareUpdates(c, a, o) })
		out = append(out, ids...)
	}
	return out
}

// lastLine is what a command said last: clients log on the way to what they mean.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
