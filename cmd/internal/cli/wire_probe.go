package cli

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/preflight"
	"quorate.dev/quorate/regions/kube"
)

const (
	// probeLongest is the most that pods may be given to run.
	probeLongest = 15 * time.Minute
	// probeAsks bounds the questions in a pod.
	probeAsks = 30 * time.Second
	// probeEnds is how long the end of the pods is waited for.
	probeEnds = 30 * time.Second
)

// probeOptions say from where the network is looked at; the zero value: from nowhere.
type probeOptions struct {
	image    string
	replicas bool
	within   time.Duration // for the pods to run
}

// probe looks at the network from inside the clusters, and notes in each site what was found. Only an interrupt is an error.
func (a *app) probe(ctx context.Context, w *wired, o probeOptions, observed []planner.Observation, sites []preflight.Site) error {
	if o.image == "" && !o.replicas {
		return nil
	}
	if w.topology.Spec.Network.Mode != "flat" {
		return invalidInput{fmt.Errorf("network.mode is %s: only in a flat network do pods reach each other by their addresses, which is what a probe looks at", w.topology.Spec.Network.Mode)}
	}
	p := &prober{wired: w, observed: map[string]planner.Observation{}, refused: map[string]bool{}, say: a.err}
	for _, o := range observed {
		p.observed[o.Cluster] = o
	}
	var found map[string]*preflight.Probe
	var err error
	if o.replicas {
		found = p.fromReplicas(ctx)
	} else {
		found, err = p.fromPods(ctx, o, a.random)
	}
	for i := range sites {
		sites[i].Probe = found[sites[i].Cluster]
	}
	if ctx.Err() != nil {
		return cmp.Or(err, context.Cause(ctx))
	}
	if err != nil { // what was found is no worse by it
		fmt.Fprintln(a.err, err)
	}
	return nil
}

// prober asks questions from inside the clusters that answered.
type prober struct {
	*wired
	observed map[string]planner.Observation
	say      io.Writer
	mu       sync.Mutex
	refused  map[string]bool // clusters in which no pod was made, for certain
}

// answered are the clusters that can be asked, in rollout order.
func (p *prober) answered() []string {
	return slices.DeleteFunc(p.names(), func(name string) bool {
		o, known := p.observed[name]
		return !known || o.Unreachable != ""
	})
}

