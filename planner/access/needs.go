package access

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"quorate.dev/quorate/regions"
)

// The API groups that are used by name.
const (
	core         = ""
	apps         = "apps"
	coordination = "coordination.k8s.io"
	discovery    = "discovery.k8s.io"
	rbac         = "rbac.authorization.k8s.io"
)

// What regions/kube/facts.go reads of every cluster.
const (
	systemNamespace = "kube-system"
	sandboxMark     = "quorate-sandbox"
)

// needs collects.
type needs struct {
	site Site
	list []Need
}

func (b *needs) add(why string, optional bool, group, resource, namespace, name string, verbs ...string) {
	for _, verb := range verbs {
		right := regions.Right{Verb: verb, Group: group, Resource: resource, Namespace: namespace, Name: name}
		b.list = append(b.list, Need{Right: right, Why: why, Optional: optional})
	}
}

// here adds what is needed in the deployment's namespace.
func (b *needs) here(why, group, resource, name string, verbs ...string) {
	b.add(why, false, group, resource, b.site.Namespace, name, verbs...)
}

// identify: which cluster is this, and what is it like.
func (b *needs) identify() {
	b.add("the cluster's identity, so that a wrong context is noticed", false, core, "namespaces", "", systemNamespace, "get")
	b.add("whether the cluster is a sandbox", true, core, "configmaps", "", sandboxMark, "get")
	b.add("the zones of the nodes; without it the declared zones are believed", true, core, "nodes", "", "", "list")
	b.here("whether the namespace exists", core, "namespaces", b.site.Namespace, "get")
}

// state: what the deployment is here (regions/kube/observe.go).
func (b *needs) state() {
	record := regions.RecordName(b.site.Deployment)
	b.add("records of other deployments, and of this one elsewhere (RBAC cannot narrow a list to a label); needed for the first installation alone",
		b.site.Recorded, core, "configmaps", "", "", "list")
	b.here("the state of the replicas", apps, "statefulsets", "", "list")
	b.here("the state of the replicas", apps, "controllerrevisions", "", "list")
	b.here("the state of the replicas", core, "pods", "", "list")
	b.here("the state of the replicas", core, "persistentvolumeclaims", "", "list")
	b.here("the deployment's record", core, "configmaps", record, "get")
	b.here("who holds the lock", coordination, "leases", record, "get")
	if b.site.Inside {
		authority := regions.AuthorityName(b.site.Deployment)
		b.here("the authority inside the cluster", core, "serviceaccounts", authority, "get")
		b.here("the authority inside the cluster", apps, "deployments", authority, "get")
		b.add("which of the authority's credentials are due", true, core, "secrets", b.site.Namespace, regions.CredentialsName(b.site.Deployment), "get")
	}
}

// slices: the addresses behind the names, for whoever serves them.
func (b *needs) slices() {
	b.here("the addresses behind the names", discovery, "endpointslices", "", "list", "watch")
}

// clusterDNS: the configuration of the cluster's own DNS (regions/kube/configmap.go).
func (b *needs) clusterDNS() {
	why := "the cluster's own DNS, in which the entry is written"
	for _, name := range []string{"coredns", "coredns-custom", "kube-dns"} {
		b.add(why, false, core, "configmaps", systemNamespace, name, "get", "update")
	}
	b.add("coredns-custom or kube-dns, where there is none yet (a create cannot be narrowed to a name)", true, core, "configmaps", systemNamespace, "", "create")
	b.add("the address of the cluster's own DNS, so that an entry does not lead back to it", false, core, "services", systemNamespace, "kube-dns", "get")
}

// election: which of several writers of the zones leads.
func (b *needs) election() {
	const why = "which writer of the zones leads, in the home cluster alone"
	b.here(why+" (a create cannot be narrowed to a name)", coordination, "leases", "", "create")
	b.here(why, coordination, "leases", regions.WriterName(b.site.Deployment), "get", "update")
}

// look: asking for names from inside replicas, and the authorities inside the clusters.
func (b *needs) look() {
	b.here("asking from inside a replica (get: over WebSocket; create: over SPDY, and both since Kubernetes 1.35)", core, "pods/exec", "", "get", "create")
	if b.site.Inside {
		b.here("asking the authority inside the cluster", core, "pods/portforward", "", "get", "create")
	}
}

// ground: what the cluster offers (regions/kube/ground.go).
func (b *needs) ground() {
	b.add("the StorageClasses", true, "storage.k8s.io", "storageclasses", "", "", "list")
	b.add("what other pods leave free", true, core, "pods", "", "", "list")
	b.add("the quotas", true, core, "resourcequotas", b.site.Namespace, "", "list")
	b.add("the limits", true, core, "limitranges", b.site.Namespace, "", "list")
}

// probe: a short-lived pod that looks at the network, and commands in it or in a replica (regions/kube/probe.go).
func (b *needs) probe() {
	b.here("the probe, and its end", "batch", "jobs", "", "create", "delete")
	b.here("looking from inside a pod (get: over WebSocket; create: over SPDY, and both since Kubernetes 1.35)", core, "pods/exec", "", "get", "create")
}

func (b *needs) read() {
	b.state()
	if b.site.Serves {
		b.slices()
	}
	b.objects(func(place) []string { return []string{"get"} })
}

