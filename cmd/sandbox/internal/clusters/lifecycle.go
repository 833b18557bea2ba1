package clusters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/cmd/sandbox/internal/processes"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// endTimeout bounds the wait for killed processes to be gone.
const endTimeout = 20 * time.Second

// components are the processes of one cluster, by the names that kwokctl calls them.
func components() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok-controller"}
}

// createdFile marks that kwokctl finished making the cluster; without it the cluster is made anew.
func (m Manager) createdFile(cluster string) string {
	return filepath.Join(m.Dir.KwokHome(), cluster+".created")
}

// Up makes or starts every cluster of the sandbox, all at once, and leaves those alone that run.
// One cluster's failure does not stop the others; all failures are reported.
func (m Manager) Up(ctx context.Context, spec *state.Spec, narrate io.Writer) error {
	return EachCluster(spec.Clusters, func(cluster state.Cluster) error {
		started := time.Now()
		did, err := m.ensure(ctx, spec, cluster)
		if err != nil {
			return fmt.Errorf("bring up cluster %s: %w; its logs are in %s", cluster.Name, err, filepath.Join(m.Dir.ClusterDir(cluster.Name), "logs"))
		}
		fmt.Fprintf(narrate, "sandbox: cluster %s (%s) %s in %.1fs\n", cluster.Name, cluster.Region, did, time.Since(started).Seconds())
		return nil
	})
}

// EachCluster runs do for all clusters at once and gathers what failed, in the clusters' order.
func EachCluster(clusters []state.Cluster, do func(state.Cluster) error) error {
	failures := make([]error, len(clusters))
	var group sync.WaitGroup
	for i, cluster := range clusters {
		group.Go(func() { failures[i] = do(cluster) })
	}
	group.Wait()
	var all *multierror.Error
	for _, err := range failures {
		if err != nil {
			all = multierror.Append(all, err)
		}
	}
	return all.ErrorOrNil()
}

// ensure brings one cluster to the running state, whatever state it is in, and says what it did.
func (m Manager) ensure(ctx context.Context, spec *state.Spec, cluster state.Cluster) (string, error) {
	running, err := m.running(cluster.Name)
	if err != nil {
		return "", err
	}
	did := "runs already; checked"
	switch {
	case !fileExists(m.createdFile(cluster.Name)):
		did = "created"
		err = m.recreate(ctx, spec, cluster)
	case len(running) < len(components()):
		did = "started"
		err = m.startComponents(ctx, cluster.Name, running)
	}
	if err != nil {
		return did, err
	}
	client, err := m.client(cluster.Name)
	if err != nil {
		return did, err
	}
	if err := WaitServing(ctx, client, cluster.Name); err != nil {
		return did, err
	}
	supervised, stop := context.WithCancel(ctx)
	defer stop()
	revived := make(chan error, 1)
	go func() { revived <- m.supervise(supervised, cluster.Name) }()
	err = provision(ctx, client, spec.Name, cluster)
	stop()
	return did, errors.Join(err, <-revived)
}

// reviveEvery is how often a starting cluster is looked at for components that gave up.
const reviveEvery = 2 * time.Second

// supervise starts components again that ended while the cluster comes up: on a busy
// machine the controller manager gives up after 20 s without a healthy API server, and
// nobody else would start it again. It ends with ctx, without an error.
func (m Manager) supervise(ctx context.Context, cluster string) error {
	tick := time.NewTicker(reviveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		running, err := m.running(cluster)
		if err != nil {
			return err
		}
		if len(running) == len(components()) {
			continue
		}
		if err := m.startComponents(ctx, cluster, running); err != nil && ctx.Err() == nil {
			return fmt.Errorf("start components of cluster %s again: %w", cluster, err)
		}
	}
}

// recreate clears away what an interrupted creation left, and makes the cluster.
func (m Manager) recreate(ctx context.Context, spec *state.Spec, cluster state.Cluster) error {
	if err := m.end(ctx, m.Dir.ClusterDir(cluster.Name)); err != nil {
		return err
	}
	if err := os.RemoveAll(m.Dir.ClusterDir(cluster.Name)); err != nil {
		return fmt.Errorf("clear away an interrupted creation: %w", err)
	}
	if err := m.create(ctx, spec, cluster); err != nil {
		return err
	}
	return state.WriteFile(m.createdFile(cluster.Name), nil)
}

// running gives the cluster's processes that are there.
func (m Manager) running(cluster string) ([]processes.Process, error) {
	return processes.Under(m.Dir.ClusterDir(cluster), components()...)
}

// startComponents starts what does not run. kwokctl trusts its pid files, and a pid may belong to
// another process by now: those that are not the cluster's go first.
func (m Manager) startComponents(ctx context.Context, cluster string, running []processes.Process) error {
	alive := map[int]bool{}
	for _, process := range running {
		alive[process.PID] = true
	}
	files, err := filepath.Glob(filepath.Join(m.Dir.ClusterDir(cluster), "pids", "*.pid"))
	if err != nil {
		return fmt.Errorf("list pid files of cluster %s: %w", cluster, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read pid file of cluster %s: %w", cluster, err)
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && alive[pid] {
			continue
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a stale pid file of cluster %s: %w", cluster, err)
		}
	}
	return m.kwokctl(ctx, "start", "cluster", "--name", cluster)
}

// Start starts a stopped cluster and waits until it serves and its nodes are Ready.
func (m Manager) Start(ctx context.Context, spec *state.Spec, cluster state.Cluster) error {
	if _, err := m.ensure(ctx, spec, cluster); err != nil {
		return fmt.Errorf("start cluster %s: %w", cluster.Name, err)
	}
	return nil
}

// Stop ends the whole control plane of a cluster and keeps its data. What it played (pods, the
// database's nodes) is not told: as when a real control plane fails, it runs on unobserved.
func (m Manager) Stop(ctx context.Context, _ *state.Spec, cluster state.Cluster) error {
	if fileExists(m.createdFile(cluster.Name)) {
		if err := m.kwokctl(ctx, "stop", "cluster", "--name", cluster.Name); err != nil {
			return fmt.Errorf("stop cluster %s: %w", cluster.Name, err)
		}
	}
	return m.end(ctx, m.Dir.ClusterDir(cluster.Name))
}

// Down ends every process that was started for the sandbox, also those nobody knows any more, and
// removes its directory. A sandbox that is not there is no error.
func (m Manager) Down(ctx context.Context) error {
	if err := m.end(ctx, m.Dir.Path); err != nil {
		return fmt.Errorf("end sandbox %s: %w", m.Dir.Name, err)
	}
	if err := os.RemoveAll(m.Dir.Path); err != nil {
		return fmt.Errorf("remove sandbox %s: %w", m.Dir.Name, err)
	}
	return nil
}

// end kills what kwokctl and its components left running below dir.
func (m Manager) end(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, endTimeout, errors.New("killed processes are still there"))
	defer cancel()
	return processes.End(ctx, 0, func() ([]processes.Process, error) {
		return processes.Under(dir, append(components(), "kwokctl", "kubectl")...)
	})
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