// each does something for every cluster at once.
func (p *prober) each(do func(cluster string) *preflight.Probe) map[string]*preflight.Probe {
	out := map[string]*preflight.Probe{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, cluster := range p.answered() {
		group.Go(func() {
			if found := do(cluster); found != nil {
				mu.Lock()
				defer mu.Unlock()
				out[cluster] = found
			}
		})
	}
	group.Wait()
	return out
}

// fromPods starts a pod in every cluster, waits until all run, lets each look for the others, and ends them all, whatever happened.
func (p *prober) fromPods(ctx context.Context, o probeOptions, random io.Reader) (found map[string]*preflight.Probe, err error) {
	id := make([]byte, 4)
	if _, err := io.ReadFull(random, id); err != nil {
		return nil, fmt.Errorf("make a name for the probe: %w", err)
	}
	name := "quorate-preflight-" + hex.EncodeToString(id)
	defer func() { err = errors.Join(err, p.end(ctx, name)) }()
	fmt.Fprintf(p.say, "starting a pod of image %s in every cluster (job %s), for at most %s\n", o.image, name, o.within)
	var mu sync.Mutex
	running := map[string]kube.ProbeState{}
	found = p.each(func(cluster string) *preflight.Probe {
		state, problem := p.start(ctx, cluster, p.job(cluster, name, o), o)
		if problem == nil {
			mu.Lock()
			defer mu.Unlock()
			running[cluster] = state
		}
		return problem
	})
	if ctx.Err() != nil {
		return found, context.Cause(ctx)
	}
	targets := map[string][]string{}
	for cluster, state := range running {
		for _, port := range p.ports(cluster) {
			targets[cluster] = append(targets[cluster], net.JoinHostPort(state.Address, strconv.Itoa(port)))
		}
	}
	maps.Copy(found, p.each(func(cluster string) *preflight.Probe {
		state, runs := running[cluster]
		if !runs {
			return nil
		}
		return p.ask(ctx, cluster, p.job(cluster, name, o), state.Pod, p.questions(cluster, targets, p.outside(cluster)))
	}))
	return found, nil
}

func (p *prober) job(cluster, name string, o probeOptions) kube.Probe {
	namespace := "default" // before an installation the deployment's own is not there
	if p.observed[cluster].State.NamespaceExists {
		namespace = p.scopes[cluster].Namespace
	}
	return kube.Probe{
		Deployment: p.topology.Metadata.Name, Namespace: namespace, Name: name, Image: o.image, Ports: p.ports(cluster), Lasts: o.within + 2*probeAsks,
	}
}

// start makes a cluster's pod and waits until it runs; otherwise it says why it does not.
func (p *prober) start(ctx context.Context, name string, job kube.Probe, o probeOptions) (kube.ProbeState, *preflight.Probe) {
	cluster := p.clusters[name]
	problem := func(format string, args ...any) *preflight.Probe {
		return &preflight.Probe{Problem: fmt.Sprintf(format, args...), Mend: "see to it that a pod of image " + o.image + " can run in namespace " + job.Namespace +
			"; quorate rbac --mode probe prints the rights"}
	}
	if err := cluster.StartProbe(ctx, job); err != nil {
		var forbidden *kube.Forbidden
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refused[name] = errors.As(err, &forbidden)
		return kube.ProbeState{}, problem("the probe could not be started: %v", err)
	}
	var state kube.ProbeState
	err := wait.PollUntilContextTimeout(ctx, 300*time.Millisecond, o.within, true, func(ctx context.Context) (bool, error) {
		now, err := cluster.ProbeState(ctx, job)
		if err != nil {
			return false, err
		}
		state = now
		return state.Address != "" || state.Ended != "", nil
	})
	switch {
	case state.Ended != "":
		return state, problem("the probe's pod ended at once: %s", state.Ended)
	case err != nil && state.Waits != "":
		return state, problem("the probe's pod does not run after %s: %s", o.within, state.Waits)
	case err != nil:
		return state, problem("the probe's pod does not run: %v", err)
	}
	return state, nil
}

// ask lets a cluster's pod look.
func (p *prober) ask(ctx context.Context, cluster string, job kube.Probe, pod string, asked []preflight.Question) *preflight.Probe {
	ctx, cancel := context.WithTimeout(ctx, probeAsks)
	defer cancel()
	args := []string{"probe", "reach"}
	for _, q := range asked {
		args = append(args, q.Argument())
	}
	out, err := p.clusters[cluster].ExecProbe(ctx, job, pod, args)
	if err != nil {
		return &preflight.Probe{Problem: "the probe could not look: " + err.Error(), Mend: "use an image of this version of quorate; quorate rbac --mode probe prints the rights"}
	}
	return preflight.Learned(cluster, "pod "+pod, asked, preflight.ReadAnswers(out))
}

// end removes the pods of all clusters and waits until they are gone, also after an interrupt.
func (p *prober) end(ctx context.Context, name string) error {
	fmt.Fprintln(p.say, "removing these pods")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeEnds)
	defer cancel()
	var mu sync.Mutex
	var errs []error
	p.each(func(cluster string) *preflight.Probe {
		if p.refused[cluster] {
			return nil
		}
		job := p.job(cluster, name, probeOptions{})
		err := p.clusters[cluster].EndProbe(ctx, job)
		if err == nil {
			err = wait.PollUntilContextCancel(ctx, 300*time.Millisecond, true, func(ctx context.Context) (bool, error) {
				left, err := p.clusters[cluster].ProbeLeft(ctx, job)
				return left == 0, err
			})
		}
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, fmt.Errorf("cluster %s: the probe was not seen to end: %w; the cluster removes it by itself, or now: kubectl --context %s -n %s delete job %s",
				cluster, err, p.contextOf(cluster), job.Namespace, name))
		}
		return nil
	})
	return errors.Join(errs...)
}

func (p *prober) contextOf(cluster string) string {
	c, _ := p.topology.ClusterByName(cluster)
	return c.Context
}
