// Package kubelet plays what runs on the nodes of a sandbox: it is the kubelet of every node of every
// cluster (pod status, exec, logs, deletion), the provisioner of volumes, and the home of the played
// database, which spans the clusters. What is decided is in packages pods, database and cockroach;
// this one watches, writes and answers.
package kubelet

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"quorate.dev/quorate/cmd/sandbox/internal/admin"
	"quorate.dev/quorate/cmd/sandbox/internal/database"
	"quorate.dev/quorate/cmd/sandbox/internal/pods"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Player holds everything that is played, for all clusters of a sandbox.
type Player struct {
	sandbox string
	dir     state.Dir
	log     *slog.Logger
	now     func() time.Time

	mu        sync.Mutex // guards what follows
	settings  admin.Settings
	world     *database.World
	addresses map[string]*pods.Addresses
	played    map[types.UID]*playedPod
	wake      map[string]func(namespacedName string) // per cluster: decide about a pod again
}

var _ admin.Player = (*Player)(nil)

// playedPod is what the player knows of one pod.
type playedPod struct {
	cluster  string
	key      string // namespace/name
	line     pods.Timeline
	ip       netip.Addr
	database bool
	ready    bool // what was last written, if it runs a database
}

// podView is a pod together with what its node and claims say about it.
type podView struct {
	cluster string
	pod     *corev1.Pod
	hostIP  string
	claim   func(name string) types.UID // UID of a claim in the pod's namespace, or empty
}

// newPlayer takes up where the last player of the sandbox stopped.
func newPlayer(dir state.Dir, spec *state.Spec, log *slog.Logger) (*Player, error) {
	saved, err := loadMemory(dir.PlayerState())
	if err != nil {
		return nil, err
	}
	p := &Player{
		sandbox: spec.Name, dir: dir, log: log, now: time.Now,
		settings: saved.Settings, world: saved.World,
		addresses: map[string]*pods.Addresses{}, played: map[types.UID]*playedPod{}, wake: map[string]func(string){},
	}
	p.world.Settings = p.settings.Database
	for _, cluster := range spec.Clusters {
		p.addresses[cluster.Name], err = pods.NewAddresses(cluster.PodCIDR, saved.Addresses[cluster.Name])
		if err != nil {
			return nil, fmt.Errorf("cluster %s: %w", cluster.Name, err)
		}
	}
	return p, nil
}

// decide says what to do about a pod now, after telling the database what the pod means to it.
func (p *Player) decide(view podView) (pods.Decision, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	played := p.track(view)
	if err := p.assignAddress(played, view); err != nil {
		return pods.Decision{}, err
	}
	facts := pods.Facts{PodIP: played.ip.String(), HostIP: view.hostIP, Delays: p.settings.Of(view.cluster)}
	if view.pod.Spec.HostNetwork {
		facts.PodIP = view.hostIP
	}
	invocation, isDatabase := database.FindInvocation(view.pod, facts.PodIP, facts.HostIP)
	played.database, facts.Database = isDatabase, isDatabase
	decision := pods.Decide(view.pod, &played.line, facts, now)
	if !isDatabase {
		return decision, nil
	}
	changed := false
	if decision.Running {
		replica := replicaOf(view, invocation, facts.PodIP)
		if replica.Disk == "" {
			return pods.Decision{}, fmt.Errorf("pod %s: its claim %s is not known yet", played.key, invocation.StoreClaim)
		}
		changed = p.world.Start(replica, played.line.Started.Add(facts.Delays.Start), now, uuid.NewString)
	} else {
		changed = p.world.Stop(string(view.pod.UID), now)
	}
	changed = p.world.Settle(now) || changed
	if changed {
		p.remember()
	}
	facts.Ready = p.world.Ready(string(view.pod.UID), now)
	played.ready = facts.Ready
	p.wakeChanged(now)
	return pods.Decide(view.pod, &played.line, facts, now), nil
}

// track finds or begins what is known of a pod.
func (p *Player) track(view podView) *playedPod {
	played, ok := p.played[view.pod.UID]
	if !ok {
		played = &playedPod{cluster: view.cluster, key: view.pod.Namespace + "/" + view.pod.Name}
		p.played[view.pod.UID] = played
	}
	return played
}

