package sync

import (
	"time"

	"quorate.dev/quorate/dns"
)

// DeleteWindow is for how long a name that was deleted counts against the cap (dns.DeleteCapPercent): many small passes must not
// do what one is refused.
const DeleteWindow = 24 * time.Hour

// gone are names of a zone that this process deleted.
type gone map[string]deletion

type deletion struct {
	at   time.Time
	sets []dns.RecordSet
}

// note takes up a change that was made: names that went, and names that are back.
func (g gone) note(changes []dns.Change, now time.Time) {
	for _, c := range changes {
		switch {
		case c.Type == dns.TypeTXT || c.Type == dns.TypePTR: // as for the cap itself
		case c.Action != dns.Delete:
			delete(g, c.Name)
		default:
			set := dns.RecordSet{Name: c.Name, Type: c.Type, Values: c.Before, Cluster: c.Cluster}
			g[c.Name] = deletion{now, append(g[c.Name].sets, set)}
		}
	}
}

// lately are the sets that were deleted within the window; older ones are forgotten.
func (g gone) lately(now time.Time) []dns.RecordSet {
	var out []dns.RecordSet
	for name, d := range g {
		if now.Sub(d.at) >= DeleteWindow {
			delete(g, name)
			continue
		}
		out = append(out, d.sets...)
	}
	return out
}
