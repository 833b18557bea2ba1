package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// Plan prints a plan for people: what was seen, what changes, the steps with
// what they disrupt and what may still fail meanwhile, and a summary.
func Plan(w io.Writer, s Style, p *planner.Plan) {
	fmt.Fprintf(w, "%s %s\n", s.paint(bold, "Plan for "+p.Deployment), s.paint(faint, short(p.Digest)))
	planClusters(w, s, p)
	planPromise(w, s, p)
	planChanges(w, s, p)
	planNames(w, s, p)
	planSteps(w, s, p)
	for _, note := range p.Notes {
		fmt.Fprintln(w)
		s.text(w, s.paint(yellow, "note:")+" "+note, len("note: "))
	}
	planRefusals(w, s, p)
	fmt.Fprintln(w)
	s.text(w, planSummary(p), 0)
}

// PlanLine prints a plan as one line of JSON, the first of a run's.
func PlanLine(w io.Writer, p *planner.Plan) error {
	line := struct {
		FormatVersion string        `json:"format_version"`
		Type          string        `json:"type"`
		Plan          *planner.Plan `json:"plan"`
	}{planner.FormatVersion, "plan", p}
	return json.NewEncoder(w).Encode(line)
}

// short keeps enough of a digest to tell plans apart.
func short(digest string) string {
	const shown = len("sha256:") + 12
	if len(digest) > shown {
		return digest[:shown]
	}
	return digest
}

func planClusters(w io.Writer, s Style, p *planner.Plan) {
	s.heading(w, "Clusters")
	var rows [][]string
	for _, c := range p.Clusters {
		state := c.Version
		switch {
		case !c.Reachable:
			state = s.paint(red, "does not answer: "+c.Error)
		case c.Version == "":
			state = s.paint(faint, "not contacted")
		case c.Sandbox:
			state += s.paint(faint, "  sandbox")
		}
		rows = append(rows, []string{c.Name, c.Region, state})
	}
	s.table(w, rows)
}

func planPromise(w io.Writer, s Style, p *planner.Plan) {
	s.heading(w, "Promise")
	rows := [][]string{
		{"at rest", survive(p.Promise.Failure), s.paint(faint, placed(p.Promise)+p.Promise.AtRest.String())},
		{"during each step", survive(p.Promise.WhileUpdating), ""},
	}
	if p.Promise.InForce && p.Promise.Now.Slack != p.Promise.AtRest.Slack {
		rows = append(rows, []string{"now", s.paint(yellow, p.Promise.Now.String()), s.paint(faint, "some replicas are down or cannot be seen")})
	}
	s.table(w, rows)
	if !p.Promise.InForce && len(p.Steps) > 0 {
		s.text(w, "  "+s.paint(faint, "in force once the database is initialised; before that nothing is promised"), 2)
	}
}

// placed says where zones and nodes were taken from.
func placed(p planner.Promise) string {
	if p.Basis == "live" {
		return "with every replica up, as placed: "
	}
	return "as declared: "
}

func survive(f regions.Failure) string {
	if f == regions.FailureNone {
		return "promises nothing"
	}
	return "survives the loss of any " + string(f)
}

// changeGroup is one change that is the same in several clusters.
type changeGroup struct {
	clusters []string
	change   planner.ObjectChange
}

func planChanges(w io.Writer, s Style, p *planner.Plan) {
	if len(p.Objects) == 0 {
		return
	}
	s.heading(w, "Changes")
	for _, g := range groupChanges(p.Objects) {
		s.text(w, fmt.Sprintf("  %s %s/%s  %s", mark(s, g.change.Action), g.change.Object.Kind, g.change.Object.Name, s.paint(faint, strings.Join(g.clusters, ", "))), 6)
		for _, f := range g.change.Fields {
			s.text(w, "      "+f.String(), 8)
		}
		if g.change.Note != "" && g.change.Action != planner.ActionCreate {
			s.text(w, "      "+s.paint(faint, g.change.Note), 6)
		}
	}
}

func mark(s Style, action string) string {
	switch action {
	case planner.ActionCreate:
		return s.paint(green, "+ create")
	case planner.ActionDelete:
		return s.paint(red, "- delete")
	case planner.ActionTakeOver:
		return s.paint(yellow, "~ take over")
	}
	return s.paint(yellow, "~ update")
}

// groupChanges gathers changes that differ only by their cluster, in the order
// in which they first appear.
func groupChanges(changes []planner.ObjectChange) []changeGroup {
	var groups []changeGroup
	index := map[string]int{}
	for _, c := range changes {
		key := fmt.Sprint(c.Object.Kind, "/", c.Object.Name, c.Action, c.Note, c.Fields)
		if i, known := index[key]; known {
			groups[i].clusters = append(groups[i].clusters, c.Cluster)
			continue
		}
		index[key] = len(groups)
		groups = append(groups, changeGroup{[]string{c.Cluster}, c})
	}
	return groups
}

