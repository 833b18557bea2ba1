package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

const insideZone = "bank.example.com"

// pods are the authority's pods of some clusters, each a name server at the end of a pipe.
type pods struct {
	t  *testing.T
	mu sync.Mutex
	// handlers are by cluster, then pod; a nil handler leaves every question unanswered.
	handlers map[string]map[string]mdns.HandlerFunc
	errs     map[string]error // of clusters that do not name their pods
	lists    int
}

func (p *pods) ReadyAuthorities(_ context.Context, cluster string) ([]kube.AuthorityPod, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lists++
	var out []kube.AuthorityPod
	for name := range p.handlers[cluster] {
		out = append(out, kube.AuthorityPod{Name: name})
	}
	slices.SortFunc(out, func(a, b kube.AuthorityPod) int { return strings.Compare(a.Name, b.Name) })
	return out, p.errs[cluster]
}

func (p *pods) DialAuthority(_ context.Context, cluster string, pod kube.AuthorityPod) (net.Conn, error) {
	p.mu.Lock()
	handler, exists := p.handlers[cluster][pod.Name]
	p.mu.Unlock()
	if !exists {
		return nil, errors.New("pod not found")
	}
	near, far := net.Pipe()
	go serveOne(far, handler)
	return near, nil
}

// serveOne is a name server on one stream, until the stream ends.
func serveOne(stream net.Conn, handler mdns.HandlerFunc) {
	conn := &mdns.Conn{Conn: stream}
	defer conn.Close() //nolint:errcheck // the other end is gone
	for {
		query, err := conn.ReadMsg()
		if err != nil {
			return
		}
		if handler != nil {
			handler(replyTo{conn}, query)
		}
	}
}

// replyTo is a ResponseWriter of which only the writing matters.
type replyTo struct{ *mdns.Conn }

func (r replyTo) Hijack()             {}
func (r replyTo) TsigStatus() error   { return nil }
func (r replyTo) TsigTimersOnly(bool) {}

// gives answers each name with its addresses, SERVFAIL for names below a cluster that is unread, and the SOA.
func gives(addresses map[string]string, unread ...string) mdns.HandlerFunc {
	return func(w mdns.ResponseWriter, q *mdns.Msg) {
		reply := new(mdns.Msg).SetReply(q)
		reply.Authoritative = true
		name := q.Question[0].Name
		switch {
		case slices.ContainsFunc(unread, func(c string) bool { return strings.HasSuffix(name, c+"."+insideZone+".") }):
			reply.Authoritative, reply.Rcode = false, mdns.RcodeServerFailure
		case q.Question[0].Qtype == mdns.TypeSOA:
			rr, _ := mdns.NewRR(name + " 5 SOA ns1." + name + " h." + name + " 1 2 3 4 5")
			reply.Answer = append(reply.Answer, rr)
		case q.Question[0].Qtype == mdns.TypeA && addresses[name] != "":
			reply.Answer = append(reply.Answer, &mdns.A{
				Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: 5},
				A:   netip.MustParseAddr(addresses[name]).AsSlice(),
			})
		case addresses[name] == "":
			reply.Rcode = mdns.RcodeNameError
		}
		_ = w.WriteMsg(reply)
	}
}

func newPods(t *testing.T) *pods {
	right := gives(map[string]string{"bank-0.use1.bank.example.com.": "10.1.0.4"})
	return &pods{t: t, errs: map[string]error{}, handlers: map[string]map[string]mdns.HandlerFunc{
		"use1": {"a": right, "b": right}, "eu1": {"a": right, "b": right},
	}}
}

func (p *pods) authority(now clock) authority {
	topology := &regions.Topology{}
	topology.Spec.DNS.Zone = insideZone
	return authority{inside: newInside(topology, []string{"use1", "eu1"}, p, now)}
}

func TestLookupInside(t *testing.T) {
	const name = "bank-0.use1.bank.example.com."
	unreachable := &kube.Unreachable{Cluster: "eu1", Attempt: "list pods", Err: errors.New("connection refused")}
	cases := map[string]struct {
		change func(*pods)
		err    string
	}{
		"all agree":                 {func(*pods) {}, ""},
		"a cluster does not answer": {func(p *pods) { p.errs["eu1"] = unreachable }, ""},
		"none answers":              {func(p *pods) { p.errs["eu1"], p.errs["use1"] = unreachable, unreachable }, "no cluster answers"},
		"a cluster refuses": {func(p *pods) {
			p.errs["eu1"] = &kube.Forbidden{Cluster: "eu1", Attempt: "list pods", Err: errors.New("no")}
		}, "refused to list pods"},
		"no replica is ready":         {func(p *pods) { p.handlers["eu1"] = nil }, "no replica of the authority inside eu1 is ready"},
		"one differs":                 {func(p *pods) { p.handlers["eu1"]["b"] = gives(map[string]string{name: "10.1.0.9"}) }, "eu1/b answers 10.1.0.9"},
		"one knows nothing":           {func(p *pods) { p.handlers["use1"]["a"] = gives(nil) }, "use1/a answers no address"},
		"one has not read the others": {func(p *pods) { p.handlers["eu1"]["a"] = gives(nil, "use1") }, "eu1/a does not answer " + name + " with authority (SERVFAIL)"},
	}
	for label, c := range cases {
		t.Run(label, func(t *testing.T) {
			p := newPods(t)
			c.change(p)
			got, err := p.authority(time.Now).Lookup(t.Context(), name)
			switch {
			case c.err == "" && (err != nil || !slices.Equal(got, []string{"10.1.0.4"})):
				t.Errorf("got %v, %v", got, err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want one about %q", err, c.err)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is no single line: %q", err)
			}
		})
	}
}

