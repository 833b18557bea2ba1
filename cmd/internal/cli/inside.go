package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"
	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/query"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// podReacher reaches the authority's pods in the clusters.
type podReacher interface {
	// ReadyAuthorities are the pods that are ready now.
	ReadyAuthorities(ctx context.Context, cluster string) ([]kube.AuthorityPod, error)
	// DialAuthority opens a stream on which the authority in the pod answers.
	DialAuthority(ctx context.Context, cluster string, pod kube.AuthorityPod) (net.Conn, error)
}

const (
	// insideTimeout bounds one question to all authorities inside the clusters: the
	// first one to a pod opens the way to it.
	insideTimeout = 5 * time.Second
	// podsTimeout is how long a cluster's API server may take to name the pods before it counts as
	// silent.
	podsTimeout = 2 * time.Second
	// podsFresh is how long the names of ready pods are used again: replicas are asked for
	// several times a second.
	podsFresh = time.Second
)

// inside are the authorities inside the clusters, asked over the wire, through the API
// servers: each ready pod of each cluster that answers.
type inside struct {
	topology *regions.Topology
	clusters []string
	reach    podReacher
	now      clock
	sighted  map[string]*sighting // by cluster
}

// sighting is which pods of one cluster were ready, and when that was seen.
type sighting struct {
	mu   sync.Mutex
	at   time.Time // zero: never, or doubted since
	pods []kube.AuthorityPod
	err  error
}

// errSilent is of a cluster that does not answer: its authority cannot be asked.
var errSilent = errors.New("does not answer")

func newInside(t *regions.Topology, clusters []string, reach podReacher, now clock) *inside {
	in := &inside{topology: t, clusters: clusters, reach: reach, now: now, sighted: map[string]*sighting{}}
	for _, cluster := range clusters {
		in.sighted[cluster] = &sighting{}
	}
	return in
}

// ask asks every ready pod of every cluster that answers. A cluster that answers and has no
// ready pod is an error, and so is it when no cluster answers.
func (in *inside) ask(ctx context.Context, name string) ([]told, error) {
	ctx, cancel := context.WithTimeout(ctx, insideTimeout)
	defer cancel()
	all := make([][]told, len(in.clusters))
	errs := make([]error, len(in.clusters))
	var group errgroup.Group
	for i, cluster := range in.clusters {
		group.Go(func() error {
			all[i], errs[i] = in.askCluster(ctx, cluster, name)
			return nil
		})
	}
	_ = group.Wait() // the goroutines report by slot
	var out []told
	var problems, silent *multierror.Error
	for i := range in.clusters {
		if errors.Is(errs[i], errSilent) {
			silent = multierror.Append(silent, errs[i])
		} else {
			problems = multierror.Append(problems, errs[i])
		}
		out = append(out, all[i]...)
	}
	switch {
	case problems.ErrorOrNil() != nil:
		return nil, inOneLine(problems)
	case len(out) == 0 && silent != nil:
		return nil, fmt.Errorf("no cluster answers, so no authority inside one can be asked: %w", inOneLine(silent))
	}
	return out, nil
}

// inOneLine joins problems for a wait's message.
func inOneLine(problems *multierror.Error) error {
	problems.ErrorFormat = func(errs []error) string {
		texts := make([]string, len(errs))
		for i, err := range errs {
			texts[i] = err.Error()
		}
		return strings.Join(texts, "; ")
	}
	return problems
}

func (in *inside) askCluster(ctx context.Context, cluster, name string) ([]told, error) {
	return in.askEach(ctx, cluster, func(stream net.Conn, label string) (told, error) {
		answer, err := query.LookupAddressesOver(ctx, stream, name)
		if err != nil {
			return told{}, fmt.Errorf("%s: %w", label, err)
		}
		return authoritative(label, name, answer)
	})
}

