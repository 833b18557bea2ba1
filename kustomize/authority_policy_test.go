package kustomize_test

import (
	"net/netip"
	"slices"
	"testing"

	"quorate.dev/quorate/regions"
)

// traffic is one flow to or from the authority's pods.
type traffic struct {
	egress   bool
	peer     string
	protocol string
	port     int64
}

// passes evaluates a NetworkPolicy as the API defines it (networking.k8s.io/v1 NetworkPolicySpec): a direction that is among its
// policyTypes is closed but for its rules; a rule holds where one of its peers and one of its ports do, and a list
// that is missing or empty holds for all. No sandbox and no kubelet enforces it here; peers by ipBlock are all that it knows.
func passes(t *testing.T, policy map[string]any, flow traffic) bool {
	t.Helper()
	direction, peers, rules := "Ingress", "from", "ingress"
	if flow.egress {
		direction, peers, rules = "Egress", "to", "egress"
	}
	closed := false
	for _, kind := range listAt(policy, "spec", "policyTypes") {
		closed = closed || kind == direction
	}
	if !closed {
		return true
	}
	for _, rule := range listAt(policy, "spec", rules) {
		if holds(listAt(rule, peers), func(peer any) bool { return inBlock(t, peer, flow.peer) }) &&
			holds(listAt(rule, "ports"), func(port any) bool { return isPort(port, flow) }) {
			return true
		}
	}
	return false
}

func listAt(o any, path ...string) []any {
	list, _ := at(o, path...).([]any)
	return list
}

func holds(list []any, of func(any) bool) bool {
	return len(list) == 0 || slices.ContainsFunc(list, of)
}

func inBlock(t *testing.T, peer any, address string) bool {
	t.Helper()
	cidr, ok := at(peer, "ipBlock", "cidr").(string)
	if !ok || len(peer.(map[string]any)) != 1 || at(peer, "ipBlock", "except") != nil {
		t.Fatalf("this peer is more than the evaluation knows: %v", peer)
	}
	return netip.MustParsePrefix(cidr).Contains(netip.MustParseAddr(address))
}

func isPort(port any, flow traffic) bool {
	protocol, number := "TCP", at(port, "port")
	if p, ok := at(port, "protocol").(string); ok {
		protocol = p
	}
	return protocol == flow.protocol && (number == nil || number == flow.port)
}

// TestPolicyLetsThroughWhatIsNeeded, and nothing else. Probes come from the node and port-forwards from the loopback, which no policy governs.
func TestPolicyLetsThroughWhatIsNeeded(t *testing.T) {
	const pod, stranger, server = "10.1.7.7", "198.51.100.7", "203.0.113.5"
	known := func(top *regions.Topology) {
		for r := range top.Spec.Regions {
			for c := range top.Spec.Regions[r].Clusters {
				top.Spec.Regions[r].Clusters[c].APIServer = "https://203.0.113.5:16443"
			}
		}
	}
	tests := map[string]struct {
		change func(*regions.Topology)
		flow   traffic
		want   bool
	}{
		"a pod asks":                                      {nil, traffic{false, pod, "UDP", 1053}, true},
		"a pod asks over TCP":                             {nil, traffic{false, pod, "TCP", 1053}, true},
		"a pod collects metrics":                          {nil, traffic{false, pod, "TCP", 1055}, true},
		"a stranger asks":                                 {nil, traffic{false, stranger, "UDP", 1053}, false},
		"a stranger collects metrics":                     {nil, traffic{false, stranger, "TCP", 1055}, false},
		"a pod asks past the forwarder":                   {nil, traffic{false, pod, "UDP", regions.AuthorityPort}, false},
		"a pod asks the forwarder's health":               {nil, traffic{false, pod, "TCP", 8080}, false},
		"to the cluster's DNS":                            {nil, traffic{true, server, "UDP", 53}, true},
		"to the cluster's DNS over TCP":                   {nil, traffic{true, server, "TCP", 53}, true},
		"to a DNS that listens elsewhere":                 {nil, traffic{true, server, "UDP", 5353}, true},
		"to NodeLocal or another forwarder":               {nil, traffic{true, server, "UDP", 1053}, true},
		"to an API server":                                {nil, traffic{true, server, "TCP", 6443}, true},
		"to an API server at a port that is nobody's":     {nil, traffic{true, server, "TCP", 16443}, true},
		"anything else over UDP":                          {nil, traffic{true, stranger, "UDP", 443}, false},
		"known: to an API server":                         {known, traffic{true, server, "TCP", 16443}, true},
		"known: to the own one behind its Service":        {known, traffic{true, server, "TCP", 6443}, true},
		"known: to the own one by its Service":            {known, traffic{true, server, "TCP", 443}, true},
		"known: to anything else, such as a mail server":  {known, traffic{true, stranger, "TCP", 25}, false},
		"known: to the cluster's DNS":                     {known, traffic{true, server, "TCP", 53}, true},
		"known: a pod asks":                               {known, traffic{false, pod, "UDP", 1053}, true},
		"known: a stranger reaches no port of the pod":    {known, traffic{false, stranger, "TCP", 1053}, false},
		"known: nor does a pod one that is not for it":    {known, traffic{false, pod, "TCP", 22}, false},
		"known: another protocol than those that it uses": {known, traffic{true, server, "SCTP", 53}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			top := topology(t, "inside")
			top.Spec.Regions[0].Clusters[0].PodCIDRs = []string{"10.1.0.0/16"}
			if test.change != nil {
				test.change(top)
			}
			objects := authorityOf(t, top, top.Spec.Regions[0].Clusters[0].Name)
			policy := objects["NetworkPolicy"]
			want(t, "whom it is around", at(policy, "spec", "podSelector"), at(objects["Deployment"], "spec", "selector"))
			if got := passes(t, policy, test.flow); got != test.want {
				t.Errorf("passes: %t, want %t, by\n%v", got, test.want, policy)
			}
		})
	}
}

// TestPolicyNamesThePortsOfItsContainers: what it lets in is where the containers listen, the Service leads to, and the probes go.
func TestPolicyNamesThePortsOfItsContainers(t *testing.T) {
	objects := authorityOf(t, topology(t, "inside"), "par1")
	listens := map[any]bool{}
	for _, c := range listAt(objects["Deployment"], "spec", "template", "spec", "containers") {
		for _, p := range listAt(c, "ports") {
			listens[[2]any{at(p, "protocol"), at(p, "containerPort")}] = true
		}
	}
	for _, rule := range listAt(objects["NetworkPolicy"], "spec", "ingress") {
		for _, p := range listAt(rule, "ports") {
			if !listens[[2]any{at(p, "protocol"), at(p, "port")}] {
				t.Errorf("nothing listens on %v", p)
			}
		}
	}
}
