package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// mapped are two regions, one of two clusters.
func mapped() *regions.Topology {
	return &regions.Topology{
		Metadata: regions.Metadata{Name: "join"}, // its pods are named as seeds are
		Spec: regions.Spec{
			DNS: regions.DNS{Zone: "db.example.com"},
			Regions: []regions.Region{
				{Name: "east", Clusters: []regions.Cluster{{Name: "e1", Replicas: 2}, {Name: "e2", Replicas: 1}}},
				{Name: "west", Clusters: []regions.Cluster{{Name: "w1", Replicas: 1}}},
			},
		},
	}
}

func podAt(cluster string, ordinal int, ips ...string) dns.Endpoint {
	return dns.Endpoint{Replica: regions.ReplicaID{Cluster: cluster, Pool: "join", Ordinal: ordinal}, PodUID: cluster + fmt.Sprint(ordinal), IPs: ips}
}

func wantedOf(unread []string, pods ...dns.Endpoint) dns.Wanted {
	t := mapped()
	slots := []regions.ReplicaID{{Cluster: "e1", Pool: "join"}, {Cluster: "w1", Pool: "join"}}
	return dns.WantedOf(t, slots, pods, unread, dns.Port{Name: "sql", Number: 26257})
}

func (q asking) text() string {
	return fmt.Sprintf("%s %s [%s] %s", q.kind, q.name, q.column, strings.Join(q.want, " "))
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	all := []dns.Endpoint{podAt("e1", 0, "10.1.0.1", "fd00::1"), podAt("e1", 1, "10.1.0.2"), podAt("e2", 0, "10.2.0.1"), podAt("w1", 0, "10.3.0.1")}
	tests := []struct {
		name      string
		unread    []string
		pods      []dns.Endpoint
		reverse   []string
		has, lack []string // questions
		away      []string
	}{
		{
			name: "everything", pods: all, reverse: []string{"1.10.in-addr.arpa"},
			has: []string{
				"address join-0.e1.db.example.com. [e1] 10.1.0.1 fd00::1",
				"address e1.db.example.com. [e1] 10.1.0.1 10.1.0.2 fd00::1",
				"address east.db.example.com. [regions] 10.1.0.1 10.1.0.2 10.2.0.1 fd00::1",
				"address join-0.db.example.com. [seeds] 10.1.0.1 fd00::1",
				"SRV _sql._tcp.west.db.example.com. [SRV] 0 100 26257 join-0.w1.db.example.com.",
				"PTR 1.0.1.10.in-addr.arpa. [PTR] join-0.e1.db.example.com.",
			},
			lack: []string{"PTR 1.0.3.10"},
		},
		{
			name: "a cluster was not read", unread: []string{"e2"}, pods: slices.Concat(all[:2], all[3:]),
			has:  []string{"address e1.db.example.com.", "SRV _sql._tcp.west.db.example.com.", "address west.db.example.com."},
			lack: []string{"e2.db.example.com", "address east.", "SRV _sql._tcp.east.", "SRV _sql._tcp.db.example.com."},
		},
		{
			name: "a pod is away", pods: slices.Concat(all[:1], all[2:]),
			has:  []string{"address e1.db.example.com. [e1] 10.1.0.1 fd00::1"},
			lack: []string{"join-1.e1"}, away: []string{"join-1.e1.db.example.com."},
		},
		{name: "nothing is there", away: []string{
			"e1.db.example.com.", "e2.db.example.com.", "east.db.example.com.", "join-0.db.example.com.", "join-0.e1.db.example.com.", "join-0.e2.db.example.com.",
			"join-0.w1.db.example.com.", "join-1.db.example.com.", "join-1.e1.db.example.com.", "w1.db.example.com.", "west.db.example.com.",
		}},
		{name: "a pod that is not declared has a name until it is gone", pods: append(slices.Clone(all), podAt("w1", 7, "10.3.0.8")), has: []string{"address join-7.w1.db.example.com. [w1] 10.3.0.8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ask, away := questions(mapped(), wantedOf(tt.unread, tt.pods...), tt.reverse)
			var texts []string
			for _, q := range ask {
				texts = append(texts, q.text())
			}
			found := func(part string) bool {
				return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, part) })
			}
			for _, part := range tt.has {
				if !found(part) {
					t.Errorf("nobody asks for %q of\n%s", part, strings.Join(texts, "\n"))
				}
			}
			for _, part := range tt.lack {
				if found(part) {
					t.Errorf("%q is asked for:\n%s", part, strings.Join(texts, "\n"))
				}
			}
			if !slices.Equal(away, tt.away) {
				t.Errorf("away: %v, want %v", away, tt.away)
			}
		})
	}
}

