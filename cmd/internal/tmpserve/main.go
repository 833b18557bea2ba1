package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	k8srt "k8s.io/apimachinery/pkg/runtime"

	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/regions"
)

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	var objs []k8srt.Object
	for i := 0; i < n; i += 100 {
		s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "bank", Name: fmt.Sprint("s", i), Labels: map[string]string{discoveryv1.LabelServiceName: "bank"}}, AddressType: "IPv4"}
		for j := i; j < min(n, i+100); j++ {
			name := fmt.Sprintf("bank-%d", j)
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.%d.%d.%d", j/62500, j/250%250, j%250+1)}, Hostname: &name, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: name, UID: types.UID(fmt.Sprintf("uid-%d-aaaaaaaa-bbbbbbbb-cccccc", j))}})
		}
		objs = append(objs, s)
	}
	t := &regions.Topology{Metadata: regions.Metadata{Name: "bank"}, Spec: regions.Spec{DNS: regions.DNS{Zone: "bank.db.example.com", TTL: "10s"},
		Regions: []regions.Region{{Name: "us-east1", Clusters: []regions.Cluster{{Name: "use1", Replicas: n}}}}}}
	srv, err := serve.New(serve.Config{Topology: t, Now: time.Now, Sources: []serve.Source{{Cluster: "use1", Namespace: "bank", Client: fake.NewClientset(objs...), Services: map[string]string{"bank": "bank"}}}})
	if err != nil { panic(err) }
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	a, err := srv.Listen(ctx, os.Args[1])
	if err != nil { panic(err) }
	fmt.Println(a)
	if len(os.Args) > 3 {
		f, _ := os.Create(os.Args[3]); pprof.StartCPUProfile(f); defer pprof.StopCPUProfile()
	}
	go func() {
		if srv.WaitSynced(ctx) == nil {
			runtime.GC(); var m runtime.MemStats; runtime.ReadMemStats(&m); fmt.Println("heap", m.HeapAlloc>>20, "sys", m.Sys>>20)
		}
	}()
	_ = http.ErrAbortHandler
	if err := srv.Run(ctx); err != nil { panic(err) }
}
