package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

func made(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a")
	subjects := []Subject{
		{File: "admin", User: "sandbox-admin", Group: "system:masters"},
		{File: "server", User: "server", Names: []string{"kubernetes"}, Addresses: []netip.Addr{netip.MustParseAddr("198.18.0.16")}},
	}
	if err := Ensure(dir, "a", subjects, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := Ensure(dir, "a", subjects, time.Now()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func certificate(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestCertificatesSayWhoTheyAre(t *testing.T) {
	dir := made(t)
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, dir, "ca"))
	admin := certificate(t, dir, "admin")
	if _, err := admin.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	if admin.Subject.CommonName != "sandbox-admin" || len(admin.Subject.Organization) != 1 || admin.Subject.Organization[0] != "system:masters" {
		t.Errorf("the administrator is %s", admin.Subject)
	}
	server := certificate(t, dir, "server")
	for _, name := range []string{"kubernetes", "198.18.0.16"} {
		if _, err := server.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("the server as %s: %v", name, err)
		}
	}
	if _, err := server.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("a server's certificate is taken for a client's")
	}
}

func TestCredentialsAreTheirOwnersAlone(t *testing.T) {
	dir := made(t)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 8 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", entry.Name(), info.Mode(), err)
		}
	}
}

func TestKubeconfigIsSelfContained(t *testing.T) {
	dir := made(t)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := WriteKubeconfig(file, dir, "admin", "use1", "https://198.18.0.16:6443"); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil || config.Host != "https://198.18.0.16:6443" || len(config.CAData) == 0 || len(config.CertData) == 0 || len(config.KeyData) == 0 {
		t.Errorf("%+v, %v", config, err)
	}
	if _, err := Kubeconfig(dir, "nobody", "use1", ""); err == nil {
		t.Error("missing credentials are no error")
	}
}
