package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
	"quorate.dev/quorate/dns/query"
	"quorate.dev/quorate/kustomize/build"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// insideTopology puts an authority into two clusters.
const insideTopology = `apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: %[1]s}
spec:
  profile: cockroachdb
  image: cockroachdb/cockroach:v25.4.0
  storage: {size: 1Gi, className: standard}
  survive: {failure: none}
  tls: {mode: disabled}
  dns:
    zone: %[1]s.db.example.com
    publish: [{serve: {inCluster: {image: "quorate.test/quorate:dev", forwarder: "quorate.test/coredns:v1.15.0"}}}]
  regions:
    - name: us-west1
      clusters: [{name: usw1, replicas: 1, dnsServers: [%[2]s], podCIDRs: [10.244.0.0/16]}]
    - name: us-east1
      clusters: [{name: use1, replicas: 2, dnsServers: [%[3]s], podCIDRs: [10.245.0.0/16]}]
`

// insider is the authority inside cluster usw1, run here by the rights that the manifests give it.
type insider struct {
	*bank
	name        string
	tail        byte   // of the Services' addresses
	credentials string // directory
	address     string
	health      string
	process     *subprocess.Process
}

// TestAuthorityInside runs the authority with nothing but what its manifests grant, on real API servers that take the
// manifests: its own cluster at once, the other one as soon as there are credentials for it.
func TestAuthorityInside(t *testing.T) {
	t.Parallel()
	in := newInsider(t, "inside", 9)
	for _, cluster := range []string{"usw1", "use1"} {
		in.applyAuthority(cluster)
	}
	in.slice("usw1", "inside-0", "10.244.0.7")
	in.slice("use1", "inside-1", "10.245.0.7")
	in.run()
	in.answers("inside-0.usw1", "NOERROR [10.244.0.7]")
	in.answers("inside-1.use1", "SERVFAIL []")
	in.readyAfter("200 ok")
	in.issue("use1", "")
	in.answers("inside-1.use1", "NOERROR [10.245.0.7]")
	in.slice("use1", "inside-1", "10.245.0.8")
	in.answers("inside-1.use1", "NOERROR [10.245.0.8]")
	in.answers("join-0", "NOERROR [10.244.0.7]")
	in.record("use1", `{"slots": ["use1/inside-1", "usw1/inside-0", "use1/inside-0", "usw1/inside-0", "use1/inside-1"]}`)
	in.answers("join-0", "NOERROR [10.245.0.8]")
	in.mayDoNoMore("use1")
}

