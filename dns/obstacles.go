package dns

import (
	"fmt"
	"slices"
	"strings"
)

// ways knows what of a zone stands in the way of records at other names.
type ways struct {
	have map[setKey]RecordSet
	apex string // of the zone that was read; empty where no SOA was seen
}

func newWays(have map[setKey]RecordSet) ways {
	w := ways{have: have}
	for key := range have {
		if key.Type == TypeSOA {
			w.apex = key.Name
		}
	}
	return w
}

// blocked is why the sets cannot be published at the name; empty if they can. A name that stands already is not
// hidden by a wildcard (RFC 4592 §2.2.1) and must go on following its pod.
func (w ways) blocked(name string, sets []RecordSet, stands bool) string {
	for _, s := range sets {
		if why := tooLarge(s.Type, s.Values); why != "" {
			return why
		}
	}
	if why := w.withoutOwnership(name); why != "" {
		return why
	}
	if values, ok := w.at(name, TypeCNAME); ok {
		return "it is an alias (CNAME) of " + values + ", and no other record may stand beside one (RFC 1034 §3.6.2); delete it"
	}
	for _, above := range ancestors(name) {
		if w.apex != "" && !Within(above, w.apex) {
			break
		}
		if why := w.above(above); why != "" {
			return why
		}
		if !stands && w.hasAny("*."+above) {
			return "the wildcard *." + above + " would answer for it whenever it is missing; delete the wildcard, or use another zone"
		}
	}
	if values, ok := w.at(name, TypeNS); ok && name != w.apex {
		return "it is delegated to " + values
	}
	return ""
}

// withoutOwnership is why no ownership record can stand below the name, which it is written together with.
func (w ways) withoutOwnership(name string) string {
	if values, ok := w.at(name, TypeDNAME); ok {
		return "everything below it is an alias (DNAME) of " + values + ", and so is its ownership record; delete that"
	}
	for _, t := range []Type{TypeCNAME, TypeDNAME, TypeNS} {
		if values, ok := w.at(OwnerName(name), t); ok {
			return "the ownership record " + OwnerName(name) + " cannot be written beside " + string(t) + " " + values + "; delete that"
		}
	}
	return ""
}

// tooLarge is why a set of these values cannot be published; empty if it can.
func tooLarge(t Type, values []string) string {
	if len(values) <= MaxSet {
		return ""
	}
	return fmt.Sprintf("its %s set would hold %d records, name servers take %d (BIND: max-records-per-type); divide the region or cluster", t, len(values), MaxSet)
}

// within takes out the changes of names with a set that is too large together with what stays of clusters that were not
// read; they are obstacles.
func (r *reconciler) within(changes []Change) []Change {
	large := map[string]bool{}
	for _, c := range changes {
		if why := tooLarge(c.Type, c.After); why != "" && !large[c.Name] {
			large[c.Name] = true
			r.obstacles = append(r.obstacles, Obstacle{Name: c.Name, Why: why})
			delete(r.open, c.Name)
		}
	}
	slices.SortFunc(r.obstacles, func(a, b Obstacle) int { return strings.Compare(a.Name, b.Name) })
	return slices.DeleteFunc(changes, func(c Change) bool { return large[c.Name] })
}

// above is what at a name stands in the way of all names below it.
func (w ways) above(name string) string {
	if values, ok := w.at(name, TypeDNAME); ok {
		return "everything below " + name + " is an alias (DNAME) of " + values + "; delete that, or use another zone"
	}
	if values, ok := w.at(name, TypeNS); ok && w.apex != "" && name != w.apex {
		return name + " is delegated to " + values + ": publish there"
	}
	return ""
}

func (w ways) at(name string, t Type) (string, bool) {
	s, ok := w.have[setKey{name, t}]
	return strings.Join(s.Values, ", "), ok
}

// hasAny tells whether the name holds a record that would be answered with.
func (w ways) hasAny(name string) bool {
	for _, t := range []Type{TypeA, TypeAAAA, TypeSRV, TypePTR, TypeCNAME, TypeTXT, "MX", "CAA", "HTTPS", "SVCB", TypeNS} {
		if _, ok := w.have[setKey{name, t}]; ok {
			return true
		}
	}
	return false
}

// ancestors are the names above a canonical name, nearest first, the root left out.
func ancestors(name string) []string {
	var out []string
	for {
		_, parent, ok := strings.Cut(name, ".")
		if !ok || parent == "" {
			return out
		}
		out = append(out, parent)
		name = parent
	}
}
