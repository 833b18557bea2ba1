package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// simAuthority is the authority inside one simulated cluster.
type simAuthority struct {
	account string // UID of its ServiceAccount
	stands  bool   // its Deployment has come up
	held    map[string]simToken
	silent  int // how many questions more it leaves unanswered
}

type simToken struct {
	account string
	issued  time.Time
}

// simLifetime is that of a simulated token.
const simLifetime = 90 * 24 * time.Hour

// inside puts an authority into every cluster.
func inside(t *regions.Topology) {
	t.Spec.DNS.Publish = []regions.Publisher{{Serve: &regions.ServePublisher{
		InCluster: &regions.InClusterServe{Image: "quorate:v1", Forwarder: "coredns:v1"},
	}}}
}

func authorityObjects(topology *regions.Topology) []map[string]any {
	in := topology.AuthorityInCluster()
	if in == nil {
		return nil
	}
	name := regions.AuthorityName("bank")
	object := func(api, kind string) map[string]any {
		return map[string]any{"apiVersion": api, "kind": kind, "metadata": map[string]any{
			"name": name, "namespace": "bank", "labels": map[string]any{"app.kubernetes.io/component": regions.AuthorityComponent},
		}, "spec": map[string]any{"image": in.Image}}
	}
	return []map[string]any{object("v1", "ServiceAccount"), object("apps/v1", "Deployment")}
}

// installAuthority is what its objects bring about.
func (c *cluster) installAuthority(ref regions.ObjectRef) {
	switch {
	case ref.Kind == "ServiceAccount" && c.authority.account == "":
		c.authority.account = "account-" + c.name
	case ref.Kind == "Deployment" && !c.authority.stands:
		c.after(c.some(c.opts.startTime), func() { c.authority.stands = true })
	}
}

// authorityState is nil where the topology has none inside.
func (c *cluster) authorityState() *regions.AuthorityState {
	if c.topology.AuthorityInCluster() == nil {
		return nil
	}
	a := c.authority
	state := &regions.AuthorityState{Account: a.account, Exists: a.account != "", Seen: true, Wanted: 2, Updated: 2, Total: 2}
	if a.stands {
		state.Ready = 2
	}
	for _, peer := range c.names() {
		if peer == c.name {
			continue
		}
		token, held := a.held[peer]
		k := regions.Credential{Cluster: peer, Account: token.account, Expires: token.issued.Add(simLifetime)}
		switch {
		case !held:
			k = regions.Credential{Cluster: peer, Due: regions.DueNever}
		case time.Since(token.issued) > simLifetime/2:
			k.Due = "expires " + k.Expires.Format(time.RFC3339)
		}
		state.Credentials = append(state.Credentials, k)
	}
	return state
}

type credentialsPort struct{ *run }

// Issue asks each peer, and writes what it got.
func (p credentialsPort) Issue(ctx context.Context, cluster string, peers []string) error {
	got := map[string]simToken{}
	var failed error
	for _, peer := range peers {
		failed = errors.Join(failed, p.write(ctx, p.clusters[peer], "token", func() error {
			p.permitted(cluster, "token")
			if p.clusters[peer].authority.account == "" {
				p.violation("%s is asked for a token of a ServiceAccount that does not exist", peer)
			}
			got[peer] = simToken{p.clusters[peer].authority.account, time.Now()}
			return nil
		}))
	}
	c := p.clusters[cluster]
	return errors.Join(failed, p.write(ctx, c, "credentials", func() error {
		p.permitted(cluster, "credentials")
		held := maps.Clone(c.authority.held)
		if held == nil {
			held = map[string]simToken{}
		}
		maps.Copy(held, got)
		c.authority.held = held
		c.touch()
		return nil
	}))
}

// Answers asks the authority inside a cluster: it must know every cluster.
func (r *run) Answers(ctx context.Context, cluster string) error {
	if err := pause(ctx, time.Millisecond); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clusters[cluster]
	switch {
	case r.dead:
		return errCrash
	case c.dark:
		return c.unreachable()
	case !c.authority.stands:
		return errors.New("no replica is ready")
	case c.authority.silent > 0:
		c.authority.silent--
		return errors.New("i/o timeout")
	}
	for _, peer := range r.names() {
		if peer != cluster && c.authority.held[peer].account != r.clusters[peer].authority.account {
			return fmt.Errorf("it has not read %s", peer)
		}
	}
	return nil
}

