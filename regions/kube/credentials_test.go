package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"pgregory.net/rapid"

	"quorate.dev/quorate/regions"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func endpointOn(server string) Endpoint { return Endpoint{Server: server, CA: []byte("ca")} }

func authorityScope(now time.Time, clusters ...string) AuthorityScope {
	scope := AuthorityScope{Watches: map[string]Endpoint{}, Now: func() time.Time { return now }}
	for _, c := range clusters {
		scope.Watches[c] = endpointOn("https://" + c)
	}
	return scope
}

func grant(cluster string, lifetime time.Duration) Grant {
	return Grant{
		Cluster: cluster, Account: "uid-" + cluster, Issued: epoch, Expires: epoch.Add(lifetime),
		endpoint: endpointOn("https://" + cluster), sealed: &sealed{[]byte("secret-of-" + cluster)},
	}
}

// stored is the Secret as the API server would keep what object makes.
func stored(t interface{ Fatal(...any) }, held *credentials) *corev1.Secret {
	object, err := held.object(Scope{Deployment: "bank", Namespace: "db"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{}
	if err := json.Unmarshal(data, secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestCredentialsDue(t *testing.T) {
	day := 24 * time.Hour
	held := func(edit func(*corev1.Secret)) *credentials {
		h := decodeCredentials(&corev1.Secret{})
		h.take(authorityScope(epoch, "eu1"), []Grant{grant("eu1", 90*day)})
		secret := stored(t, h)
		edit(secret)
		return decodeCredentials(secret)
	}
	same := func(*corev1.Secret) {}
	cases := map[string]struct {
		edit func(*corev1.Secret)
		now  time.Time
		due  string
	}{
		"new":                   {same, epoch.Add(day), ""},
		"half its life left":    {same, epoch.Add(45 * day), ""},
		"less than half":        {same, epoch.Add(45*day + time.Second), "expires 2026-04-01T00:00:00Z"},
		"over":                  {same, epoch.Add(91 * day), "expired 2026-04-01T00:00:00Z"},
		"no annotation":         {func(s *corev1.Secret) { s.Annotations = nil }, epoch, "never issued"},
		"not an annotation":     {func(s *corev1.Secret) { s.Annotations[credentialsAnnotation] = "{" }, epoch, "never issued"},
		"an annotation of null": {func(s *corev1.Secret) { s.Annotations[credentialsAnnotation] = "null" }, epoch, "never issued"},
		"another server": {func(s *corev1.Secret) {
			s.Data["kubeconfig"] = bytes.ReplaceAll(s.Data["kubeconfig"], []byte("https://eu1"), []byte("https://eu9"))
		}, epoch, "the address or the certificate authority of its API server has changed"},
		"no token":         {func(s *corev1.Secret) { delete(s.Data, "eu1.token") }, epoch, "a part of it is missing from the Secret"},
		"no kubeconfig":    {func(s *corev1.Secret) { delete(s.Data, "kubeconfig") }, epoch, "a part of it is missing from the Secret"},
		"not a kubeconfig": {func(s *corev1.Secret) { s.Data["kubeconfig"] = []byte("\t") }, epoch, "a part of it is missing from the Secret"},
		"nothing at all":   {func(s *corev1.Secret) { *s = corev1.Secret{} }, epoch, "never issued"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			states := held(c.edit).states(authorityScope(c.now, "eu1"))
			if len(states) != 1 || states[0].Due != c.due || states[0].Extra {
				t.Errorf("got %+v, want due %q", states, c.due)
			}
			again := held(c.edit)
			again.take(authorityScope(c.now, "eu1"), []Grant{grant("eu1", 90*day)})
			if states := again.states(authorityScope(epoch, "eu1")); len(states) != 1 || states[0].Due != "" {
				t.Errorf("issued anew: %+v", states)
			}
		})
	}
	moved := authorityScope(epoch, "eu1")
	moved.Watches["eu1"] = endpointOn("https://elsewhere")
	if states := held(same).states(moved); !strings.Contains(states[0].Due, "has changed") {
		t.Errorf("with another address: %+v", states)
	}
	if states := held(same).states(authorityScope(epoch, "ap1")); len(states) != 2 || states[0].Due != regions.DueNever || !states[1].Extra {
		t.Errorf("with another cluster: %+v", states)
	}
}

// TestCredentialsRoundTrip: whatever is taken comes back whole, what is outside the topology
// is gone, and the same credentials give the same bytes.
func TestCredentialsRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		names := []string{"a", "b", "c", "d"}
		pick := func(label string) []string {
			return slices.DeleteFunc(slices.Clone(names), func(string) bool { return !rapid.Bool().Draw(r, label) })
		}
		h := decodeCredentials(&corev1.Secret{})
		has := map[string]bool{}
		for range rapid.IntRange(1, 4).Draw(r, "writes") {
			watched, granted := pick("watched"), pick("granted")
			scope := authorityScope(epoch, watched...)
			var grants []Grant
			for _, g := range granted {
				grants = append(grants, grant(g, time.Hour))
				has[g] = true
			}
			for name := range has {
				has[name] = slices.Contains(watched, name) && has[name]
			}
			h.take(scope, grants)
			first, second := stored(r, h), stored(r, h)
			if fmt.Sprint(first) != fmt.Sprint(second) {
				r.Fatal("two encodings of the same credentials")
			}
			h = decodeCredentials(first)
			for _, name := range names {
				if _, noted := h.notes[name]; noted != has[name] {
					r.Fatalf("%s held: %v, want %v", name, noted, has[name])
				}
				if has[name] && string(first.Data[name+".token"]) != "secret-of-"+name || !has[name] && first.Data[name+".token"] != nil {
					r.Fatalf("token of %s: %q", name, first.Data[name+".token"])
				}
			}
			checkKubeconfig(r, first, has)
		}
	})
}

func checkKubeconfig(r *rapid.T, secret *corev1.Secret, has map[string]bool) {
	config, err := clientcmd.Load(secret.Data["kubeconfig"])
	if err != nil {
		r.Fatal(err)
	}
	for name, held := range has {
		context := config.Contexts[name]
		if (context != nil) != held {
			r.Fatalf("context %s: %v, want %v", name, context, held)
		}
		if !held {
			continue
		}
		user, cluster := config.AuthInfos[context.AuthInfo], config.Clusters[context.Cluster]
		if user.TokenFile != "/etc/quorate/credentials/"+name+".token" || user.Token != "" {
			r.Fatalf("user of %s: %v", name, user)
		}
		if cluster.Server != "https://"+name || string(cluster.CertificateAuthorityData) != "ca" {
			r.Fatalf("cluster %s: %v", name, cluster)
		}
	}
	if strings.Contains(string(secret.Data["kubeconfig"]), "secret-of-") {
		r.Fatal("a token is in the kubeconfig")
	}
}

// TestGrantShowsNoToken: however a Grant is printed, its token does not come out.
func TestGrantShowsNoToken(t *testing.T) {
	g := grant("eu1", time.Hour)
	encoded, err := json.Marshal([]any{g, &g})
	if err != nil {
		t.Fatal(err)
	}
	decimal := strings.Trim(fmt.Sprint([]byte("secret-of-eu1")), "[]")
	for _, text := range []string{
		string(encoded), fmt.Sprint(g), fmt.Sprintf("%v %+v %#v", g, &g, g), fmt.Sprintf("%+v", []Grant{g}),
	} {
		if strings.Contains(text, "secret-of") || strings.Contains(text, decimal) {
			t.Errorf("a token shows: %s", text)
		}
	}
}
