package discover

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"quorate.dev/quorate/regions"
)

// width is where comments wrap.
const width = 110

// page is a topology file being written.
type page struct{ strings.Builder }

func (p *page) linef(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// comment writes sentences as comment lines of one indentation.
func (p *page) comment(indent int, sentences ...string) {
	prefix := strings.Repeat(" ", indent) + "#"
	text := prefix
	for word := range strings.FieldsSeq(line(strings.Join(sentences, " "))) {
		if len(text)+1+len(word) > width && text != prefix {
			p.linef("%s", text)
			text = prefix
		}
		text += " " + word
	}
	if text != prefix {
		p.linef("%s", text)
	}
}

// scalar writes a text as one YAML scalar, quoted where it must be.
func scalar(text string) string {
	out, err := yaml.Marshal(text)
	unprintable := strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
	if err != nil || unprintable || strings.Count(string(out), "\n") != 1 {
		return fmt.Sprintf("%q", text) // YAML's double quotes know Go's escapes
	}
	return strings.TrimSuffix(string(out), "\n")
}

// list writes texts as a flow sequence.
func list(texts []string) string {
	out := make([]string, len(texts))
	for i, t := range texts {
		// Inside brackets some characters need quotes that a value alone does not.
		if out[i] = scalar(t); strings.ContainsAny(t, ",[]{}") && !strings.HasPrefix(out[i], `"`) && !strings.HasPrefix(out[i], "'") {
			out[i] = fmt.Sprintf("%q", t)
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// text writes the whole file.
func (b *builder) text(p promise) []byte {
	w := &page{}
	w.comment(0, "A first topology, made by `quorate init` of what the clusters were seen to be. Each comment says why; change what does not fit.",
		"Then: quorate validate, quorate plan, quorate apply.")
	w.linef("apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\nspec:\n  profile: %s", regions.APIVersion, regions.Kind, scalar(b.choices.Name), scalar(b.choices.Profile))
	b.workload(w)
	b.promises(w, p)
	b.dns(w)
	w.comment(2, "The regions with the fewest replicas come first, then by name, so that a bad change meets the fewest; better still: the least traffic first.")
	w.linef("  rollout:\n    order: %s", list(b.rollout()))
	w.comment(4, "At most this many replicas are down at once, over all clusters together.")
	w.linef("    maxUnavailable: 1\n  regions:")
	b.clusters(w)
	return []byte(w.String())
}

func (b *builder) workload(w *page) {
	c := b.choices
	if c.Profile == "generic" {
		w.comment(2, "Your own kustomize directory, with the StatefulSet and its Service.")
		w.linef("  base: %s", scalar(c.Base))
	}
	if c.Image != "" {
		w.comment(2, imageWhy(c.Image))
		w.linef("  image: %s", scalar(c.Image))
	}
	w.linef("  namespace: %s", scalar(cmp.Or(c.Namespace, c.Name)))
	if c.Profile == "generic" {
		return
	}
	w.comment(2, "Decide on the size before the first apply: a StatefulSet's volumes cannot be given another one later by an update.")
	class, why := b.class()
	w.linef("  storage:\n    size: %s", scalar(c.Size))
	w.comment(4, why...)
	w.linef("    className: %s", scalar(class))
	cpu, memory, fits := b.request()
	w.comment(2, fits)
	w.linef("  resources:\n    requests: {cpu: %s, memory: %s}\n    limits: {cpu: %s, memory: %s}", cpu, memory, cpu, memory)
}

func imageWhy(image string) string {
	switch name := image[strings.LastIndex(image, "/")+1:]; {
	case strings.Contains(name, "@"):
		return "Pinned by its digest: every node runs the same bytes."
	case strings.HasSuffix(name, ":latest"), !strings.Contains(name, ":"):
		return "Not pinned: what runs would depend on when a node pulled it. Write the version as a tag."
	}
	return "Pinned by its tag, as far as nobody moves the tag; image@sha256:… pins the bytes."
}

func (b *builder) promises(w *page, p promise) {
	if p.failure != "" {
		w.comment(2, p.why...)
		w.linef("  survive:\n    failure: %s", p.failure)
		if p.voters > 0 {
			w.linef("    voters: %d", p.voters)
		}
		if p.whileUpdating != "" {
			w.linef("    whileUpdating: %s", p.whileUpdating)
		}
	} else if b.choices.Profile == "generic" {
		w.comment(2, "Nothing is promised: quorate does not know this database's quorum. Where every replica votes in one group, write survive: {model: quorum-group}.")
	}
	if b.choices.Profile != "generic" {
		w.comment(2, "Certificates are not issued yet: keep the network between the clusters private.")
		w.linef("  tls:\n    mode: disabled")
	}
	w.comment(2, b.locality.why)
	w.linef("  locality:\n    zone: %s", b.locality.way)
}

func (b *builder) dns(w *page) {
	c := b.choices
	if c.Zone == "" {
		return
	}
	w.comment(2, "Every replica has a name in this zone, which replicas advertise: it cannot be changed once the database runs.")
	w.linef("  dns:\n    zone: %s", scalar(c.Zone))
	switch {
	case len(c.Authorities) > 0:
		w.comment(4, "The name servers as they were given: each is asked before a replica counts as ready.")
		w.linef("    authorities: %s", list(c.Authorities))
	case b.sandbox():
		w.comment(4, "All clusters are sandboxes: there, and only there, apply serves the names itself while it runs.")
		w.linef("    publish:\n      - serve: {listen: \"127.0.0.1:5300\"}")
	default:
		w.comment(4, "Somebody has to serve the names before the first apply. Either run `quorate dns serve` where all pods reach it, and list its address:")
		w.linef("    # authorities: [\"10.0.0.53:53\"]")
		w.comment(4, "or let an authority run inside every cluster, which needs dnsServers and podCIDRs of each cluster too:")
		w.linef("    # publish:\n    #   - serve:\n    #       inCluster: {image: \"REGISTRY/quorate:TAG\", forwarder: \"REGISTRY/coredns:TAG\"}")
	}
}

func (b *builder) clusters(w *page) {
	region := ""
	for _, f := range b.found {
		if f.Region != region {
			region = f.Region
			w.linef("    - name: %s\n      clusters:", scalar(region))
		}
		w.comment(8, f.remarks...)
		w.linef("        - name: %s\n          context: %s\n          replicas: %d", scalar(f.Cluster), scalar(f.Context), f.Replicas)
		if len(f.Zones) > 0 {
			w.linef("          zones: %s", list(f.Zones))
		}
	}
	if len(b.found) == 0 {
		w.linef("    []")
	}
	for _, l := range b.left {
		w.comment(4, fmt.Sprintf("Left out: context %s: %s.", line(l.Context), l.Reason))
		w.linef("    # - name: REGION\n    #   clusters:\n    #     - {name: %s, context: %s, replicas: %d}",
			clusterName(l.Context, nil), strings.Trim(list([]string{l.Context}), "[]"), b.choices.Replicas)
	}
}
