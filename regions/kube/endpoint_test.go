package kube

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

func TestEndpoint(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	inline := clientcmdapi.Cluster{Server: "https://10.0.0.1:6443", CertificateAuthorityData: []byte("inline")}
	with := func(edit func(*clientcmdapi.Cluster)) clientcmdapi.Cluster {
		out := inline
		edit(&out)
		return out
	}
	cases := map[string]struct {
		entry  clientcmdapi.Cluster
		server string
		want   Endpoint
		err    string
	}{
		"the kubeconfig's own":      {entry: inline, want: Endpoint{Server: "https://10.0.0.1:6443", CA: []byte("inline")}},
		"the topology's":            {entry: inline, server: "https://api.example.com", want: Endpoint{Server: "https://api.example.com", CA: []byte("inline")}},
		"a name of its certificate": {entry: with(func(c *clientcmdapi.Cluster) { c.TLSServerName = "kubernetes" }), want: Endpoint{Server: "https://10.0.0.1:6443", TLSServerName: "kubernetes", CA: []byte("inline")}},
		"an authority in a file": {
			entry: with(func(c *clientcmdapi.Cluster) { c.CertificateAuthorityData, c.CertificateAuthority = nil, file }),
			want:  Endpoint{Server: "https://10.0.0.1:6443", CA: []byte("from a file")},
		},
		"a file that is missing": {entry: with(func(c *clientcmdapi.Cluster) {
			c.CertificateAuthorityData, c.CertificateAuthority = nil, file+".not"
		}), err: "no such file"},
		"no authority":                    {entry: with(func(c *clientcmdapi.Cluster) { c.CertificateAuthorityData = nil }), err: "certificate-authority-data"},
		"nobody verifies":                 {entry: with(func(c *clientcmdapi.Cluster) { c.InsecureSkipTLSVerify = true }), err: "insecure-skip-tls-verify"},
		"nobody verifies the topology's":  {entry: with(func(c *clientcmdapi.Cluster) { c.InsecureSkipTLSVerify = true }), server: "https://a.example.com", err: "insecure-skip-tls-verify"},
		"in the clear":                    {entry: with(func(c *clientcmdapi.Cluster) { c.Server = "http://10.0.0.1:8080" }), err: "no https URL"},
		"in the clear, by the topology":   {entry: inline, server: "http://a.example.com", err: "no https URL"},
		"through the operator's proxy":    {entry: with(func(c *clientcmdapi.Cluster) { c.ProxyURL = "socks5://127.0.0.1:1080" }), err: "apiServer"},
		"a proxy that others do not need": {entry: with(func(c *clientcmdapi.Cluster) { c.ProxyURL = "socks5://127.0.0.1:1080" }), server: "https://a.example.com", want: Endpoint{Server: "https://a.example.com", CA: []byte("inline")}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := (&Cluster{name: "use1", entry: &c.entry}).Endpoint(c.server)
			switch {
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "use1")):
				t.Fatalf("error %v, want one about %q", err, c.err)
			case c.err == "" && err != nil:
				t.Fatal(err)
			}
			if got.digest() != c.want.digest() {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestEndpointDigestCoversAll(t *testing.T) {
	seen := map[string]Endpoint{}
	for _, e := range []Endpoint{
		{},
		{Server: "https://a"},
		{Server: "https://b"},
		{Server: "https://a", CA: []byte("x")},
		{Server: "https://a", CA: []byte("y")},
		{Server: "https://a", TLSServerName: "n"},
	} {
		if other, known := seen[e.digest()]; known {
			t.Errorf("%+v and %+v have one digest", e, other)
		}
		seen[e.digest()] = e
	}
}