// write: the overlay's objects, by server-side apply. A PATCH that makes an object is authorized a
// second time, as a create by the object's name.
func (b *needs) write(removes bool) {
	if b.site.AsksZoneCopy {
		b.add("a dry run of a pod, by which the server shows whether it copies zones to pods; without it that is believed",
			true, core, "pods", b.site.Namespace, "", "create")
	}
	b.objects(func(p place) []string {
		switch {
		case p.kind == "Namespace" && !b.site.CreatesNamespace:
			return []string{"patch"}
		case removes && !kept(p.kind):
			return []string{"create", "patch", "delete"}
		}
		return []string{"create", "patch"}
	})
	for _, o := range b.site.Objects {
		b.granted(o, removes)
	}
	if !removes {
		return
	}
	for _, ref := range b.site.Owned {
		if p := placeOf(ref); !kept(p.kind) {
			b.add("an object that fell out of the overlay", false, p.group, p.resource, p.namespace, ref.Name, "get", "delete")
		}
	}
}

// run: what a run does beside applying objects.
func (b *needs) run() {
	record := regions.RecordName(b.site.Deployment)
	for _, r := range [][2]string{{apps, "statefulsets"}, {apps, "controllerrevisions"}, {core, "pods"}, {core, "persistentvolumeclaims"}} {
		b.here("the state of the replicas, while a run waits for it", r[0], r[1], "", "watch")
	}
	b.here("the lock (a create cannot be narrowed to a name)", coordination, "leases", "", "create")
	b.here("the lock", coordination, "leases", record, "update")
	b.here("the deployment's record (a create cannot be narrowed to a name)", core, "configmaps", "", "create")
	b.here("the deployment's record", core, "configmaps", record, "update")
	b.here("replacing a replica that is stuck at an old revision", core, "pods", "", "delete")
	if b.site.Execs {
		b.here("the profile's commands, such as the initialisation (get: over WebSocket; create: over SPDY, and both since Kubernetes 1.35)",
			core, "pods/exec", "", "get", "create")
	}
	if b.site.Inside {
		b.here("asking the authority inside the cluster", core, "pods/portforward", "", "get", "create")
		b.here("the credentials of the authorities", core, "serviceaccounts/token", regions.AuthorityName(b.site.Deployment), "create")
		b.here("the credentials of the authorities", core, "secrets", regions.CredentialsName(b.site.Deployment), "get", "create", "patch")
	}
}

// objects adds verbs for each object of the overlay.
func (b *needs) objects(verbs func(place) []string) {
	for _, o := range b.site.Objects {
		p := placeOf(refOf(o))
		b.add("the overlay's objects", false, p.group, p.resource, p.namespace, p.name, verbs(p)...)
	}
}

// granted: who makes a Role must hold what it grants (kubernetes.io, "Privilege escalation prevention"). A dry run of the
// authority's Roles would take tokens and a Secret that no planner should have: that one is done without.
func (b *needs) granted(object map[string]any, makes bool) {
	ref := refOf(object)
	if !strings.HasPrefix(ref.APIVersion, rbac+"/") || ref.Kind != "Role" && ref.Kind != "ClusterRole" {
		return
	}
	why := "held, so that " + ref.Kind + " " + ref.Name + " of the overlay may grant it"
	rules, _ := object["rules"].([]any)
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		for _, group := range texts(rule["apiGroups"]) {
			for _, resource := range texts(rule["resources"]) {
				if !makes && group == core && (resource == "secrets" || resource == "serviceaccounts/token") {
					continue
				}
				for _, name := range namesOrAny(texts(rule["resourceNames"])) {
					b.add(why, false, group, resource, ref.Namespace, name, texts(rule["verbs"])...)
				}
			}
		}
	}
}

func namesOrAny(names []string) []string {
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

func texts(list any) []string {
	var out []string
	entries, _ := list.([]any)
	for _, e := range entries {
		if text, ok := e.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// place is where an object lies in the API.
type place struct{ kind, group, resource, namespace, name string }

// placeOf guesses a kind's resource as Kubernetes names its own (there may be no cluster to ask).
func placeOf(ref regions.ObjectRef) place {
	kind := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	p := place{kind: ref.Kind, group: kind.Group, resource: resource.Resource, namespace: ref.Namespace, name: ref.Name}
	if ref.Kind == "Namespace" && kind.Group == core {
		p.namespace = ref.Name
	}
	return p
}

func refOf(object map[string]any) regions.ObjectRef {
	text := func(m map[string]any, key string) string { s, _ := m[key].(string); return s }
	metadata, _ := object["metadata"].(map[string]any)
	return regions.ObjectRef{
		APIVersion: text(object, "apiVersion"), Kind: text(object, "kind"),
		Namespace: text(metadata, "namespace"), Name: text(metadata, "name"),
	}
}

// kept are the kinds that a run never deletes.
func kept(kind string) bool {
	return slices.Contains([]string{"StatefulSet", "Namespace", "PersistentVolumeClaim", "PersistentVolume"}, kind)
}

// sorted gives each right once. One that is needed is not optional; the first reason counts.
func (b *needs) sorted() []Need {
	slices.SortStableFunc(b.list, func(x, y Need) int { return x.Compare(y.Right) })
	var out []Need
	for _, n := range b.list {
		if last := len(out) - 1; last >= 0 && out[last].Right == n.Right {
			out[last].Optional = out[last].Optional && n.Optional
			continue
		}
		out = append(out, n)
	}
	return out
}