func newInsider(t *testing.T, name string, tail byte) *insider {
	in := &insider{name: name, tail: tail, bank: &bank{t: t, sandbox: sandbox(t, "gate-on"), dir: t.TempDir()}}
	in.credentials = filepath.Join(in.dir, "credentials")
	text := fmt.Sprintf(insideTopology, name, in.serviceAddress("usw1"), in.serviceAddress("use1"))
	if err := os.WriteFile(in.file(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return in
}

// serviceAddress is an address in the cluster's range for Services that its tail keeps from being given to another.
func (in *insider) serviceAddress(cluster string) string {
	in.t.Helper()
	api, err := in.sandbox.clients[cluster].CoreV1().Services("default").Get(in.t.Context(), "kubernetes", metav1.GetOptions{})
	if err != nil {
		in.t.Fatal(err)
	}
	ip := net.ParseIP(api.Spec.ClusterIP).To4()
	return net.IPv4(ip[0], ip[1], ip[2], in.tail).String() // the low end of the range is kept for fixed addresses (KEP-3070)
}

// applyAuthority applies what `dns serve --manifests` prints, as an operator would.
func (in *insider) applyAuthority(cluster string) {
	in.t.Helper()
	clusters, err := kube.Open(in.sandbox.kubeconfig, map[string]string{cluster: cluster}, kube.Options{Version: "test"})
	if err != nil {
		in.t.Fatal(err)
	}
	namespace := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": in.name}}
	if _, err := clusters[cluster].EnsureNamespace(in.t.Context(), namespace); err != nil {
		in.t.Fatal(err)
	}
	objects, err := build.Objects([]byte(in.expect(0, "dns", "serve", "--manifests", "--cluster", cluster).stdout))
	if err != nil {
		in.t.Fatal(err)
	}
	for _, object := range objects {
		if _, err := clusters[cluster].Apply(in.t.Context(), object, kube.ApplyOptions{Manager: kube.ManagerQuorate}); err != nil {
			in.t.Fatal(err)
		}
	}
	differences, err := clusters[cluster].Compare(in.t.Context(), kube.Scope{Deployment: in.name, Namespace: in.name}, objects)
	if err != nil {
		in.t.Fatal(err)
	}
	for _, o := range differences {
		delete(o.Live, "metadata") // its resourceVersion and the like
		delete(o.After, "metadata")
		if len(o.Conflicts)+len(o.Shared) > 0 || o.Rejected != "" || !reflect.DeepEqual(o.Live, o.After) {
			in.t.Errorf("%s: what was applied would be applied again: %+v", cluster, o)
		}
	}
}

// slice makes the governing Service's slice hold one pod.
func (in *insider) slice(cluster, pod, ip string) {
	in.t.Helper()
	api := in.sandbox.clients[cluster].DiscoveryV1().EndpointSlices(in.name)
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "by-hand", Labels: map[string]string{discoveryv1.LabelServiceName: in.name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{ip}, Hostname: &pod, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod, UID: "uid-1"},
		}},
	}
	_, err := api.Create(in.t.Context(), slice, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = api.Update(in.t.Context(), slice, metav1.UpdateOptions{})
	}
	if err != nil {
		in.t.Fatal(err)
	}
}

// record writes the deployment's record as far as the authority reads it.
func (in *insider) record(cluster, database string) {
	in.t.Helper()
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: regions.RecordName(in.name)}, Data: map[string]string{"database.json": database}}
	if _, err := in.sandbox.clients[cluster].CoreV1().ConfigMaps(in.name).Create(in.t.Context(), config, metav1.CreateOptions{}); err != nil {
		in.t.Fatal(err)
	}
}

// way is a kubeconfig with one cluster, opened by a token of the authority's ServiceAccount.
func (in *insider) way(cluster, tokenFile string) *clientcmdapi.Config {
	in.t.Helper()
	return in.wayOf(regions.AuthorityName(in.name), cluster, tokenFile)
}

// wayOf is that of any ServiceAccount.
func (in *insider) wayOf(account, cluster, tokenFile string) *clientcmdapi.Config {
	in.t.Helper()
	all, err := clientcmd.LoadFromFile(in.sandbox.kubeconfig)
	if err != nil {
		in.t.Fatal(err)
	}
	request := &authenticationv1.TokenRequest{}
	accounts := in.sandbox.clients[cluster].CoreV1().ServiceAccounts(in.name)
	token, err := accounts.CreateToken(in.t.Context(), account, request, metav1.CreateOptions{})
	if err != nil {
		in.t.Fatal(err)
	}
	if err := os.WriteFile(tokenFile, []byte(token.Status.Token), 0o600); err != nil {
		in.t.Fatal(err)
	}
	out := clientcmdapi.NewConfig()
	server := all.Clusters[all.Contexts[cluster].Cluster]
	if server.CertificateAuthorityData == nil {
		if server.CertificateAuthorityData, err = os.ReadFile(server.CertificateAuthority); err != nil {
			in.t.Fatal(err)
		}
		server.CertificateAuthority = ""
	}
	out.Clusters[cluster] = server
	out.AuthInfos[cluster] = &clientcmdapi.AuthInfo{TokenFile: tokenFile}
	out.Contexts[cluster] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: cluster}
	return out
}