// askEach asks every ready pod of a cluster one question.
func (in *inside) askEach(ctx context.Context, cluster string, ask func(stream net.Conn, label string) (told, error)) ([]told, error) {
	pods, err := in.pods(ctx, cluster, podsFresh)
	if err != nil {
		return nil, err
	}
	out := make([]told, len(pods))
	var group errgroup.Group
	for i, pod := range pods {
		group.Go(func() error {
			return in.converse(ctx, cluster, pod, func(stream net.Conn) (err error) {
				out[i], err = ask(stream, in.label(cluster, pod))
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		in.doubt(cluster)
		return nil, err
	}
	return out, nil
}

// answers asks every ready pod of one cluster whether it speaks for the zone and has
// read every cluster: names of one that it never read fail (SERVFAIL).
func (in *inside) answers(ctx context.Context, cluster string) error {
	ctx, cancel := context.WithTimeout(ctx, insideTimeout)
	defer cancel()
	pods, err := in.pods(ctx, cluster, 0)
	if err != nil {
		return err
	}
	var problems *multierror.Error
	for _, pod := range pods {
		problems = multierror.Append(problems, in.converse(ctx, cluster, pod, func(stream net.Conn) error {
			return in.knows(ctx, cluster, pod, stream)
		}))
	}
	if problems.ErrorOrNil() == nil {
		return nil
	}
	return inOneLine(problems)
}

func (in *inside) knows(ctx context.Context, cluster string, pod kube.AuthorityPod, stream net.Conn) error {
	zone := in.topology.Spec.DNS.Zone
	if err := query.SpeaksForOver(ctx, stream, zone); err != nil {
		return fmt.Errorf("%s: %w", in.label(cluster, pod), err)
	}
	for _, other := range in.clusters {
		answer, err := query.LookupAddressesOver(ctx, stream, dns.ClusterName(zone, other))
		if err != nil {
			return fmt.Errorf("%s: %w", in.label(cluster, pod), err)
		}
		if answer.Rcode == "SERVFAIL" {
			return fmt.Errorf("%s has not read %s yet (a pod sees new credentials after up to two minutes; later than that, see whether it reaches that API server)", in.label(cluster, pod), other)
		}
	}
	return nil
}

// converse opens a stream to a pod, and closes it in the end.
func (in *inside) converse(ctx context.Context, cluster string, pod kube.AuthorityPod, talk func(net.Conn) error) error {
	stream, err := in.reach.DialAuthority(ctx, cluster, pod)
	if err != nil {
		return err // it names the cluster and the pod
	}
	return errors.Join(talk(stream), stream.Close())
}

func (in *inside) label(cluster string, pod kube.AuthorityPod) string {
	return "the authority " + cluster + "/" + pod.Name
}

// pods are the ready pods of a cluster, as seen at most maxAge ago; one at least.
func (in *inside) pods(ctx context.Context, cluster string, maxAge time.Duration) ([]kube.AuthorityPod, error) {
	s := in.sighted[cluster]
	if s == nil {
		return nil, fmt.Errorf("cluster %s is none of the topology", cluster)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || in.now().Sub(s.at) >= maxAge {
		limited, cancel := context.WithTimeout(ctx, podsTimeout)
		defer cancel()
		s.pods, s.err = in.reach.ReadyAuthorities(limited, cluster)
		s.at = in.now()
		if _, lost := errors.AsType[*kube.Unreachable](s.err); lost || s.err != nil && limited.Err() != nil && ctx.Err() == nil {
			s.err = fmt.Errorf("%s %w: %w", cluster, errSilent, s.err)
		}
		if ctx.Err() != nil {
			s.at = time.Time{} // cut short: nothing was learnt
		}
	}
	if s.err == nil && len(s.pods) == 0 {
		return nil, fmt.Errorf("no replica of the authority inside %s is ready", cluster)
	}
	return s.pods, s.err
}

// doubt has the pods looked at again before the next question.
func (in *inside) doubt(cluster string) {
	s := in.sighted[cluster]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = time.Time{}
}