func planNames(w io.Writer, s Style, p *planner.Plan) {
	primaries := p.DNS.Primaries
	if p.Empty() {
		primaries = nil // nothing is written then
	}
	if len(p.DNS.Changes)+len(primaries) == 0 {
		return
	}
	s.heading(w, "Names")
	if len(primaries) > 0 {
		s.text(w, "  written into "+strings.Join(primaries, ", ")+" by DNS UPDATE while this runs; `quorate dns plan` shows what", 4)
	}
	for _, c := range p.DNS.Changes {
		line := fmt.Sprintf("  %s %s", mark(s, string(c.Action)), strings.TrimSuffix(c.Name, "."))
		if len(c.After) > 0 {
			line += " " + s.paint(faint, strings.Join(c.After, " "))
		}
		s.text(w, line, 6)
	}
}

func planSteps(w io.Writer, s Style, p *planner.Plan) {
	if len(p.Steps) == 0 {
		return
	}
	s.heading(w, "Steps")
	for _, line := range p.Preamble {
		s.text(w, "   "+s.paint(faint, s.sign("·", "-"))+"  "+s.paint(faint, line), 6)
	}
	var rows [][]string
	for i := 0; i < len(p.Steps); i++ {
		step := p.Steps[i]
		follow := followers(p.Steps[i+1:], step.ID)
		rows = append(rows, []string{places(i+1, follow.steps), step.Summary + follow.text, exposureText(s, step) + thenText(step, follow), s.paint(faint, step.Why)})
		i += follow.steps
	}
	s.table(w, rows)
}

// places are the numbers of a step and of those shown in its line.
func places(first, more int) string {
	if more == 0 {
		return fmt.Sprintf("%2d", first)
	}
	return fmt.Sprintf("%2d–%d", first, first+more)
}

// follow are the gate and the soak after a step, shown in its own line.
type follow struct {
	text     string
	steps    int
	exposure *regions.Exposure // during the last of them
}

func followers(steps []planner.Step, id string) follow {
	var f follow
	for _, s := range steps {
		if !strings.HasPrefix(s.ID, id+"/") || (s.Kind != planner.KindProbe && s.Kind != planner.KindSoak) {
			break
		}
		f.steps++
		f.exposure = s.Exposure
		if s.Kind == planner.KindProbe {
			f.text += ", gate"
		} else {
			f.text += ", soak " + s.Payload.Duration
		}
	}
	return f
}

// thenText says what may be lost during the gate and the soak, where that is more than
// during the step itself.
func thenText(step planner.Step, f follow) string {
	if step.Exposure == nil || f.exposure == nil {
		return ""
	}
	then := f.exposure.Strongest()
	if then == regions.FailureNone || step.Exposure.Survives[then] {
		return ""
	}
	return "; then any " + string(then)
}

// exposureText says what may be lost while a step runs.
func exposureText(s Style, step planner.Step) string {
	if step.Exposure == nil {
		return ""
	}
	if !step.Exposure.Available() {
		return s.paint(red, "no quorum meanwhile")
	}
	var may, mayNot []string
	for _, f := range regions.Failures() {
		if step.Exposure.Survives[f] {
			may = append(may, string(f))
		} else {
			mayNot = append(mayNot, string(f))
		}
	}
	switch {
	case len(may) == 0:
		return s.paint(yellow, "nothing more may be lost")
	case len(mayNot) == 0:
		return "any " + may[len(may)-1] + " may be lost"
	}
	return fmt.Sprintf("any %s may be lost, not a %s", may[len(may)-1], mayNot[0])
}

func planRefusals(w io.Writer, s Style, p *planner.Plan) {
	if len(p.Refusals) == 0 {
		return
	}
	s.heading(w, "Refused")
	for i, r := range p.Refusals {
		if i > 0 && p.Refusals[i-1].Code == r.Code && p.Refusals[i-1].Cluster == r.Cluster {
			continue // counted with the first of its kind
		}
		more := 0
		for _, next := range p.Refusals[i+1:] {
			if next.Code != r.Code || next.Cluster != r.Cluster {
				break
			}
			more++
		}
		s.text(w, fmt.Sprintf("  %s %s", s.paint(red, r.Code+":"), r.Message), 6)
		if more > 0 {
			s.text(w, "      "+s.paint(faint, fmt.Sprintf("and %d more like it in %s", more, r.Cluster)), 6)
		}
		if r.Hint != "" {
			s.text(w, "      "+r.Hint, 6)
		}
	}
}
