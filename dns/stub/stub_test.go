package stub

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quorate.dev/quorate/regions"
)

// kubeadm is the Corefile that kubeadm 1.34 writes.
const kubeadm = `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
`

// custom is the Corefile of AKS.
var custom = strings.Replace(kubeadm, "    loadbalance\n}\n", "    loadbalance\n    import custom/*.override\n}\nimport custom/*.server\n", 1)

func addr(text string) netip.AddrPort {
	server, err := ParseServer(text)
	if err != nil {
		panic(err)
	}
	return server
}

// bank is a deployment of two clusters in one region each and one of two clusters.
func bank() *regions.Topology {
	cluster := func(name string) regions.Cluster {
		return regions.Cluster{Name: name, Namespace: "db", Replicas: 2}
	}
	return &regions.Topology{Metadata: regions.Metadata{Name: "bank"}, Spec: regions.Spec{
		DNS: regions.DNS{Zone: "bank.db.example.com"},
		Regions: []regions.Region{
			{Name: "us-west1", Clusters: []regions.Cluster{cluster("usw1")}},
			{Name: "us-east1", Clusters: []regions.Cluster{cluster("use1")}},
			{Name: "europe", Clusters: []regions.Cluster{cluster("euw1"), cluster("euw4")}},
		},
	}}
}

func delegation(t testing.TB, servers ...string) Entry {
	t.Helper()
	var to []netip.AddrPort
	for _, s := range servers {
		to = append(to, addr(s))
	}
	e, err := Delegation(bank(), to)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func chainInput() ChainInput {
	return ChainInput{
		Topology: bank(), Services: map[string]string{"bank": "bank"},
		Slots: []regions.ReplicaID{{Cluster: "use1", Pool: "bank"}, {Cluster: "usw1", Pool: "bank"}, {Cluster: "euw1", Pool: "bank"}, {Cluster: "use1", Pool: "bank", Ordinal: 1}},
		Servers: map[string][]netip.AddrPort{
			"use1": {addr("10.1.0.10")}, "usw1": {addr("10.2.0.10"), addr("10.2.0.11:5353")}, "euw1": {addr("10.3.0.10")}, "euw4": {addr("10.4.0.10")},
		},
	}
}

func corefileInput(text string, e Entry) Input {
	return Input{Flavour: Corefile, Entry: e, Main: Config{Object: "ConfigMap coredns", Data: map[string]string{CorefileKey: text}}}
}

func planned(t testing.TB, in Input) Edit {
	t.Helper()
	edit, err := Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	return edit
}

// golden compares with a file of testdata; -update is left out on purpose: they are few and short.
func golden(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatalf("%v; got:\n%s", err, got)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
	}
}

func TestTheWholeCorefile(t *testing.T) {
	t.Parallel()
	golden(t, "delegation.Corefile", planned(t, corefileInput(kubeadm, delegation(t, "10.96.0.53", "[fd00::53]:5353"))).After)
	chain, err := Chain(chainInput(), "use1")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "chain.Corefile", planned(t, corefileInput(kubeadm, chain)).After)
}

func TestChainRefuses(t *testing.T) {
	t.Parallel()
	in := chainInput()
	delete(in.Servers, "euw4")
	if _, err := Chain(in, "use1"); err == nil || !strings.Contains(err.Error(), "cluster euw4: no address") {
		t.Errorf("no address of euw4: %v", err)
	}
	in = chainInput()
	in.Servers["euw4"] = in.Servers["euw1"]
	var loop *LoopError
	if _, err := Chain(in, "use1"); !errors.As(err, &loop) || !strings.Contains(err.Error(), "10.3.0.10:53 is named as the DNS of euw1 and of euw4") {
		t.Errorf("one address of two clusters: %v", err)
	}
	in = chainInput()
	in.Services = nil
	if _, err := Chain(in, "use1"); err == nil || !strings.Contains(err.Error(), "governing Service of pool bank") {
		t.Errorf("no Service: %v", err)
	}
	if _, err := Delegation(bank(), nil); err == nil {
		t.Error("a delegation to nobody")
	}
}