// answers is a vantage that has all that is wanted, but for what the function says.
func answers(kind, label string, parallel int, but func(q asking) ([]string, error, bool)) vantage {
	return vantage{kind: kind, label: label, parallel: parallel, ask: func(_ context.Context, q asking) ([]string, error) {
		if got, err, other := but(q); other {
			return got, err
		}
		return q.want, nil
	}}
}

func asked(t *testing.T, patience time.Duration, vantages ...vantage) view.MatrixDocument {
	t.Helper()
	wanted := wantedOf(nil, podAt("e1", 0, "10.1.0.1"), podAt("e1", 1, "10.1.0.2"), podAt("e2", 0, "10.2.0.1"), podAt("w1", 0, "10.3.0.1"))
	m := newMatrix(mapped(), wanted, []string{"10.in-addr.arpa"}, vantages)
	if err := m.ask(t.Context(), time.Now, patience); err != nil {
		t.Fatal(err)
	}
	return m.document()
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	right := func(asking) ([]string, error, bool) { return nil, nil, false }
	lost := func(asking) ([]string, error, bool) {
		return nil, cannotAsk(errors.Join(errors.New("refused"), errors.New("again"))), true
	}
	t.Run("all right", func(t *testing.T) {
		doc := asked(t, 0, answers(fromAuthority, "a", 4, right))
		if doc.Wrong() || len(doc.Holes) != 0 || !slices.Equal(doc.Columns, []string{"e1", "e2", "w1", "regions", "seeds", "SRV", "PTR"}) {
			t.Errorf("%+v", doc)
		}
		want := map[string]view.MatrixCell{"e1": {Right: 3, Asked: 3}, "e2": {Right: 2, Asked: 2}, "w1": {Right: 2, Asked: 2}, "regions": {Right: 2, Asked: 2}, "seeds": {Right: 2, Asked: 2}, "SRV": {Right: 3, Asked: 3}, "PTR": {Right: 4, Asked: 4}}
		if got := doc.Rows[0].Cells; !maps.Equal(got, want) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("one that cannot be asked is one line, of one line", func(t *testing.T) {
		doc := asked(t, 0, answers(fromAuthority, "a", 4, right), answers(fromAuthority, "b", 4, lost))
		if !doc.Wrong() || len(doc.Holes) != 0 || doc.Rows[0].Problem != "" || doc.Rows[1].Problem != "cannot be asked: refused again" {
			t.Errorf("%+v", doc)
		}
	})
	t.Run("a lost answer among others is a hole", func(t *testing.T) {
		doc := asked(t, 0, answers(fromResolver, "a", 4, func(q asking) ([]string, error, bool) {
			return nil, cannotAsk(errors.New("timeout")), q.name == "e2.db.example.com."
		}))
		if len(doc.Holes) != 1 || doc.Holes[0].Name != "e2.db.example.com." || doc.Rows[0].Problem != "" || doc.Rows[0].Cells["e2"] != (view.MatrixCell{Right: 1, Asked: 2}) {
			t.Errorf("%+v", doc)
		}
	})
	t.Run("one that goes away half-way is one line, and its wrong answer is told", func(t *testing.T) {
		var n atomic.Int32
		doc := asked(t, 0, answers(fromAuthority, "a", 1, func(q asking) ([]string, error, bool) {
			switch n.Add(1) {
			case 1:
				return []string{"192.0.2.1"}, nil, true
			case 2:
				return nil, nil, false
			}
			return lost(q)
		}))
		if doc.Rows[0].Problem != "cannot be asked: refused again" || len(doc.Holes) != 1 || !slices.Equal(doc.Holes[0].Got, []string{"192.0.2.1"}) || n.Load() != 3 {
			t.Errorf("%d questions; %+v", n.Load(), doc)
		}
	})
	t.Run("a wrong SRV record, where only those are wrong", func(t *testing.T) {
		doc := asked(t, 0, answers(fromAuthority, "a", 4, func(q asking) ([]string, error, bool) { return nil, nil, q.kind == forServices }))
		if len(doc.Holes) != 3 || doc.Holes[0].Type != "SRV" || doc.Rows[0].Cells["SRV"] != (view.MatrixCell{Asked: 3}) {
			t.Errorf("%+v", doc)
		}
	})
	t.Run("who is not asked for other records has no hole there", func(t *testing.T) {
		v := answers(fromReplica, "r", 4, right)
		v.asks = func(q asking) bool { return q.kind == forAddresses }
		doc := asked(t, 0, v)
		if _, there := doc.Rows[0].Cells["SRV"]; there || doc.Wrong() {
			t.Errorf("%+v", doc)
		}
	})
	t.Run("what is wrong is asked for again, and that alone", func(t *testing.T) {
		var n, total atomic.Int32
		doc := asked(t, time.Minute, answers(fromResolver, "a", 4, func(q asking) ([]string, error, bool) {
			total.Add(1)
			return nil, nil, q.name == "e2.db.example.com." && n.Add(1) == 1
		}))
		if doc.Wrong() || n.Load() != 2 || total.Load() != 19 {
			t.Errorf("%d and %d questions; %+v", n.Load(), total.Load(), doc)
		}
	})
}

// An authority inside a cluster that cannot be reached says so once; one whose pods answer with a failure does for each name.
func TestAskInsideTellsSilenceFromFailure(t *testing.T) {
	t.Parallel()
	srv := func(w mdns.ResponseWriter, q *mdns.Msg) {
		reply := new(mdns.Msg).SetReply(q)
		reply.Authoritative = true
		rr, err := mdns.NewRR(q.Question[0].Name + " 5 SRV 0 100 26257 Join-0.e1.db.example.com.")
		if err != nil {
			t.Error(err)
		}
		reply.Answer = append(reply.Answer, rr)
		_ = w.WriteMsg(reply)
	}
	reach := &pods{
		t: t, errs: map[string]error{"silent": &kube.Unreachable{Cluster: "silent", Err: errors.New("refused")}},
		handlers: map[string]map[string]mdns.HandlerFunc{
			"none": {}, "silent": {},
			"failing": {"a": gives(nil, "e1")},
			"good":    {"a": srv, "b": srv},
		},
	}
	in := newInside(mapped(), []string{"none", "silent", "failing", "good"}, reach, time.Now)
	name := "bank-0.e1." + insideZone + "."
	for _, tt := range []struct {
		cluster string
		dead    bool
		says    string
	}{
		{"none", true, "no replica of the authority inside none is ready"},
		{"silent", true, "silent does not answer"},
		{"failing", false, "does not answer " + name + " with authority (SERVFAIL)"},
	} {
		_, err := askInside(in, tt.cluster)(t.Context(), asking{name: name, kind: forAddresses})
		if err == nil || errors.Is(err, errCannotAsk) != tt.dead || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.cluster, err)
		}
	}
	got, err := askInside(in, "good")(t.Context(), asking{name: "_sql._tcp." + insideZone + ".", kind: forServices})
	if want := []string{"0 100 26257 join-0.e1.db.example.com."}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
}
