package kubelet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/utils/exec"

	"quorate.dev/quorate/cmd/sandbox/internal/admin"
	"quorate.dev/quorate/cmd/sandbox/internal/pods"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) add(d time.Duration) { c.now = c.now.Add(d) }

// testPlayer plays two clusters, with a clock that stands still.
func testPlayer(t *testing.T, root string) (*Player, *clock) {
	t.Helper()
	dir, err := state.Paths{Cache: root, Sandboxes: root}.Sandbox("s")
	if err != nil {
		t.Fatal(err)
	}
	spec := &state.Spec{Name: "s", Clusters: []state.Cluster{{Name: "use1", PodCIDR: "10.64.0.0/16"}, {Name: "euw1", PodCIDR: "10.65.0.0/16"}}}
	player, err := newPlayer(dir, spec, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stopped := &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	player.now = func() time.Time { return stopped.now }
	return player, stopped
}

// databaseView is a pod of a database with a claim, on a node.
func databaseView(cluster, name string, uid types.UID) podView {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "bank", UID: uid},
		Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{
			Name: "db", Image: "cockroach:v1",
			Command:      []string{"cockroach", "start", "--join=join-0", "--advertise-host=" + name + "." + cluster},
			VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
		}}, Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-" + name},
		}}}},
	}
	return podView{cluster: cluster, pod: pod, hostIP: "10.192.0.1", claim: func(name string) types.UID {
		return types.UID(cluster + "-" + name)
	}}
}

