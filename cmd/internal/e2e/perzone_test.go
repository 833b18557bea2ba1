package e2e

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/cmd/internal/e2e/podwatch"
)

// Where API servers copy no zones to pods (before Kubernetes 1.35, or with the gate off) podLabel is
// refused and says what to do; with a StatefulSet for each zone the database is installed, updated one
// replica at a time round the zones, and grown by one. To go back to podLabel then is refused.
func TestPerZone(t *testing.T) {
	t.Parallel()
	b := newBank(t, formerSandbox(t), "zoned")
	locality := func(way string) func(*settings) { return func(s *settings) { s.Locality = way } }
	b.write(func(s *settings) {
		s.Soak, s.CanarySoak, s.Replicas = "100ms", "200ms", map[string]int{"usw1": 1, "use1": 3, "euw1": 2}
		s.Locality = "podLabel"
	})
	if r := b.expect(12, "plan"); !strings.Contains(r.stdout, "PodTopologyLabelsAdmission") || !strings.Contains(r.stdout, "statefulSetPerZone") {
		t.Fatalf("the refusal does not say why and what to do:\n%s%s", r.stdout, r.stderr)
	}
	b.expect(12, "apply", "--auto-approve")

	b.write(locality("statefulSetPerZone"))
	b.apply()
	b.expectZoned("v25.4.0", "euw1/europe-west1-a europe-west1-b", "use1/us-east1-a us-east1-b us-east1-c", "usw1/us-west1-a")
	b.expectEmpty()

	recorded := podwatch.Record(t, b.sandbox.clients, "zoned")
	before := len(b.journals())
	b.write(func(s *settings) { s.Image = "v25.4.1" })
	b.apply()
	recorded.Close()
	want := []string{
		"usw1/zoned-us-west1-a-0", "use1/zoned-us-east1-c-0", "use1/zoned-us-east1-b-0", "use1/zoned-us-east1-a-0",
		"euw1/zoned-europe-west1-b-0", "euw1/zoned-europe-west1-a-0",
	}
	if order := recorded.Judge(t, b.journals()[before:]); !slices.Equal(order, want) {
		t.Errorf("replicas were updated in the order %v, want %v", order, want)
	}

	b.write(func(s *settings) { s.Replicas["use1"] = 4 })
	if plan := b.plan(); len(plan.Objects) > 0 || len(plan.DNS.Changes) != 1 || plan.DNS.Changes[0].Name != "zoned-us-east1-a-1.use1.zoned.db.example.com." {
		t.Errorf("one replica more changes %v and the names %v", plan.Objects, plan.DNS.Changes)
	}
	b.apply()
	b.expectZoned("v25.4.1", "euw1/europe-west1-a europe-west1-b", "use1/us-east1-a us-east1-a us-east1-b us-east1-c", "usw1/us-west1-a")
	b.expectEmpty()

	b.write(locality("none"))
	if r := b.expect(12, "plan"); !strings.Contains(r.stdout, "put locality.zone back to statefulSetPerZone") {
		t.Errorf("going back is not refused with why:\n%s%s", r.stdout, r.stderr)
	}
}

// expectZoned: the replicas of every cluster are settled at an image, in these zones, each pinned there
// by its own StatefulSet; one headless Service names and one budget guards them all.
func (b *bank) expectZoned(image string, clusters ...string) {
	b.t.Helper()
	var got []string
	for _, c := range b.status(0).Clusters {
		var zones []string
		for _, p := range c.Pools {
			if p.Hold != "held" {
				b.t.Errorf("%s: a pool is %s", c.Name, p.Hold)
			}
			for _, m := range p.Members {
				if !m.Ready || m.State != "right" || !strings.HasSuffix(m.Image, ":"+image) || !strings.Contains(m.ID, m.Zone) {
					b.t.Errorf("%s is not settled at %s in its zone: %+v", m.ID, image, m)
				}
				zones = append(zones, m.Zone)
			}
		}
		slices.Sort(zones)
		got = append(got, c.Name+"/"+strings.Join(zones, " "))
		budget, err := b.sandbox.clients[c.Name].PolicyV1().PodDisruptionBudgets(b.settings.Name).Get(b.t.Context(), b.settings.Name, metav1.GetOptions{})
		if err != nil || int(budget.Status.ExpectedPods) != len(zones) {
			b.t.Errorf("%s: the budget covers %d of %d pods, %v", c.Name, budget.Status.ExpectedPods, len(zones), err)
		}
	}
	if slices.Sort(got); !slices.Equal(got, clusters) {
		b.t.Errorf("zones of replicas: %q, want %q", got, clusters)
	}
}