// TestStates: what is found, and what is then done.
func TestStates(t *testing.T) {
	t.Parallel()
	e := delegation(t, "10.96.0.53")
	present := planned(t, corefileInput(kubeadm, e)).After
	edited := strings.Replace(present, "cache 5", "cache 300", 1)
	for name, test := range map[string]struct {
		text    string
		state   State
		refused bool
	}{
		"absent":                    {kubeadm, Absent, false},
		"present":                   {present, Present, false},
		"outdated":                  {planned(t, corefileInput(kubeadm, delegation(t, "10.96.0.54"))).After, Outdated, false},
		"edited":                    {edited, Edited, true},
		"edited mark":               {strings.Replace(present, "# quorate:end bank", "#  quorate:end bank", 1), Edited, true},
		"upgraded":                  {strings.Replace(kubeadm, "ttl 30", "ttl 5", 1), Absent, false},
		"beside another deployment": {strings.ReplaceAll(strings.ReplaceAll(present, "bank.db", "shop.db"), "# quorate:begin bank", "# quorate:begin shop"), Absent, true},
	} {
		in := corefileInput(test.text, e)
		edit, err := Plan(in)
		if name == "beside another deployment" { // its end mark is still bank's: neither can be told
			if err == nil {
				t.Errorf("%s: a stray mark is no error", name)
			}
			continue
		}
		if err != nil || edit.State != test.state || (edit.Refusal != nil) != test.refused {
			t.Errorf("%s: %v %s %v", name, err, edit.State, edit.Refusal)
		}
		if edit.Changes() != (test.state == Absent || test.state == Outdated) {
			t.Errorf("%s: changes: %t", name, edit.Changes())
		}
		in.Force = true
		if forced := planned(t, in); name != "upgraded" && forced.After != present || forced.State != test.state {
			t.Errorf("%s, forced: %s\n%s", name, forced.State, forced.After)
		}
	}
	// What others serve is seen behind the entry, too.
	if edit := planned(t, corefileInput(present+"bank.db.example.com:53 {\n    whoami\n}\n", e)); edit.State != Foreign || edit.Changes() {
		t.Errorf("a block behind the entry: %+v", edit)
	}
	in := corefileInput(edited, e)
	in.Remove = true
	if edit := planned(t, in); edit.Refusal == nil || edit.Changes() {
		t.Error("an edited entry is removed")
	}
	in.Force = true
	if edit := planned(t, in); edit.After != kubeadm {
		t.Errorf("removed by force:\n%s", edit.After)
	}
}

