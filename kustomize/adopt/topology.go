package adopt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"quorate.dev/quorate/regions"
)

// writeTopology writes the topology with a comment for each choice. What it promises is the strongest that the layout
// keeps, as regions.Parse computes it; the error lists what Parse finds wrong.
func writeTopology(clusters []found, sets []string, db database, o Options) ([]byte, error) {
	name := cmp.Or(o.Name, sets[0])
	draft := topologyText(clusters, sets, db, o, name, "")
	t, problems := regions.Parse([]byte(draft), "topology.yaml")
	if errs := problems.Errors(); len(errs) > 0 {
		return nil, fmt.Errorf("what was found makes no valid topology: %w", errs)
	}
	return []byte(topologyText(clusters, sets, db, o, name, survival(t, db, o))), nil
}

// survival writes the promise that was computed.
func survival(t *regions.Topology, db database, o Options) string {
	s := t.Spec.Survive
	if s.Model == regions.ModelNone {
		return `  # Nothing is promised: quorate does not know how this database counts its votes. Where every replica votes in one
  # group (etcd, ZooKeeper), write model: quorum-group; the strongest promise that the layout keeps is then computed.
  survive: {model: none}
`
	}
	model := ""
	if db.profile == "generic" {
		model = "model: " + o.Model + ", "
	}
	return fmt.Sprintf(`  # The strongest promise that this layout keeps at rest. It is declared, not read from the database: its own
  # replication (zone configurations, say) has to keep it too.
  survive: {%sfailure: %s, voters: %d}
`, model, s.Failure, s.Voters)
}

func topologyText(clusters []found, sets []string, db database, o Options, name, survive string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s as it was found running. Applied, this changes no pod; `quorate plan` shows what it changes at all.", name)
	line("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec:", regions.APIVersion, regions.Kind, scalar(name))
	line("  profile: %s\n  base: ./base", db.profile)
	if db.image != "" {
		line("  image: %s\n  container: %s # whose image it is", scalar(db.image), scalar(db.container))
	}
	if db.advertised != "" {
		line("  # The names under which the replicas know one another already. They stay.")
		line("  advertised: %s", scalar(db.advertised))
	}
	if db.profile != "generic" {
		line("  tls: {mode: disabled} # as it runs; certificates are no rolling change")
	}
	line("  locality: {zone: none} # what the replicas know of zones is written in the base")
	switch {
	case survive != "":
		b.WriteString(survive)
	case o.Model != "" && db.profile == "generic":
		line("  survive: {model: %s}", scalar(o.Model))
	}
	writeZone(line, o)
	line("  regions:")
	writeRegions(line, clusters, name, sets)
	return b.String()
}

func writeZone(line func(string, ...any), o Options) {
	line("  # The replicas go on advertising their own names. In this zone each has a second one, <pod>.<cluster>.<zone>, for")
	line("  # clients, and by which quorate makes sure that a replica is where it should be before it goes on to the next.")
	line("  dns:\n    zone: %s", scalar(o.Zone))
	if len(o.Authorities) == 0 {
		line("    # Nobody answers for the zone yet. Runs need somebody who does, except in a sandbox: run `quorate dns serve` where")
		line("    # it can be reached and list it here, such as authorities: [\"10.0.0.53:53\"], or see publish.serve.inCluster.")
		return
	}
	line("    authorities: [%s]", strings.Join(quoted(o.Authorities), ", "))
}

func quoted(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return out
}

func writeRegions(line func(string, ...any), clusters []found, name string, sets []string) {
	var order []string
	for _, c := range clusters {
		if !slices.Contains(order, c.Region) {
			order = append(order, c.Region)
		}
	}
	for _, region := range order {
		line("    - name: %s\n      clusters:", scalar(region))
		for _, c := range clusters {
			if c.Region != region {
				continue
			}
			line("        - name: %s\n          context: %s\n          namespace: %s", scalar(c.Name), scalar(c.Context), scalar(c.Namespace))
			line("          %s", replicas(c, name, sets))
			if zones := zonesOf(c); len(zones) > 0 {
				line("          zones: [%s]", strings.Join(zones, ", "))
			}
		}
	}
}

// replicas are the cluster's sizes: of the one StatefulSet that is named as the deployment, or of each.
func replicas(c found, name string, sets []string) string {
	sizes := map[string]int{}
	for _, set := range c.sets {
		sizes[nameOf(set)] = number(set, 1, "spec", "replicas")
	}
	if len(sets) == 1 && sets[0] == name {
		return fmt.Sprintf("replicas: %d", sizes[name])
	}
	var pools []string
	for _, set := range c.sets {
		pools = append(pools, fmt.Sprintf("%s: %d", scalar(nameOf(set)), sizes[nameOf(set)]))
	}
	return "pools: {" + strings.Join(pools, ", ") + "}"
}

// zonesOf are the zones in which the replicas run, by ordinal, each once; none where that of some replica is not known.
func zonesOf(c found) []string {
	var zones []string
	for _, set := range c.sets {
		for ordinal := range number(set, 1, "spec", "replicas") {
			zone := ""
			for _, pod := range c.Pods {
				if nameOf(pod) == fmt.Sprintf("%s-%d", nameOf(set), ordinal) {
					zone = c.NodeZones[text(pod, "spec", "nodeName")]
				}
			}
			if zone == "" {
				return nil
			}
			if !slices.Contains(zones, zone) {
				zones = append(zones, zone)
			}
		}
	}
	return zones
}

// scalar writes a string as YAML reads it back.
func scalar(s string) string {
	out, err := yaml.Marshal(s)
	if err != nil || strings.Contains(strings.TrimSuffix(string(out), "\n"), "\n") || strings.ContainsAny(s, "{}[],#") {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSuffix(string(out), "\n")
}
