package stub

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/dns"
)

// ConflictError is something of others that answers for the deployment's names already, or would lose
// names of its own to the entry.
type ConflictError struct {
	Where string // which text
	Line  int
	Why   string
}

// Error names the line.
func (e *ConflictError) Error() string { return fmt.Sprintf("%s, line %d: %s", e.Where, e.Line, e.Why) }

// answers are the plugins that have answers of their own, and from which argument on they name zones.
// (CoreDNS 1.15, plugin/*/README.md.)
func answers() map[string]int {
	return map[string]int{
		"kubernetes": 0, "multicluster": 0, "k8s_external": 0, "etcd": 0, "secondary": 0, "auto": 0,
		"file": 1, "hosts": 1, "template": 2, "route53": 0, "azure": 0, "clouddns": 0,
	}
}

// claim is a zone that somebody serves.
type claim struct {
	zone string
	line int
	by   string
	// holds: it has answers of its own rather than passing questions on.
	holds bool
}

// conflicts are the claims of a Corefile, other than those of the entry's own fragment, that
// exclude the entry; notes are what is worth a word.
func (c *corefile) conflicts(where string, e Entry, own *fragment, port string) (notes []string, err error) {
	var problems error
	for _, b := range c.servers() {
		if own != nil && own.at <= b.at && b.to <= own.to {
			continue
		}
		for _, k := range c.claims(b, port) {
			if why, note := e.against(k); why != "" {
				problems = errors.Join(problems, &ConflictError{Where: where, Line: k.line, Why: why})
			} else if note != "" {
				notes = append(notes, fmt.Sprintf("%s, line %d: %s", where, k.line, note))
			}
		}
		if i := slices.IndexFunc(b.keys, func(k token) bool { return zoneOf(k.text).unknown }); i >= 0 {
			notes = append(notes, fmt.Sprintf("%s, line %d: which zone %s stands for is not known here", where, b.keys[i].line, b.keys[i].text))
		}
	}
	for _, d := range c.imports {
		notes = append(notes, fmt.Sprintf("%s, line %d: what `import %s` brings is not known here", where, d.line, strings.Join(d.args, " ")))
	}
	return notes, problems
}

// claims are the zones of one server block and of the plugins in it. Blocks of other ports claim nothing.
func (c *corefile) claims(b block, port string) []claim {
	var zones []string
	var out []claim
	directives := c.expanded(b)
	for _, key := range b.keys {
		z := zoneOf(key.text)
		if z.name == "" || z.unknown || portOf(z.port) != portOf(port) {
			continue
		}
		zones = append(zones, z.name)
		k := claim{zone: z.name, line: key.line, by: "a server block for " + key.text}
		k.holds = z.name != "." && slices.ContainsFunc(directives, func(d directive) bool {
			first, holds := answers()[d.name]
			return holds && len(d.args) <= first // for the zones of the block
		})
		out = append(out, k)
	}
	if len(zones) == 0 {
		return nil
	}
	for _, d := range directives {
		first, holds := answers()[d.name]
		switch {
		case d.name == "forward" && len(d.args) > 0 && d.args[0] != ".":
			out = append(out, claim{zone: dns.Canonical(d.args[0]), line: d.line, by: "plugin forward"})
		case holds && len(d.args) > first:
			for _, zone := range d.args[first:] {
				out = append(out, claim{zone: dns.Canonical(zone), line: d.line, by: "plugin " + d.name, holds: true})
			}
		}
	}
	return out
}

func portOf(port string) string {
	if port == "" {
		return "53"
	}
	return port
}

// against holds a claim against the entry: why they exclude one another, or what to say of it.
func (e Entry) against(k claim) (why, note string) {
	names := []string{e.Zone}
	for _, d := range e.Domains {
		names = append(names, d.Names...)
	}
	for _, name := range names {
		switch {
		case k.zone == name:
			return fmt.Sprintf("%s answers for %s already: take it out first, or leave the zone to it", k.by, bare(name)), ""
		case below(k.zone, name):
			return fmt.Sprintf("%s takes %s away, which is part of %s: take it out first", k.by, bare(k.zone), bare(name)), ""
		}
	}
	switch {
	case k.zone == "." || !below(e.Zone, k.zone):
		return "", ""
	case k.holds:
		return fmt.Sprintf("%s has answers of its own for %s, of which %s is a part: an entry for it would hide them", k.by, bare(k.zone), bare(e.Zone)), ""
	}
	return "", fmt.Sprintf("%s passes %s on; the entry takes %s out of that", k.by, bare(k.zone), bare(e.Zone))
}

func bare(name string) string { return strings.TrimSuffix(name, ".") }