// named: before the first replica of an installation starts, every authority
// inside the clusters stands and can watch the others.
func (r *run) named(op string) {
	if r.topology.AuthorityInCluster() == nil || r.database.initialised {
		return
	}
	for _, name := range r.names() {
		if c := r.clusters[name]; !c.authority.stands || len(c.authority.held) != len(r.clusters)-1 {
			r.violation("%s while the authority of %s does not stand, or holds %d tokens", op, name, len(c.authority.held))
		}
	}
}

func wantInside(image string) wanted {
	w := want(image)
	w.replicas = map[string]int{"east": 2, "west": 2, "north": 1}
	w.edit = inside
	return w
}

func ranKinds(r *run, kind planner.Kind) (done, skipped int) {
	for _, e := range r.entries {
		switch {
		case e.Kind != string(kind):
		case e.Event == journal.StepDone:
			done++
		case e.Event == journal.StepSkipped:
			skipped++
		}
	}
	return done, skipped
}

// TestAuthorityInstalled: with the authority inside, and slow to answer, the installation
// gives everybody credentials and waits.
func TestAuthorityInstalled(t *testing.T) {
	simulate(t, defaults(), func(f *fleet) {
		f.clusters["east"].authority.silent = 5
		w := wantInside(imageOne)
		c := f.prepare(w, "install")
		if err := c.execute(); err != nil {
			t.Fatalf("%v\n%s", account(err), f.tail())
		}
		f.settled(w)
		if done, skipped := ranKinds(c.run, planner.KindCredentials); done != 3 || skipped != 0 {
			t.Errorf("%d credentials steps done, %d skipped", done, skipped)
		}
		waited := slices.ContainsFunc(c.events, func(e rollout.Event) bool {
			return e.Type == rollout.EventStepWait && strings.Contains(e.Message, "the authority of east to answer for the zone (i/o timeout)")
		})
		if !waited {
			t.Error("nothing said what it waited for")
		}
	})
}

// TestCredentialsRenewed: after more than half of a lifetime an apply renews the tokens, takes nothing
// down, and there is nothing to do after it; nor is there before.
func TestCredentialsRenewed(t *testing.T) {
	simulate(t, defaults(), func(f *fleet) {
		w := wantInside(imageOne)
		f.mustApply(w, "install")
		time.Sleep(simLifetime/2 - 24*time.Hour)
		if plan := f.prepare(w, "early").plan; !plan.Empty() {
			t.Errorf("early plan: %v", plan.Steps)
		}
		time.Sleep(2 * 24 * time.Hour)
		c := f.prepare(w, "renew")
		if len(c.plan.Steps) != 3 || c.plan.Summary.Disruptive != 0 {
			t.Errorf("plan: %v", c.plan.Steps)
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(w)
	})
}

// TestCredentialsRenewedMeanwhile: what somebody issued between plan and step is left alone.
func TestCredentialsRenewedMeanwhile(t *testing.T) {
	simulate(t, defaults(), func(f *fleet) {
		w := wantInside(imageOne)
		f.mustApply(w, "install")
		time.Sleep(simLifetime/2 + 24*time.Hour)
		c := f.prepare(w, "late")
		f.do(func() {
			for _, name := range f.names() {
				for peer, token := range f.clusters[name].authority.held {
					f.clusters[name].authority.held[peer] = simToken{token.account, time.Now()}
				}
			}
		})
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		if done, skipped := ranKinds(c.run, planner.KindCredentials); done != 0 || skipped != 3 {
			t.Errorf("%d credentials steps done, %d skipped", done, skipped)
		}
	})
}

// TestCredentialsLost: a token that could not be had ends the run with words, keeps the others,
// and the next run issues the rest.
func TestCredentialsLost(t *testing.T) {
	for _, lost := range []fault{lostBefore, lostAfter} {
		simulate(t, defaults(), func(f *fleet) {
			w := wantInside(imageOne)
			c := f.prepare(w, "unlucky")
			once := false
			c.fault = func(op string, _ int) fault {
				if op != "token" || once {
					return fine
				}
				once = true
				return lost
			}
			if err := c.execute(); err == nil || !strings.Contains(err.Error(), "apply again issues the rest") {
				t.Errorf("error %v", err)
			}
			f.mustApply(w, "again")
			f.settled(w)
		})
	}
}
