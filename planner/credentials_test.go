package planner_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// authority is what a cluster of the world holds of the authority inside it.
type authority struct {
	account string            // UID of its ServiceAccount
	exists  bool              // its Deployment
	unready int               // of its two replicas
	held    map[string]string // cluster → UID of the ServiceAccount that the token is of
	due     map[string]string // cluster → why
}

// apply makes what an object of the authority stands for.
func (a *authority) apply(cluster string, ref regions.ObjectRef) {
	switch {
	case ref.Kind == "ServiceAccount" && a.account == "":
		a.account = "account-" + cluster
	case ref.Kind == "Deployment":
		a.exists, a.unready = true, 0
	}
}

func (w *world) authorityState(c regions.Cluster) *regions.AuthorityState {
	if w.topology.AuthorityInCluster() == nil {
		return nil
	}
	a := w.clusters[c.Name].authority
	state := &regions.AuthorityState{Account: a.account, Exists: a.exists, Seen: true, Wanted: 2, Updated: 2, Total: 2, Ready: 2 - a.unready}
	for _, other := range w.topology.OrderedClusters() {
		if a.held[other.Name] == "" && other.Name != c.Name {
			state.Credentials = append(state.Credentials, regions.Credential{Cluster: other.Name, Due: regions.DueNever})
		}
	}
	for peer, account := range a.held {
		_, known := w.topology.ClusterByName(peer)
		state.Credentials = append(state.Credentials, regions.Credential{
			Cluster: peer, Account: account, Expires: time.Unix(1e9, 0), Due: a.due[peer], Extra: !known,
		})
	}
	slices.SortFunc(state.Credentials, func(a, b regions.Credential) int { return strings.Compare(a.Cluster, b.Cluster) })
	return state
}

func (w *world) authorityObjects(c regions.Cluster) []map[string]any {
	inside := w.topology.AuthorityInCluster()
	if inside == nil {
		return nil
	}
	account := object("v1", "ServiceAccount", c.Namespace, regions.AuthorityName("bank"), nil)
	deployment := object("apps/v1", "Deployment", c.Namespace, regions.AuthorityName("bank"), map[string]any{"image": inside.Image})
	for _, o := range []map[string]any{account, deployment} {
		o["metadata"].(map[string]any)["labels"] = map[string]any{"app.kubernetes.io/component": regions.AuthorityComponent}
	}
	return []map[string]any{account, deployment}
}

// giveCredentials plays a credentials step.
func (e engine) giveCredentials(s planner.Step) {
	e.Helper()
	a := &e.clusters[s.Cluster].authority
	held := map[string]string{}
	for peer, account := range a.held {
		if _, known := e.topology.ClusterByName(peer); known {
			held[peer] = account
		}
	}
	for _, peer := range s.Payload.Peers {
		if e.clusters[peer].authority.account == "" {
			e.Fatalf("step %s asks %s for a token of a ServiceAccount that is not there", s.ID, peer)
		}
		held[peer] = e.clusters[peer].authority.account
	}
	a.held, a.due = held, nil
}

// inside puts an authority into every cluster.
func inside(t *regions.Topology) *regions.Topology {
	t.Spec.DNS.Publish = []regions.Publisher{{Serve: &regions.ServePublisher{
		InCluster: &regions.InClusterServe{Image: "quorate:v1", Forwarder: "coredns:v1"},
	}}}
	return t
}

// addAuthority adds deployments with an authority inside their clusters.
func addAuthority(t *testing.T, all map[string]func() *world) {
	t.Helper()
	usual := func() *regions.Topology { return inside(deployment(t, "cockroachdb", three, promised)) }
	standing := func(edit func(*world)) func() *world {
		return func() *world { return installed(t, usual()).change(edit) }
	}
	all["authority-install"] = func() *world { return newWorld(t, usual(), "A") }
	all["authority-install-after-objects"] = func() *world { return crashed(t, usual(), "euw1/apply") }
	all["authority-unchanged"] = standing(func(*world) {})
	all["authority-added"] = func() *world {
		return installed(t, deployment(t, "cockroachdb", three, promised)).change(func(w *world) { w.topology = usual() }).change(to("B"))
	}
	all["authority-updated"] = standing(func(w *world) { w.topology.AuthorityInCluster().Image = "quorate:v2" })
	all["authority-down"] = standing(func(w *world) { w.clusters["usw1"].authority.unready = 2 })
	all["authority-degraded"] = standing(func(w *world) { w.clusters["usw1"].authority.unready = 1 })
	all["authority-account-anew"] = standing(func(w *world) { w.clusters["euw1"].authority.account = "another" })
	all["authority-tokens-due"] = standing(func(w *world) {
		w.clusters["use1"].authority.due = map[string]string{"usw1": "expires 2026-04-01T00:00:00Z", "euw1": "expired 2026-03-01T00:00:00Z"}
	})
	all["authority-outsider"] = standing(func(w *world) { w.clusters["use1"].authority.held["gone1"] = "account-gone1" })
	all["authority-region-added"] = standing(func(w *world) {
		grown(t, three+"; asia: as1*3")(w)
		inside(w.topology)
	})
}

