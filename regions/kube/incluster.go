package kube

import (
	"fmt"
	"net"
	"time"

	"k8s.io/client-go/rest"
)

// The bounds of a connection to an API server across regions. A partition eats packets in silence: a
// connection that is being made must not wait out the kernel's growing pauses between attempts (1, 2,
// 4 … s), or a healed network would be noticed long after; one that is idle and dead must be found out.
const (
	dialTimeout       = 2 * time.Second
	keepAliveIdle     = 5 * time.Second
	keepAliveInterval = 2 * time.Second
	keepAliveCount    = 2
)

// InCluster is the cluster that this process runs in, reached by its pod's ServiceAccount, without
// connecting. It notices a silent network within seconds where the environment sets
// HTTP2_READ_IDLE_TIMEOUT_SECONDS and HTTP2_PING_TIMEOUT_SECONDS, which client-go reads from there alone.
func InCluster(name string, opts Options) (*Cluster, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("cluster %s: read the pod's ServiceAccount: %w (name a kubeconfig with --kubeconfig outside of a pod)", name, err)
	}
	return watchful(config, name, opts.withDefaults())
}

// watchful is a cluster whose connections are given up soon when nothing comes back.
func watchful(config *rest.Config, name string, opts Options) (*Cluster, error) {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount,
	}}
	config.Dial = dialer.DialContext
	cluster := newCluster(config, name, opts)
	if err := cluster.makeClients(); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", name, err)
	}
	return cluster, nil
}
