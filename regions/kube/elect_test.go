package kube

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// One holder leads at a time; another one takes over when it gives up, and at once.
func TestElect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := &Cluster{name: "one", clientset: fake.NewClientset(), log: slog.New(slog.DiscardHandler)}
		var a, b atomic.Bool // whether they lead; both may for a moment, since the Lease is given up before lead returns
		var heard sync.Map
		run := func(holder string, leads *atomic.Bool) (end func()) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				done <- cluster.Elect(ctx, "bank", "writer", holder, func(ctx context.Context) {
					leads.Store(true)
					<-ctx.Done()
					leads.Store(false)
				}, func(leader string) { heard.Store(holder+" hears of "+leader, true) })
			}()
			return func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
				if leads.Load() {
					t.Errorf("%s leads after the end", holder)
				}
			}
		}
		endA := run("a", &a)
		time.Sleep(time.Second)
		synctest.Wait()
		endB := run("b", &b)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !a.Load() || b.Load() {
			t.Fatalf("a leads: %t, b leads: %t; want a alone", a.Load(), b.Load())
		}
		if _, ok := heard.Load("b hears of a"); !ok {
			t.Error("b is not told that a leads")
		}
		endA()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !b.Load() {
			t.Error("b does not lead although a gave up")
		}
		lease, err := cluster.clientset.CoordinationV1().Leases("bank").Get(t.Context(), "writer", metav1.GetOptions{})
		if err != nil || *lease.Spec.HolderIdentity != "b" {
			t.Errorf("the Lease is %v (%v)", lease, err)
		}
		endB()
		if _, ok := heard.Load("a hears of a"); ok {
			t.Error("a is told that a leads")
		}
	})
}
