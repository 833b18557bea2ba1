package kube

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
)

// transport is a way to an API server, as a function.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func clusterOver(t *testing.T, way transport) *Cluster {
	t.Helper()
	c := newCluster(&rest.Config{Host: "https://cluster.invalid", Transport: way}, "c1", Options{}.withDefaults())
	if err := c.makeClients(); err != nil {
		t.Fatal(err)
	}
	return c
}

// A cluster that swallows everything costs one timeout, not one after another.
func TestADeadClusterIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		c := clusterOver(t, func(r *http.Request) (*http.Response, error) {
			asked.Add(1)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		began := time.Now()
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if _, err := c.Observe(t.Context(), dbScope("n")); kindOf(err) != "unreachable" {
					t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
		if took := time.Since(began); took != defaultRequestTimeout || asked.Load() != 1 {
			t.Errorf("%s and %d requests, want one timeout of %s", took, asked.Load(), defaultRequestTimeout)
		}
	})
}

// Once the network is back, so is the cluster.
func TestADeadClusterMayComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		c := clusterOver(t, func(r *http.Request) (*http.Response, error) {
			if !up.Load() {
				return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
			}
			return distant{time.Millisecond}.RoundTrip(r)
		})
		if _, err := c.Observe(t.Context(), dbScope("n")); kindOf(err) != "unreachable" {
			t.Errorf("%v", err)
		}
		up.Store(true)
		if _, err := c.Observe(t.Context(), dbScope("n")); err != nil {
			t.Error(err)
		}
	})
}

// Whoever goes first may give up: the cluster is not to blame, and another goes first.
func TestGivingUpBlamesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clusterOver(t, func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(3 * time.Second):
				return distant{time.Millisecond}.RoundTrip(r)
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := c.version(ctx); !errors.Is(err, context.DeadlineExceeded) || kindOf(err) == "unreachable" {
				t.Errorf("%v", err)
			}
		})
		synctest.Wait()
		group.Go(func() {
			if v, err := c.version(t.Context()); err != nil || v == "" {
				t.Errorf("%q, %v", v, err)
			}
		})
		group.Wait()
	})
}