// decide plays a pod and writes the status into it.
func decide(t *testing.T, p *Player, view podView) pods.Decision {
	t.Helper()
	decision, err := p.decide(view)
	if err != nil {
		t.Fatal(err)
	}
	if decision.Status != nil {
		view.pod.Status = *decision.Status
	}
	return decision
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func TestInitInOneClusterWakesPodsOfAnother(t *testing.T) {
	p, clock := testPlayer(t, t.TempDir())
	here, there := databaseView("use1", "bank-0", "u0"), databaseView("euw1", "bank-0", "e0")
	woken := map[string]int{}
	p.serve("use1", func(key string) { woken["use1 "+key]++ })
	p.serve("euw1", func(key string) { woken["euw1 "+key]++ })
	decide(t, p, here)
	decide(t, p, there)
	clock.add(time.Second)
	if decide(t, p, here); ready(here.pod) || here.pod.Status.Phase != corev1.PodRunning {
		t.Fatalf("before init: phase %s, ready %t", here.pod.Status.Phase, ready(here.pod))
	}
	if result := p.runCockroach([]string{"init", "--insecure"}, "u0"); result.Code != 0 {
		t.Fatalf("init: %+v", result)
	}
	if woken["use1 bank/bank-0"] == 0 || woken["euw1 bank/bank-0"] == 0 {
		t.Errorf("init woke %v", woken)
	}
	decide(t, p, here)
	decide(t, p, there)
	if !ready(here.pod) || !ready(there.pod) {
		t.Errorf("after init: %t and %t", ready(here.pod), ready(there.pod))
	}
	if here.pod.Status.PodIP != "10.64.0.1" || there.pod.Status.PodIP != "10.65.0.1" {
		t.Errorf("addresses %s and %s", here.pod.Status.PodIP, there.pod.Status.PodIP)
	}
}

func TestAnotherPlayerRemembers(t *testing.T) {
	root := t.TempDir()
	p, _ := testPlayer(t, root)
	view := databaseView("use1", "bank-0", "u0")
	decide(t, p, view)
	p.runCockroach([]string{"init", "--insecure"}, "u0")
	two := 2 * time.Second
	if _, err := p.Change(admin.Change{Cluster: "use1", StartDelay: &two}); err != nil {
		t.Fatal(err)
	}
	next, clock := testPlayer(t, root)
	clock.add(time.Minute)
	state := next.State()
	if len(state.Databases) != 1 || !state.Databases[0].Initialised || state.Databases[0].Nodes[0].NodeID != 1 || state.Settings.Of("use1").Start != two {
		t.Errorf("the next player knows %+v", state)
	}
	if decide(t, next, view); view.pod.Status.PodIP != "10.64.0.1" {
		t.Errorf("the pod's address became %s", view.pod.Status.PodIP)
	}
	other := databaseView("use1", "bank-1", "u1")
	if decide(t, next, other); other.pod.Status.PodIP != "10.64.0.2" {
		t.Errorf("the next pod got %s", other.pod.Status.PodIP)
	}
}

func TestAPodThatIsGoneIsDownAndItsAddressStaysUnused(t *testing.T) {
	p, clock := testPlayer(t, t.TempDir())
	view := databaseView("use1", "bank-0", "u0")
	decide(t, p, view)
	p.runCockroach([]string{"init", "--insecure"}, "u0")
	p.gone("u0")
	if node := p.State().Databases[0].Nodes[0]; node.Live || node.PodUID != "" {
		t.Errorf("after its pod was gone: %+v", node)
	}
	again := databaseView("use1", "bank-0", "u0-again")
	decide(t, p, again)
	clock.add(time.Second)
	decide(t, p, again)
	if node := p.State().Databases[0].Nodes[0]; node.NodeID != 1 || !node.Live || !ready(again.pod) || again.pod.Status.PodIP != "10.64.0.2" {
		t.Errorf("the pod that came back: %+v, %s", node, again.pod.Status.PodIP)
	}
}

func TestAnUnknownClaimIsTriedAgain(t *testing.T) {
	p, _ := testPlayer(t, t.TempDir())
	view := databaseView("use1", "bank-0", "u0")
	view.claim = func(string) types.UID { return "" }
	if _, err := p.decide(view); err == nil || !strings.Contains(err.Error(), "data-bank-0") {
		t.Errorf("a claim that is not known: %v", err)
	}
}

func TestAChangeForAnUnknownClusterIsRefused(t *testing.T) {
	p, _ := testPlayer(t, t.TempDir())
	if _, err := p.Change(admin.Change{Cluster: "nowhere"}); err == nil {
		t.Error("it was accepted")
	}
}

// execServer serves a played pod as an API server would find it.
func execServer(t *testing.T) *httptest.Server {
	t.Helper()
	p, _ := testPlayer(t, t.TempDir())
	view := databaseView("use1", "bank-0", "u0")
	decide(t, p, view)
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	if err := indexer.Add(view.pod); err != nil {
		t.Fatal(err)
	}
	s := newSession(p, state.Cluster{Name: "use1"})
	s.setPods(corelisters.NewPodLister(indexer))
	server := httptest.NewServer(s.handler())
	t.Cleanup(server.Close)
	return server
}

// execIn runs a command over the protocols that kubectl speaks.
func execIn(t *testing.T, server *httptest.Server, container string, argv ...string) (stdout, stderr string, err error) {
	t.Helper()
	query := url.Values{"command": argv, "output": {"1"}, "error": {"1"}, "stdout": {"1"}, "stderr": {"1"}}
	target, err := url.Parse(server.URL + "/exec/bank/bank-0/" + container + "?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	executor, err := remotecommand.NewSPDYExecutor(&rest.Config{Host: server.URL}, "POST", target)
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	err = executor.StreamWithContext(context.Background(), remotecommand.StreamOptions{Stdout: &out, Stderr: &errOut})
	return out.String(), errOut.String(), err
}

func TestExecCarriesStreamsAndExitCodes(t *testing.T) {
	server := execServer(t)
	if out, _, err := execIn(t, server, "db", "/cockroach/cockroach", "init", "--insecure", "--host=bank-0.use1"); err != nil || out != "Cluster successfully initialized\n" {
		t.Errorf("init: %q, %v", out, err)
	}
	out, stderr, err := execIn(t, server, "db", "cockroach", "init", "--insecure")
	var exit utilexec.ExitError
	if !errors.As(err, &exit) || exit.ExitStatus() != 1 || out != "" || stderr != "ERROR: cluster has already been initialized\nFailed running \"init\"\n" {
		t.Errorf("a second init: %q, %q, %v", out, stderr, err)
	}
	for program, code := range map[string]int{"false": 1, "rm": 127} {
		if _, _, err := execIn(t, server, "db", program); !errors.As(err, &exit) || exit.ExitStatus() != code {
			t.Errorf("%s: %v, want exit code %d", program, err, code)
		}
	}
	for _, command := range [][]string{{"true"}, {"echo", "a", "b"}, {"hostname"}} {
		if _, _, err := execIn(t, server, "db", command...); err != nil {
			t.Errorf("%v: %v", command, err)
		}
	}
	if _, _, err := execIn(t, server, "other", "true"); err == nil || !strings.Contains(err.Error(), "container not found") {
		t.Errorf("a container that is not there: %v", err)
	}
}

func TestLogs(t *testing.T) {
	server := execServer(t)
	for path, want := range map[string]int{"bank/bank-0/db": 200, "bank/bank-0/other": 404, "bank/bank-9/db": 404} {
		response, err := server.Client().Get(server.URL + "/containerLogs/" + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != want || (want == 200 && !strings.Contains(string(body), "cockroach:v1")) {
			t.Errorf("%s: %d %q, %v", path, response.StatusCode, body, err)
		}
	}
}
