package adopt

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// database is what is known of the database from its pod templates.
type database struct {
	profile    string // cockroachdb or generic
	advertised string // as spec.advertised
	container  string
	image      string // empty where clusters or sets differ
	notes      []string
}

// recognise finds out which database it is. What is not understood to the last word is generic: its own health is then
// unknown, which is said, instead of asked wrongly.
func recognise(clusters []found, sets []string) database {
	db := database{profile: "generic"}
	var containers, images []string
	var cockroaches []cockroach
	for _, c := range clusters {
		for _, set := range c.sets {
			main, roach := mainContainer(c, set)
			containers, images = append(containers, text(main, "name")), append(images, text(main, "image"))
			cockroaches = append(cockroaches, roach)
		}
	}
	if slices.Compact(slices.Clone(containers))[0] != "" && same(containers) && same(images) {
		db.container, db.image = containers[0], images[0]
	} else {
		db.notes = append(db.notes, "images or containers differ between the clusters or StatefulSets: spec.image is not written, so change images in the base")
	}
	switch {
	case cockroaches[0] == (cockroach{}):
		db.notes = append(db.notes, "the database is none that quorate knows: readiness of pods and the pauses between them are all that an update goes by, and it has no ID to record")
	case len(sets) > 1 || !same(cockroaches) || db.image == "":
		db.notes = append(db.notes, "this is CockroachDB, but not started in the same way everywhere: profile generic is written, under which its health and its ID are not asked")
	case cockroaches[0].why != "":
		db.notes = append(db.notes, "this is CockroachDB, but "+cockroaches[0].why+": profile generic is written, under which its health and its ID are not asked")
	default:
		db.profile, db.advertised = "cockroachdb", cockroaches[0].advertised
	}
	return db
}

func same[T comparable](values []T) bool { return len(slices.Compact(slices.Clone(values))) == 1 }

// cockroach is how a container starts CockroachDB; why says what its profile cannot do with it.
type cockroach struct{ advertised, why string }

// mainContainer is the database's container of a set: the one that starts CockroachDB, the only one, or the one
// named as the set; nil where none of it tells.
func mainContainer(c found, set map[string]any) (map[string]any, cockroach) {
	all := items(set, "spec", "template", "spec", "containers")
	for _, container := range all {
		if line := commandLine(container); startsCockroach(line) {
			return container, readCockroach(c, set, container, line)
		}
	}
	for _, container := range all {
		if len(all) == 1 || text(container, "name") == nameOf(set) {
			return container, cockroach{}
		}
	}
	return nil, cockroach{}
}

func commandLine(container map[string]any) string {
	words := append(texts(container, "command"), texts(container, "args")...)
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

var (
	startCommand  = regexp.MustCompile(`(^|[\s/])cockroach start( |$)|^start .*--join`)
	advertiseFlag = regexp.MustCompile(`--advertise-(?:host|addr)[= ]("[^"]*"|\S*\$\([^)]*\)\S*|\S+)`)
	portFlag      = regexp.MustCompile(`--(?:port|listen-addr|sql-addr|advertise-port)[= ](\S+)`)
)

func startsCockroach(line string) bool { return startCommand.MatchString(line) }

// readCockroach reads under which names the nodes know one another. The commands of the profile speak to port 26257
// without certificates.
func readCockroach(c found, set, container map[string]any, line string) cockroach {
	if !strings.Contains(line, "--insecure") {
		return cockroach{why: "it runs with certificates, and the commands of profile cockroachdb have none yet"}
	}
	for _, m := range portFlag.FindAllStringSubmatch(line, -1) {
		if m[1] != "26257" && m[1] != ":26257" && m[1] != "0.0.0.0:26257" {
			return cockroach{why: "it listens at " + m[1] + ", and profile cockroachdb knows port 26257 alone"}
		}
	}
	m := advertiseFlag.FindStringSubmatch(line)
	if m == nil {
		return cockroach{why: "it does not say under which name a node advertises itself (--advertise-host)"}
	}
	host := expand(strings.TrimSuffix(strings.Trim(m[1], `"`), ":26257"), container, set, c.Namespace)
	if host == "" {
		return cockroach{why: fmt.Sprintf("the name that a node advertises (%s) could not be read", m[1])}
	}
	return cockroach{advertised: host}
}

// expand makes a pattern of an advertised name, empty where something in it is not understood. The domain of the
// cluster is taken to be cluster.local, as hostname -f gives it wherever nobody changed it.
func expand(host string, container, set map[string]any, namespace string) string {
	full := "{pod}." + text(set, "spec", "serviceName") + "." + namespace + ".svc.cluster.local"
	host = strings.NewReplacer("$(hostname -f)", full, "`hostname -f`", full, "$(hostname)", "{pod}", "${HOSTNAME}", "{pod}").Replace(host)
	for range 2 { // a variable may hold another
		for _, e := range items(container, "env") {
			value := text(e, "value")
			if text(e, "valueFrom", "fieldRef", "fieldPath") == "metadata.name" {
				value = "{pod}"
			}
			if text(e, "valueFrom", "fieldRef", "fieldPath") == "metadata.namespace" {
				value = namespace
			}
			if value != "" {
				host = strings.NewReplacer("${"+text(e, "name")+"}", value, "$("+text(e, "name")+")", value).Replace(host)
			}
		}
	}
	host = strings.ReplaceAll(host, "."+namespace+".svc.", ".{namespace}.svc.")
	if strings.ContainsAny(host, "$`() ") || !strings.Contains(host, "{pod}") {
		return ""
	}
	return host
}