// assignAddress gives a pod an address once, or keeps the one that its status has.
func (p *Player) assignAddress(played *playedPod, view podView) error {
	if played.ip.IsValid() || view.pod.Spec.HostNetwork {
		return nil
	}
	addresses := p.addresses[view.cluster]
	if existing, err := netip.ParseAddr(view.pod.Status.PodIP); err == nil {
		played.ip = existing
		addresses.Use(existing)
		return nil
	}
	address, err := addresses.Next()
	if err != nil {
		return fmt.Errorf("give pod %s in cluster %s an address: %w", played.key, view.cluster, err)
	}
	played.ip = address
	p.remember()
	return nil
}

// replicaOf is the pod as the database sees it.
func replicaOf(view podView, invocation database.Invocation, ip string) database.Replica {
	disk := string(view.pod.UID)
	if invocation.StoreClaim != "" {
		disk = string(view.claim(invocation.StoreClaim))
	}
	return database.Replica{
		Cluster: view.cluster, Namespace: view.pod.Namespace, Pod: view.pod.Name, PodUID: string(view.pod.UID), Disk: disk,
		Address: invocation.Host + ":" + invocation.Port, IP: ip, Locality: invocation.Locality, Build: invocation.Build,
		Seeds: invocation.Seeds, SingleNode: invocation.SingleNode,
	}
}

// wakeChanged has every database pod decided about again whose readiness is not what was written.
func (p *Player) wakeChanged(now time.Time) {
	for uid, played := range p.played {
		if played.database && played.ready != p.world.Ready(string(uid), now) && p.wake[played.cluster] != nil {
			p.wake[played.cluster](played.key)
		}
	}
}

// gone tells that a pod is no longer in the API.
func (p *Player) gone(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(uid)
	if p.world.Stop(string(uid), p.now()) {
		p.remember()
		p.wakeChanged(p.now())
	}
}

// forget drops what is known of a pod and frees its address.
func (p *Player) forget(uid types.UID) {
	played, ok := p.played[uid]
	if !ok {
		return
	}
	if played.ip.IsValid() {
		p.addresses[played.cluster].Free(played.ip)
	}
	delete(p.played, uid)
}

// retain tells which pods and claims a cluster has; all others of it are gone.
func (p *Player) retain(cluster string, podUIDs, claimUIDs map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for uid, played := range p.played {
		if played.cluster == cluster && !podUIDs[string(uid)] {
			p.forget(uid)
		}
	}
	if p.world.Retain(cluster, podUIDs, claimUIDs, p.now()) {
		p.remember()
		p.wakeChanged(p.now())
	}
}

// serve notes how pods of a cluster are decided about again, while it is watched.
func (p *Player) serve(cluster string, wake func(key string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake[cluster] = wake
}

// State gives what is played now.
func (p *Player) State() admin.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return admin.Describe(p.sandbox, p.settings, p.world, p.now())
}

// Change changes the settings; pods that wait are looked at again.
func (p *Player) Change(change admin.Change) (admin.Settings, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.addresses[change.Cluster]; change.Cluster != "" && !ok {
		return admin.Settings{}, fmt.Errorf("sandbox %s has no cluster %q", p.sandbox, change.Cluster)
	}
	p.settings = change.Apply(p.settings)
	p.world.Settings = p.settings.Database
	p.remember()
	for _, played := range p.played {
		if p.wake[played.cluster] != nil {
			p.wake[played.cluster](played.key)
		}
	}
	return p.settings, nil
}

// Run plays until ctx ends.
func Run(ctx context.Context, dir state.Dir, spec *state.Spec, log *slog.Logger) error {
	player, err := newPlayer(dir, spec, log)
	if err != nil {
		return err
	}
	sessions := map[string]*session{}
	for _, cluster := range spec.Clusters {
		sessions[cluster.Name] = newSession(player, cluster)
	}
	stop, err := listen(ctx, player, spec, sessions)
	if err != nil {
		return err
	}
	defer stop()
	log.Info("playing", "sandbox", spec.Name, "clusters", len(spec.Clusters))
	var group sync.WaitGroup
	for _, session := range sessions {
		group.Go(func() { session.run(ctx) })
	}
	group.Wait()
	log.Info("stopped", "sandbox", spec.Name)
	return nil
}
