package view

import (
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/planner"
)

func planSummary(p *planner.Plan) string {
	if silent := p.Unreachable(); len(silent) > 0 {
		return "This plan cannot run: " + strings.Join(silent, ", ") + " did not answer."
	}
	if len(p.Refusals) > 0 {
		return "This plan may not run."
	}
	if p.Empty() {
		return "Nothing to do: all clusters are as the topology says."
	}
	text := fmt.Sprintf("Objects: %d to create, %d to update, %d to delete. Replicas: ", p.Summary.Create, p.Summary.Update, p.Summary.Delete)
	if p.Summary.Added > 0 {
		text += count(p.Summary.Added, "starts, ", "start, ")
	}
	return text + restarts(p) + "." + tokens(p)
}

// tokens counts what is issued to the authorities inside the clusters.
func tokens(p *planner.Plan) string {
	n := 0
	for _, s := range p.Steps {
		n += len(s.Payload.Peers)
	}
	if n == 0 {
		return ""
	}
	return " Credentials: " + count(n, "is issued.", "are issued.")
}

func restarts(p *planner.Plan) string {
	switch n := p.Summary.Disruptive; n {
	case 0:
		return "none restarts"
	case 1:
		return "1 restarts"
	default:
		return fmt.Sprintf("%d restart%s", n, pace(p))
	}
}

func pace(p *planner.Plan) string {
	together := slices.ContainsFunc(p.Steps, func(s planner.Step) bool { return len(s.Disrupts) > 1 })
	if together {
		return ""
	}
	return ", one at a time"
}
