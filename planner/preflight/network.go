package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The kinds of a Question.
const (
	AskTCP       = "tcp"       // Target is address:port: can a connection be opened, and how long does it take?
	AskName      = "name"      // Target is a name: does the pod's own resolver know it?
	AskAuthority = "authority" // Target is host:port/name: does that name server speak for the name's zone?
)

// Question is one thing that a probe finds out from inside a pod.
type Question struct {
	Kind, Target string
	// To is the cluster of an AskTCP.
	To string
}

// Argument is the question as an argument of a probe's command.
func (q Question) Argument() string { return q.Kind + "=" + q.Target }

// Answer is what a probe found of one question.
type Answer struct {
	Kind, Target string
	RTT          time.Duration // of an AskTCP
	Error        string        // empty: it went well
}

// Line is the answer as a probe prints it: four fields with tabs between, the round trip in microseconds.
func (a Answer) Line() string {
	result, detail := "ok", strconv.FormatInt(a.RTT.Microseconds(), 10)
	if a.Error != "" {
		result, detail = "failed", strings.Join(strings.Fields(a.Error), " ")
	}
	return strings.Join([]string{a.Kind, a.Target, result, detail}, "\t") + "\n"
}

// ReadAnswers reads what probes printed. Lines that are none of theirs are left out: images may talk.
func ReadAnswers(output string) []Answer {
	var out []Answer
	for line := range strings.Lines(output) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 4)
		if len(parts) != 4 {
			continue
		}
		a := Answer{Kind: parts[0], Target: parts[1]}
		switch micros, err := strconv.ParseInt(parts[3], 10, 64); {
		case parts[2] == "ok" && err == nil && micros >= 0:
			a.RTT = time.Duration(micros) * time.Microsecond
		case parts[2] == "failed":
			a.Error = cmp.Or(parts[3], "it failed without a word")
		default:
			continue
		}
		out = append(out, a)
	}
	return out
}

// Path is one way from a cluster's pod to another cluster's.
type Path struct {
	From   string        `json:"from"`
	To     string        `json:"to"`
	Target string        `json:"target"` // address:port
	RTT    time.Duration `json:"-"`
	Micros int64         `json:"rtt_us,omitempty"` // of the fastest of the attempts' handshakes, in microseconds
	Error  string        `json:"error,omitempty"`
}

// Probe is what was found from inside one cluster.
type Probe struct {
	By    string // the pod
	Paths []Path
	Names []Answer
	// Problem is why nothing could be found out, and Mend what to do about it. Doubt tells that it says nothing of the
	// cluster, such as an image without the tools.
	Problem, Mend string
	Doubt         bool
}

// Learned puts questions and answers of a cluster's probe together; a question without an answer failed.
func Learned(cluster, by string, asked []Question, answers []Answer) *Probe {
	p := &Probe{By: by}
	for _, q := range asked {
		i := slices.IndexFunc(answers, func(a Answer) bool { return a.Kind == q.Kind && a.Target == q.Target })
		a := Answer{Kind: q.Kind, Target: q.Target, Error: "no answer came from the probe"}
		if i >= 0 {
			a = answers[i]
		}
		if q.Kind == AskTCP {
			p.Paths = append(p.Paths, Path{From: cluster, To: q.To, Target: q.Target, RTT: a.RTT, Micros: a.RTT.Microseconds(), Error: a.Error})
			continue
		}
		p.Names = append(p.Names, a)
	}
	return p
}

// Paths are those of all sites, in their order.
func Paths(sites []Site) []Path {
	var out []Path
	for _, s := range sites {
		if s.Probe != nil {
			out = append(out, s.Probe.Paths...)
		}
	}
	return out
}

// network judges what a probe found; without one nothing is said.
func (j *judge) network() {
	const check = "network"
	p := j.site.Probe
	switch {
	case p == nil:
		return
	case p.Problem != "" && p.Doubt:
		j.say(Warning, check, p.Problem, p.Mend)
		return
	case p.Problem != "":
		j.say(Failed, check, p.Problem, p.Mend)
		return
	}
	j.paths(check, p)
	j.names("pod-dns", p)
}

func (j *judge) paths(check string, p *Probe) {
	slowest := map[string]time.Duration{}
	var order []string
	failed := false
	for _, path := range p.Paths {
		if path.Error != "" {
			failed = true
			j.say(Failed, check, fmt.Sprintf("no TCP connection to %s at %s: %s", path.To, path.Target, path.Error),
				fmt.Sprintf("let pods of %s reach pods of %s at that port: routes, firewalls, network policies", path.From, path.To))
			continue
		}
		if _, known := slowest[path.To]; !known {
			order = append(order, path.To)
		}
		slowest[path.To] = max(slowest[path.To], path.RTT)
	}
	if failed || len(p.Paths) == 0 {
		return
	}
	var trips []string
	for _, to := range order {
		trips = append(trips, to+" in "+Trip(slowest[to]))
	}
	j.say(OK, check, "reaches "+strings.Join(trips, ", "), "")
}

func (j *judge) names(check string, p *Probe) {
	failed := false
	for _, n := range p.Names {
		if n.Error == "" {
			continue
		}
		failed = true
		if n.Kind == AskAuthority {
			server, name, _ := strings.Cut(n.Target, "/")
			j.say(Failed, check, fmt.Sprintf("name server %s does not speak for %s to a pod: %s", server, name, n.Error),
				"have it run, and let pods reach it at that port over UDP and TCP")
			continue
		}
		j.say(Failed, check, fmt.Sprintf("%s is not found by a pod: %s", n.Target, n.Error), "mend the DNS of the cluster, or what forwards the zone there")
	}
	if !failed && len(p.Names) > 0 {
		j.say(OK, check, fmt.Sprintf("a pod had its answer to each of %d questions", len(p.Names)), "")
	}
}

// Trip is a round trip for people.
func Trip(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}