// run starts the authority of usw1; a kubeconfig with its token stands in for the files in a pod.
func (in *insider) run() {
	in.t.Helper()
	own := filepath.Join(in.dir, "own.kubeconfig")
	if err := clientcmd.WriteToFile(*in.wayOf(regions.AuthorityPodAccount(in.name), "usw1", filepath.Join(in.dir, "own.token")), own); err != nil {
		in.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		in.t.Fatal(err)
	}
	in.health = listener.Addr().String()
	if err := listener.Close(); err != nil {
		in.t.Fatal(err)
	}
	cmd := exec.CommandContext(in.t.Context(), shared.quorate, "dns", "serve", "--in-cluster", "usw1", "-f", in.file(), "--kubeconfig", own,
		"--credentials", in.credentials, "--listen", "127.0.0.1:0", "--health", in.health, "--service", in.name+"="+in.name, "--log-level", "info")
	cmd.Env = append(os.Environ(), "HTTP2_READ_IDLE_TIMEOUT_SECONDS=5", "HTTP2_PING_TIMEOUT_SECONDS=5") // as the manifests do
	process := subprocess.Start(in.t, cmd)
	in.process = process
	in.address = process.Find(in.t, regexp.MustCompile(`serving \S+ at (\S+) `))
	in.t.Cleanup(func() {
		if in.t.Failed() {
			in.t.Log(process.Output())
		}
	})
}

// issue puts credentials for a cluster where the Secret would be mounted; server, where given, is where its API
// server is reached.
func (in *insider) issue(cluster, server string) {
	in.t.Helper()
	if err := os.MkdirAll(in.credentials, 0o700); err != nil {
		in.t.Fatal(err)
	}
	config := in.way(cluster, filepath.Join(in.credentials, regions.CredentialsToken(cluster)))
	if server != "" {
		config.Clusters[cluster].Server = server
	}
	if err := clientcmd.WriteToFile(*config, filepath.Join(in.credentials, regions.CredentialsKubeconfig)); err != nil {
		in.t.Fatal(err)
	}
}

// answers waits until the authority answers the name so.
func (in *insider) answers(name, want string) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), time.Minute)
	defer cancel()
	var got string
	for ctx.Err() == nil {
		answer, err := query.Client{}.LookupAddresses(ctx, in.address, name+"."+in.name+".db.example.com.")
		if err != nil {
			in.t.Fatal(err)
		}
		if got = fmt.Sprint(answer.Rcode, " ", answer.Addresses); got == want {
			return
		}
		pause(ctx)
	}
	in.t.Fatalf("%s is answered %s, want %s", name, got, want)
}

// readyAfter waits until the probe gives the answer.
func (in *insider) readyAfter(want string) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), time.Minute)
	defer cancel()
	var got string
	for ctx.Err() == nil {
		if got = in.probe(ctx); got == want {
			return
		}
		pause(ctx)
	}
	in.t.Fatalf("/readyz answers %q, want %q", got, want)
}

func (in *insider) probe(ctx context.Context) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+in.health+"/readyz", nil)
	if err != nil {
		in.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body := make([]byte, 200)
	n, _ := response.Body.Read(body)
	return fmt.Sprint(response.StatusCode, " ", strings.TrimSpace(string(body[:n])))
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// mayDoNoMore: the token opens neither Secrets nor other ConfigMaps, and nothing in other namespaces.
func (in *insider) mayDoNoMore(cluster string) {
	in.t.Helper()
	config, err := clientcmd.NewDefaultClientConfig(*in.way(cluster, filepath.Join(in.dir, "probe.token")), &clientcmd.ConfigOverrides{CurrentContext: cluster}).ClientConfig()
	if err != nil {
		in.t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		in.t.Fatal(err)
	}
	ctx := in.t.Context()
	_, secrets := client.CoreV1().Secrets(in.name).List(ctx, metav1.ListOptions{})
	_, other := client.CoreV1().ConfigMaps(in.name).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
	_, elsewhere := client.DiscoveryV1().EndpointSlices("default").List(ctx, metav1.ListOptions{})
	_, pods := client.CoreV1().Pods(in.name).List(ctx, metav1.ListOptions{})
	for what, err := range map[string]error{"Secrets": secrets, "another ConfigMap": other, "another namespace": elsewhere, "Pods": pods} {
		if !apierrors.IsForbidden(err) {
			in.t.Errorf("%s: got %v, want it forbidden", what, err)
		}
	}
}
