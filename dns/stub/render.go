package stub

import (
	"fmt"
	"net/netip"
	"strings"
)

// body is the entry as server blocks, in a Corefile of that host. The same entry gives the same bytes.
func (e Entry) body(h Host) string {
	var out strings.Builder
	for i, d := range e.Domains {
		if i > 0 {
			out.WriteString("\n")
		}
		if d.Comment != "" {
			fmt.Fprintf(&out, "# %s\n", d.Comment)
		}
		fmt.Fprintf(&out, "%s {\n    errors\n", strings.Join(keys(d.Names, h), " "))
		if len(h.Bind) > 0 {
			fmt.Fprintf(&out, "    bind %s\n", strings.Join(h.Bind, " "))
		}
		if len(d.To) > 0 {
			fmt.Fprintf(&out, "    cache %d\n    forward . %s\n}\n", cacheSeconds, servers(d.To))
			continue
		}
		d.own(&out, h)
	}
	return out.String()
}

// cacheSeconds bounds how old an answer of another server may be, and how long a denial lasts: a name that does not exist
// yet may exist in a moment.
const cacheSeconds = 5

// own writes the part of a domain that the cluster answers itself: the names are rewritten, and asked for anew at this same
// CoreDNS, whose other blocks know them. A name that no rule rewrites does not exist; were it
// forwarded like the others it would come back here for ever.
func (d Domain) own(out *strings.Builder, h Host) {
	for _, r := range d.Rewrites {
		kind := "regex"
		if r.Exact {
			kind = "exact"
		}
		fmt.Fprintf(out, "    rewrite stop name %s %s %s.%s answer auto\n", kind, r.From, r.To, h.Domain)
	}
	fmt.Fprintf(out, "    template ANY ANY %s {\n        rcode NXDOMAIN\n    }\n", strings.Join(d.Names, " "))
	fmt.Fprintf(out, "    forward . %s\n}\n", h.self())
}

// keys are a block's zones as the host's own root block writes its.
func keys(names []string, h Host) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		key := strings.TrimSuffix(name, ".")
		if h.Port != "" {
			key += ":" + h.Port
		}
		out = append(out, key)
	}
	return out
}

// servers are addresses as CoreDNS writes them: without the port where it is 53.
func servers(to []netip.AddrPort) string {
	out := make([]string, 0, len(to))
	for _, server := range to {
		if server.Port() == dnsPort {
			out = append(out, server.Addr().String())
			continue
		}
		out = append(out, server.String())
	}
	return strings.Join(out, " ")
}