// TestForeign: what others serve is refused with its line, or said.
func TestForeign(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"bank.db.example.com {\n  forward . 1.1.1.1\n}\n":                                             "line 1: a server block for bank.db.example.com answers for bank.db.example.com already",
		"\nother:53 dns://Bank.DB.example.com.:53 {\n  whoami\n}\n":                                   "line 2: a server block for dns://Bank.DB.example.com.:53 answers",
		"x,\nuse1.bank.db.example.com {\n  whoami\n}\n":                                               "line 2: a server block for use1.bank.db.example.com takes use1.bank.db.example.com away",
		"db.example.com {\n  file /zones/db\n}\n":                                                     "line 1: a server block for db.example.com has answers of its own",
		". {\n  file /zones/db example.org example.com\n}\n":                                          "line 2: plugin file has answers of its own for example.com",
		". {\n  kubernetes example.com\n}\n":                                                          "line 2: plugin kubernetes has answers of its own for example.com",
		"(s) {\n  forward bank.db.example.com 1.1.1.1\n}\n. {\n  import s\n}\n":                       "line 5: plugin forward answers for bank.db.example.com already",
		"bank.db.example.com:5353 {\n  whoami\n}\n":                                                   "",
		"tls://bank.db.example.com {\n  whoami\n}\n":                                                  "",
		". {\n  log\n}\n# bank.db.example.com {\n\"\" 10.0.0.0/8 2001:db8::/32 {\n whoami\n}\n":       "",
		"db.example.com {\n  forward . 1.1.1.1\n}\n":                                                  "note: line 1: a server block for db.example.com passes db.example.com on; the entry takes bank.db.example.com out of that",
		"{$ZONE} {\n  whoami\n}\nimport other/*\n":                                                    "note: line 1: which zone {$ZONE} stands for",
		". {\n  forward . 8.8.8.8\n}\nexample.com bank.db.example.co mybank.db.example.com {\nlog\n}": "note: line 4",
		".\nforward . 8.8.8.8\n":                                                                      "line 1: this block has no braces",
		". {\n  template ANY ANY bank.db.example.com {\n    rcode REFUSED\n  }\n}\n":                  "line 2: plugin template answers",
	} {
		edit := planned(t, corefileInput(text, delegation(t, "10.96.0.53")))
		note, isNote := strings.CutPrefix(want, "note: ")
		switch {
		case want == "" || isNote:
			if edit.Refusal != nil || !strings.Contains(strings.Join(edit.Notes, "\n"), note) {
				t.Errorf("%s\n%v %q, want %q", text, edit.Refusal, edit.Notes, want)
			}
		case edit.Refusal == nil || !strings.Contains(edit.Refusal.Error(), want) || edit.State != Foreign:
			t.Errorf("%s\n%s %v, want %q", text, edit.State, edit.Refusal, want)
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		". {\n  log\n":                           "line 1: the block that begins here is never closed",
		". {\n  log\n}\n}\n":                     "line 4: a brace is closed that was never opened",
		". {\n  log {\n  }\n  x \"abc\n}\n":      "line 4: the quotes that open here are never closed",
		"{\n  log\n}\n":                          "line 1: a block without a zone",
		". {\n  a }\n}\n":                        "line 2: a brace is closed",
		"x, {\n}\n":                              "line 1: a zone is missing behind the comma",
		"# quorate:begin bank 123\n. {\n}\n":     "line 1: the mark that ends what quorate wrote",
		"# quorate:end bank\n":                   "line 1: this mark of quorate",
		". {\n# quorate:begin bank 0\nerrors\n}": "line 2: this mark of quorate",
		"# quorate:begin bank 0\n. {\n# quorate:end bank\nerrors\n}\n": "line 3: this mark of quorate",
	} {
		if _, err := Plan(corefileInput(text, delegation(t, "10.96.0.53"))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestLoops(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text, to string
		own      []netip.AddrPort
		want     string
	}{
		"its own Service":  {kubeadm, "10.96.0.10", []netip.AddrPort{addr("10.96.0.10")}, "10.96.0.10:53, which is this cluster's own DNS"},
		"its loopback":     {kubeadm, "127.0.0.1", nil, "this cluster's own DNS"},
		"where it listens": {".:53 {\n  bind 169.254.20.10\n  forward . 10.96.0.10\n}\n", "169.254.20.10", nil, "this cluster's own DNS"},
		"another port":     {kubeadm, "127.0.0.1:1053", nil, ""},
	} {
		in := corefileInput(test.text, delegation(t, test.to))
		in.Own = test.own
		edit := planned(t, in)
		var loop *LoopError
		if (test.want == "") != (edit.Refusal == nil) || test.want != "" && (!errors.As(edit.Refusal, &loop) || !strings.Contains(edit.Refusal.Error(), test.want)) {
			t.Errorf("%s: %v", name, edit.Refusal)
		}
	}
	point := func(name, to string) string { return kubeadm + name + ":53 {\n  forward . " + to + "\n}\n" }
	nodes := []Node{
		{"use1", point("usw1.bank.db.example.com", "10.2.0.10"), []netip.AddrPort{addr("10.1.0.10")}},
		{"usw1", point("bank.db.example.com", "dns://10.3.0.10:53 10.9.9.9"), []netip.AddrPort{addr("10.2.0.10")}},
		{"euw1", point("db.example.com", "10.1.0.10"), []netip.AddrPort{addr("10.3.0.10")}},
	}
	err := Loops(nodes, []string{"usw1.bank.db.example.com", "euw1.bank.db.example.com", "example.org"})
	if err == nil || !strings.Contains(err.Error(), "usw1.bank.db.example.com would be forwarded in a circle: use1 → usw1 → euw1 → use1") || strings.Contains(err.Error(), "euw1.bank.db") {
		t.Errorf("got %v", err)
	}
	chained := chainInput()
	nodes = nil
	for cluster, servers := range chained.Servers {
		e, err := Chain(chained, cluster)
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, Node{cluster, planned(t, corefileInput(kubeadm, e)).After, servers})
	}
	if err := Loops(nodes, []string{"bank-0.use1.bank.db.example.com", "join-0.bank.db.example.com", "bank.db.example.com"}); err != nil {
		t.Error(err)
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	of := func(text string) Config { return Config{Data: map[string]string{CorefileKey: text}} }
	for want, test := range map[Flavour]struct {
		config  Config
		labels  map[string]string
		kubeDNS bool
	}{
		Corefile: {of(kubeadm), nil, true}, AKS: {of(custom), nil, false},
		EKS: {of(kubeadm), map[string]string{"eks.amazonaws.com/component": "coredns"}, false}, KubeDNS: {Config{}, nil, true}, "": {},
	} {
		if got, err := Detect(test.config, test.labels, test.kubeDNS); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %s %v", want, got, err)
		}
	}
	if host, err := HostOf(".:5353 {\n bind 169.254.20.10\n kubernetes Corp.Local\n}\n"); err != nil || host.Port != "5353" || host.Domain != "corp.local." || len(host.Bind) != 1 {
		t.Errorf("%+v %v", host, err)
	}
}

// A cluster that forwards a name to itself under another name is no circle; one that does so under the same name is.
func TestLoopsFollowsRewrites(t *testing.T) {
	node := func(rule, to string) []Node {
		text := ".:53 {\n    kubernetes cluster.local\n}\nuse1.bank.test {\n    " + rule + "\n    forward . 10.0.0.53\n}\n" +
			"other.test {\n    forward . " + to + "\n}\n"
		return []Node{{"use1", text, []netip.AddrPort{addr("10.0.0.53")}}}
	}
	for rule, loops := range map[string]bool{
		"errors": true,
		"rewrite stop name exact use1.bank.test. bank.ns.svc.cluster.local.": false,
		"rewrite name use1.bank.test bank.ns.svc.cluster.local":              false,
		"rewrite name exact euw1.bank.test bank.ns.svc.cluster.local":        true,
		"rewrite stop name exact use1.bank.test x.use1.bank.test":            true,
		"rewrite stop name exact use1.bank.test x.other.test":                true,
		"rewrite ttl use1.bank.test 5":                                       true,
	} {
		if err := Loops(node(rule, "10.0.0.53"), []string{"use1.bank.test"}); (err != nil) != loops {
			t.Errorf("%s: %v", rule, err)
		}
	}
}
