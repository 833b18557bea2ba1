package kube

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"quorate.dev/quorate/regions"
)

// mountedKubeconfig is what apply writes for euw1 at the address, with what must not be heeded beside it.
func mountedKubeconfig(server string) string {
	return `apiVersion: v1
kind: Config
clusters:
- {name: euw1, cluster: {server: "` + server + `"}}
users:
- {name: euw1, user: {tokenFile: /etc/quorate/credentials/euw1.token, exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/false, interactiveMode: Never}}}
contexts:
- {name: euw1, context: {cluster: euw1, user: euw1}}
`
}

func writeMounted(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestMounted: credentials that come later are taken up within seconds, ones that change take the place of the
// former, and ones that vanish or are spoilt leave the present ones in use.
func TestMounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		m := OpenMounted(filepath.Join(dir, "credentials"), []string{"euw1", "ase1"}, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { m.Run(ctx); close(done) }()
		_, first, err := m.Cluster("euw1")
		if err == nil || !strings.Contains(err.Error(), "cluster euw1") || !strings.Contains(err.Error(), "there are none yet") {
			t.Fatalf("without a directory: %v", err)
		}
		dir = filepath.Join(dir, "credentials")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		writeMounted(t, dir, regions.CredentialsKubeconfig, mountedKubeconfig("https://10.0.0.1:6443"))
		time.Sleep(2 * time.Second)
		if _, _, err := m.Cluster("euw1"); err == nil || !strings.Contains(err.Error(), "there is no token in euw1.token") {
			t.Fatalf("without a token: %v", err)
		}
		writeMounted(t, dir, "euw1.token", "secret-token")
		replacedSoon(t, first)
		present, second, err := m.Cluster("euw1")
		if err != nil || present.config.Host != "https://10.0.0.1:6443" || present.config.BearerTokenFile != filepath.Join(dir, "euw1.token") || present.config.ExecProvider != nil {
			t.Fatalf("%v, %+v", err, present)
		}
		if _, _, err := m.Cluster("ase1"); err == nil || !strings.Contains(err.Error(), "no context of that name") {
			t.Errorf("ase1: %v", err)
		}
		writeMounted(t, dir, "euw1.token", "another-token") // client-go reads it again by itself
		writeMounted(t, dir, regions.CredentialsKubeconfig, "not: [a, kubeconfig")
		time.Sleep(3 * time.Second)
		if again, _, err := m.Cluster("euw1"); err != nil || again != present {
			t.Errorf("a spoilt file took the way in: %v", err)
		}
		writeMounted(t, dir, regions.CredentialsKubeconfig, mountedKubeconfig("https://10.0.0.2:6443"))
		replacedSoon(t, second)
		if moved, _, err := m.Cluster("euw1"); err != nil || moved.config.Host != "https://10.0.0.2:6443" {
			t.Errorf("after a change: %v, %+v", err, moved)
		}
		cancel()
		<-done
	})
}

// replacedSoon waits until the channel is closed, for two looks at the directory at most.
func replacedSoon(t *testing.T, replaced <-chan struct{}) {
	t.Helper()
	select {
	case <-replaced:
	case <-time.After(2 * mountedEvery):
		t.Fatal("the change was not taken up")
	}
}

func TestMountedAsksForWhatItWasToldOf(t *testing.T) {
	m := OpenMounted(t.TempDir(), nil, Options{})
	if _, _, err := m.Cluster("mars"); err == nil || !strings.Contains(err.Error(), "mars") {
		t.Errorf("got %v", err)
	}
}

// TestInClusterOutside: outside of a pod the error says what to do.
func TestInClusterOutside(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if _, err := InCluster("use1", Options{}); err == nil || !strings.Contains(err.Error(), "cluster use1") || !strings.Contains(err.Error(), "--kubeconfig") {
		t.Errorf("got %v", err)
	}
}
