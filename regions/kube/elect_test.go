package kube

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
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

// What keeps an election from its Lease is said, once; it is tried again meanwhile.
func TestElectSaysWhatIsInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		client := fake.NewClientset()
		var refused atomic.Bool
		refused.Store(true)
		client.PrependReactor("create", "leases", func(k8stesting.Action) (bool, runtime.Object, error) {
			return refused.Load(), nil, errors.New("namespaces \"bank\" not found")
		})
		cluster := &Cluster{name: "one", clientset: client, log: slog.New(slog.NewTextHandler(&text, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		var leads atomic.Bool
		done := make(chan error, 1)
		go func() {
			done <- cluster.Elect(ctx, "bank", "writer", "a", func(ctx context.Context) { leads.Store(true); <-ctx.Done() }, func(string) {})
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if said := text.String(); leads.Load() || strings.Count(said, "not found") != 1 || !strings.Contains(said, "cluster=one") {
			t.Errorf("after a minute without the Lease: leads %t, said\n%s", leads.Load(), said)
		}
		refused.Store(false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !leads.Load() {
			t.Error("it does not lead although it may")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
