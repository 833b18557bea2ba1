package view

import (
	"fmt"
	"io"
	"strings"

	"quorate.dev/quorate/regions"
)

// Text prints the status for people.
func (s *Status) Text(w io.Writer, style Style) {
	fmt.Fprintf(w, "%s  %s\n", style.paint(bold, s.Deployment), style.paint(faint, s.database()))
	for _, c := range s.Clusters {
		s.clusterText(w, style, c)
	}
	fmt.Fprintln(w)
	style.text(w, s.exposureLine(style), 2)
	style.text(w, style.paint(faint, s.Authority), 2)
}

func (s *Status) database() string {
	if s.DatabaseID == "" {
		return "no database recorded"
	}
	return "database " + s.DatabaseID
}

func (s *Status) clusterText(w io.Writer, style Style, c ClusterStatus) {
	style.heading(w, c.Region+" / "+c.Name)
	if !c.Reachable {
		style.text(w, "  "+style.paint(red, "does not answer: "+c.Error), 4)
		return
	}
	style.text(w, "  "+style.paint(faint, c.Version+"; "+lockLine(c.Lease)), 4)
	for _, p := range c.Pools {
		fmt.Fprintf(w, "  %s: %d of %d replicas, partition %d (%s)\n", p.Name, p.Replicas, p.Want, p.Partition, p.Hold)
		if p.Hold == "released" {
			fmt.Fprintf(w, "    %s\n", style.paint(yellow, "its controller restarts pods by itself when the template changes; quorate release --take-back "+c.Name+" holds it again"))
		}
		var rows [][]string
		for _, m := range p.Members {
			rows = append(rows, []string{"  " + m.ID.Pod(), readiness(style, m), m.Zone, m.Node, imageTag(m.Image), nameText(style, m)})
		}
		style.table(w, rows)
		for _, m := range p.Members {
			if brief(m.Trouble) != m.Trouble {
				style.text(w, "    "+style.paint(faint, m.ID.Pod()+": "+m.Trouble), 6)
			}
		}
	}
}

// brief is a trouble in a table's cell: its reason without the message, which
// stands below the table.
func brief(trouble string) string {
	reason, _, _ := strings.Cut(trouble, ": ")
	return reason
}

func lockLine(l *LeaseStatus) string {
	switch {
	case l == nil, !l.Held:
		return "not locked"
	case l.Expired:
		return "locked by a run that does not renew its lock and is probably dead: " + l.Holder
	default:
		return "locked by " + l.Holder
	}
}

func readiness(style Style, m ReplicaStatus) string {
	if m.Ready {
		return style.paint(green, "ready")
	}
	return style.paint(red, brief(m.Trouble))
}

func nameText(style Style, m ReplicaStatus) string {
	switch m.NameOK {
	case nameRight:
		return m.Name
	case nameWrong:
		return style.paint(red, m.Name+" answers ["+strings.Join(m.Answer, " ")+"]")
	}
	if m.NameError != "" {
		return style.paint(red, m.Name+" ("+m.NameError+")")
	}
	return style.paint(faint, m.Name+" (not asked)")
}

func imageTag(image string) string {
	if i := strings.LastIndexAny(image, ":@"); i >= 0 && !strings.Contains(image[i:], "/") {
		return image[i+1:]
	}
	return image
}

func (s *Status) exposureLine(style Style) string {
	text := s.Exposure.String()
	switch {
	case !s.Exposure.Available():
		text = style.paint(red, text)
	case s.Promise != regions.FailureNone && !s.Exposure.Survives[s.Promise]:
		text = style.paint(yellow, text)
	}
	return "Now, by the replicas' readiness: " + text + "; promised at rest: " + survive(s.Promise)
}