// TestAuthorityGoesFirst: nothing that needs names runs before the authorities stand.
func TestAuthorityGoesFirst(t *testing.T) {
	for name, make := range scenarios(t) {
		if !strings.HasPrefix(name, "authority-") {
			continue
		}
		p := make().build()
		reach := closure(p)
		for _, s := range p.Steps {
			for _, before := range p.Steps {
				early := before.Kind == planner.KindCredentials || before.Payload.Condition == planner.ConditionStanding
				early = early && !(startsAuthority(s) && before.Payload.Condition == planner.ConditionStanding)
				late := startsAuthority(s) || s.Kind == planner.KindScale || s.Kind == planner.KindWait || s.Kind == planner.KindInit || s.Disruptive() ||
					s.Kind == planner.KindVerifyDNS && s.Payload.Condition == ""
				if early && late && !reach[s.ID][before.ID] {
					t.Errorf("%s: step %s may run before %s", name, s.ID, before.ID)
				}
			}
			if s.Kind == planner.KindCredentials && s.Disruptive() {
				t.Errorf("%s: step %s is disruptive", name, s.ID)
			}
		}
	}
}

// closure are the steps that come before each step.
func closure(p *planner.Plan) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, s := range p.Steps {
		out[s.ID] = map[string]bool{}
		for _, need := range s.Needs {
			out[s.ID][need] = true
			for before := range out[need] {
				out[s.ID][before] = true
			}
		}
	}
	return out
}

// TestAuthorityOfASilentCluster: what concerns it is left out and said; the rest is planned.
func TestAuthorityOfASilentCluster(t *testing.T) {
	w := newWorld(t, inside(deployment(t, "cockroachdb", three, promised)), "A")
	w.clusters["euw1"].unreachable = "dial tcp: i/o timeout"
	p := w.build()
	var got []string
	for _, s := range p.Steps {
		if s.Kind == planner.KindCredentials {
			got = append(got, fmt.Sprint(s.Cluster, s.Payload.Peers))
		}
	}
	if want := []string{"use1[usw1]", "usw1[use1]"}; !slices.Equal(got, want) {
		t.Errorf("credentials %v, want %v", got, want)
	}
	if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "who may watch it") }) {
		t.Errorf("no note: %v", p.Notes)
	}
}

// TestCredentialsNotLooked: what may not be looked at is said and not taken for missing.
func TestCredentialsNotLooked(t *testing.T) {
	w := installed(t, inside(deployment(t, "cockroachdb", three, promised)))
	k := w.clusters["use1"]
	k.authority.held, k.state.NotLooked = nil, []string{regions.NotLookedCredentials}
	p := w.build()
	if len(p.Steps) > 0 || !slices.Contains(p.Notes, "use1: could not look at the credentials of the authority") {
		t.Errorf("steps and notes:\n%s", text(p))
	}
}

// TestAuthorityInsideStands: with one inside the clusters, there is one outside a sandbox too.
func TestAuthorityInsideStands(t *testing.T) {
	w := newWorld(t, inside(deployment(t, "cockroachdb", three, promised)), "A")
	for _, k := range w.clusters {
		k.state.Sandbox = false
	}
	if got := refused(w.build()); len(got) > 0 {
		t.Errorf("refused with %v", got)
	}
}

// TestCredentialsDue: each cluster is given exactly what it lacks, whatever it holds.
func TestCredentialsDue(t *testing.T) {
	topology := inside(deployment(t, "cockroachdb", three+"; asia: as1*3", promised))
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(r, topology, "A")
		var states []regions.ClusterState
		want := map[string][]string{}
		answers := map[string]bool{}
		for _, c := range topology.OrderedClusters() {
			answers[c.Name] = rapid.Bool().Draw(r, "answers")
			w.clusters[c.Name].authority.account = rapid.SampledFrom([]string{"", "one", "two"}).Draw(r, "account")
		}
		for _, c := range topology.OrderedClusters() {
			a := &w.clusters[c.Name].authority
			a.held, a.due = map[string]string{}, map[string]string{}
			for _, other := range topology.OrderedClusters() {
				if other.Name == c.Name {
					continue
				}
				a.held[other.Name] = rapid.SampledFrom([]string{"", "one", "two"}).Draw(r, "held")
				a.due[other.Name] = rapid.SampledFrom([]string{"", "", "expired"}).Draw(r, "due")
				lacks := a.held[other.Name] == "" || a.due[other.Name] != "" || a.held[other.Name] != w.clusters[other.Name].authority.account
				if lacks && answers[c.Name] && answers[other.Name] {
					want[c.Name] = append(want[c.Name], other.Name)
				}
				if a.held[other.Name] == "" {
					delete(a.held, other.Name)
				}
			}
			if answers[c.Name] {
				states = append(states, regions.ClusterState{Cluster: c.Name, Authority: w.authorityState(c)})
			}
		}
		got := map[string][]string{}
		for _, d := range planner.CredentialsDue(topology, states) {
			got[d.Cluster] = d.Peers
			if d.Why == "" || len(d.Extra) > 0 {
				r.Fatalf("due %+v", d)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			r.Fatalf("due %v, want %v", got, want)
		}
	})
}