// TestLookupInsideSilentPod: a pod that takes the question and says nothing ends the lookup at its deadline.
func TestLookupInsideSilentPod(t *testing.T) {
	p := newPods(t)
	p.handlers["eu1"]["b"] = nil
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := p.authority(time.Now).Lookup(ctx, "bank-0.use1.bank.example.com."); err == nil || !strings.Contains(err.Error(), "eu1/b") {
		t.Errorf("error %v", err)
	}
}

// TestLookupInsideLooksAnew: pods are named once a second, and anew after a failure.
func TestLookupInsideLooksAnew(t *testing.T) {
	p := newPods(t)
	now := time.Unix(1e9, 0)
	a := p.authority(func() time.Time { return now })
	look := func() error {
		_, err := a.Lookup(t.Context(), "bank-0.use1.bank.example.com.")
		return err
	}
	for range 5 {
		if err := look(); err != nil {
			t.Fatal(err)
		}
	}
	if p.lists != 2 {
		t.Errorf("%d lists of two clusters within a moment", p.lists)
	}
	now = now.Add(podsFresh)
	if err := look(); err != nil || p.lists != 4 {
		t.Errorf("%d lists a second later, %v", p.lists, err)
	}
	right := p.handlers["eu1"]["a"]
	p.handlers["eu1"] = map[string]mdns.HandlerFunc{"c": right} // rolled: the pods seen are gone
	if err := look(); err == nil {
		t.Error("a pod that is gone was asked")
	}
	if err := look(); err != nil {
		t.Errorf("after a failure the pods are not looked at anew: %v", err)
	}
}

// TestLookupBoth: servers outside and inside must agree.
func TestLookupBoth(t *testing.T) {
	all := []told{{"10.0.0.53:53", []string{"10.1.0.4"}}, {"the authority use1/a", []string{"10.1.0.4"}}}
	if got, err := agreed(all); err != nil || !slices.Equal(got, []string{"10.1.0.4"}) {
		t.Errorf("got %v, %v", got, err)
	}
	all[1].addresses = nil
	if _, err := agreed(all); err == nil || !strings.Contains(err.Error(), "10.0.0.53:53 answers 10.1.0.4, the authority use1/a answers no address") {
		t.Errorf("error %v", err)
	}
	if _, err := agreed(nil); err == nil {
		t.Error("nobody was asked, and all agree")
	}
}

func TestAnswersInside(t *testing.T) {
	cases := map[string]struct {
		change func(*pods)
		err    string
	}{
		"it stands":              {func(*pods) {}, ""},
		"the others are silent":  {func(p *pods) { p.errs["use1"] = errors.New("none of its business") }, ""},
		"it has not read use1":   {func(p *pods) { p.handlers["eu1"]["b"] = gives(nil, "use1") }, "eu1/b has not read use1 yet"},
		"no replica is ready":    {func(p *pods) { p.handlers["eu1"] = nil }, "no replica"},
		"it is of another zone":  {func(p *pods) { p.handlers["eu1"]["a"] = refusing }, "SOA is answered with REFUSED"},
		"both replicas are told": {func(p *pods) { p.handlers["eu1"]["a"], p.handlers["eu1"]["b"] = refusing, refusing }, "; the authority eu1/b"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPods(t)
			c.change(p)
			err := p.authority(time.Now).Answers(t.Context(), "eu1")
			if c.err == "" && err != nil || c.err != "" && !strings.Contains(fmt.Sprint(err), c.err) {
				t.Errorf("error %v, want one about %q", err, c.err)
			}
		})
	}
	if err := (authority{}).Answers(t.Context(), "eu1"); err == nil {
		t.Error("an authority that is not there answers")
	}
}

func refusing(w mdns.ResponseWriter, q *mdns.Msg) {
	reply := new(mdns.Msg).SetReply(q)
	reply.Rcode = mdns.RcodeRefused
	_ = w.WriteMsg(reply)
}
