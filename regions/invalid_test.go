package regions

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// here marks, in a bad topology, the line at which the problem must be reported.
const here = "# here"

// invalidCase is one kind of bad topology: good/bank.yaml with one edit. Where the edited text carries
// the mark, the problem is expected there; else on line.
type invalidCase struct {
	code     string
	old, new string
	strip    string // removed before the edit
	zone     string // instead of the DNS zone
	line     int
}

func fileCases() []invalidCase {
	const head = "apiVersion: quorate.dev/v1alpha1"
	return []invalidCase{
		{code: codeUnknownField, old: "  image: cock", new: "  imgae: x # here\n  image: cock"},
		{code: codeUnknownField, old: "    - name: us-east1", new: "    - name: us-east1\n      replica: 3 # here"},
		{code: codeUnknownField, old: "          replicas: 3", new: "          Replicas: 3 # here\n          replicas: 3"},
		{code: codeUnknownField, old: "  network: {mode: flat}", new: "  \"a\\n[\\\"b\": {mode: flat} # here"},
		{code: codeWrongType, old: "          replicas: 3", new: "          replicas: three # here"},
		{code: codeWrongType, old: "          replicas: 3", new: "          replicas: 3.5 # here"},
		{code: codeWrongType, old: "          replicas: 3", new: "          replicas: 99999999999999999999 # here"},
		{code: codeWrongType, old: "  name: bank\n", new: "  name: 7 # here\n"},
		{code: codeWrongType, old: `{cpu: "4", memory: 16Gi}`, new: `{cpu: 4, memory: 16Gi} # here`},
		{code: codeWrongType, old: "  network: {mode: flat}", new: "  network: flat # here"},
		{code: codeWrongType, old: "    order: [us-west1, us-east1, europe-west1]", new: "    order: us-west1 # here"},
		{code: codeWrongType, old: "  namespace: bank\n", new: "  namespace: 2026-01-01 # here\n"},
		{code: codeWrongType, old: "  namespace: bank\n", new: "  namespace: [bank] # here\n"},
		{code: codeWrongType, old: "  network: {mode: flat}", new: "  network: {? [a] : flat} # here"},
		{code: codeDuplicateKey, old: "  namespace: bank\n", new: "  namespace: bank\n  namespace: other # here\n"},
		{code: codeMergeKey, old: "  network: {mode: flat}", new: "  network:\n    <<: {mode: flat} # here"},
		{code: codeNotYAML, old: "  network: {mode: flat}", new: "  network: {mode: flat # here"},
		{code: codeNotYAML, old: "  namespace: bank\n", new: "  namespace: *nowhere # here\n"},
		{code: codeNotYAML, old: "  namespace: bank\n", new: "\tnamespace: bank\n", line: 7},
		{code: codeSeveralDocuments, old: head, new: "a: 1\n--- # here\n" + head},
		{code: codeMissingAPIVersion, old: head + "\n", line: 1},
		{code: codeUnknownAPIVersion, old: head, new: "apiVersion: quorate.dev/v2 # here"},
		{code: codeMissingKind, old: "kind: Topology\n", line: 1},
		{code: codeUnknownKind, old: "kind: Topology", new: "kind: Drill # here"},
	}
}

func profileCases() []invalidCase {
	const profile = "  profile: cockroachdb"
	return []invalidCase{
		{code: codeMissingProfile, old: profile + "\n", line: 5},
		{code: codeUnknownProfile, old: profile, new: "  profile: cockroach # here"},
		{code: codeNotSupportedYet, old: profile, new: "  profile: ./mine # here"},
		{code: codeNotSupportedYet, old: profile, new: "  profile: etcd\n  base: ./base # here"},
		{code: codeInvalidBase, old: profile, new: profile + "\n  base: /etc/base # here"},
		{code: codeNotForProfile, old: profile, new: profile + "\n  base: ./base", line: 10},
		{code: codeNotForProfile, old: profile, new: profile + "\n  advertised: \"{pod}.db\" # here"},
		{code: codeInvalidName, old: profile, new: profile + "\n  base: ./base\n  advertised: \"{pot}.db\" # here"},
		{code: codeNotForProfile, old: profile, new: profile + "\n  container: db # here"},
		{code: codeMissingBase, old: profile, new: "  profile: generic", line: 5},
		{code: codeInvalidBase, old: profile, new: "  profile: generic\n  base: /etc/base # here"},
		{code: codeInvalidBase, old: profile, new: "  profile: generic\n  base: https://example.com/base # here"},
		{code: codeInvalidBase, old: profile, new: "  profile: generic\n  base: 'base\\sub' # here"},
		{code: codeNotForProfile, old: profile, new: "  profile: generic\n  base: ./base", line: 10},
		{code: codeNotForProfile, old: "          replicas: 3", new: "          pools: {bank: 3} # here"},
		{code: codeTLSRequired, old: "  tls: {mode: disabled}\n", line: 5},
		{code: codeTLSRequired, old: "  tls: {mode: disabled}", new: "  tls: {} # here"},
		{code: codeNotSupportedYet, old: "tls: {mode: disabled}", new: "tls: {mode: cert-manager} # here"},
		{code: codeUnknownValue, old: "tls: {mode: disabled}", new: "tls: {mode: off} # here"},
		{code: codeNotSupportedYet, old: "network: {mode: flat}", new: "network: {mode: istio} # here"},
		{code: codeUnknownValue, old: "network: {mode: flat}", new: "network: {mode: flta} # here"},
		{code: codeUnknownValue, old: "{zone: podLabel}", new: "{zone: podlabel} # here"},
		{code: codeMissingImage, old: "  image: cockroachdb/cockroach:v25.4.1\n", line: 5},
		{code: codeInvalidImage, old: "cockroach:v25.4.1", new: "cockroach:v25.4.1@sha256:12 # here"},
		{code: codeInvalidImage, old: "cockroachdb/cockroach:v25.4.1", new: "https://example.com/cockroach:v25.4.1 # here"},
		{code: codeInvalidImage, old: "cockroachdb/cockroach:v25.4.1", new: "'' # here"},
		{code: codeInvalidQuantity, old: "size: 100Gi, className: fast-ssd}", new: "size: 0Gi, className: fast-ssd} # here"},
		{code: codeInvalidQuantity, old: "size: 100Gi, className: fast-ssd}", new: "size: -1Gi, className: fast-ssd} # here"},
		{code: codeInvalidQuantity, old: "size: 100Gi, className: fast-ssd}", new: "size: much, className: fast-ssd} # here"},
		{code: codeInvalidQuantity, old: `requests: {cpu: "4", memory: 16Gi}`, new: `requests: {cpu: "4 cores", memory: 16Gi} # here`},
		{code: codeInvalidImage, old: "cockroach:v25.4.1", new: "Cockroach:v25.4.1 # here"},
		{code: codeInvalidImage, old: "cockroachdb/cockroach:v25.4.1", new: "'cockroach v25' # here"},
		{code: codeImageNotPinned, old: "cockroach:v25.4.1", new: "cockroach # here"},
		{code: codeImageNotPinned, old: "cockroach:v25.4.1", new: "cockroach:latest # here"},
		{code: codeMissingStorageSize, old: "{size: 100Gi, className: fast-ssd}", new: "{className: fast-ssd} # here"},
		{code: codeMissingStorageClass, old: "{size: 100Gi, className: fast-ssd}", new: "{size: 100Gi} # here"},
		{code: codeInvalidStorageClass, old: "className: fast-ssd}", new: "className: fast_ssd} # here"},
		{code: codeInvalidQuantity, old: "size: 100Gi, className: fast-ssd}", new: "size: 100GB, className: fast-ssd} # here"},
		{code: codeInvalidQuantity, old: `limits: {cpu: "4", memory: 16Gi}`, new: `limits: {cpu: "-4", memory: 16Gi} # here`},
		{code: codeRequestsOverLimits, old: `requests: {cpu: "4", memory: 16Gi}`, new: `requests: {cpu: "4", memory: 17Gi} # here`},
		{code: codeUnknownResource, old: `limits: {cpu: "4", memory: 16Gi}`, new: `limits: {cpus: "4", memory: 16Gi} # here`},
		{code: codeUnknownResource, old: `requests: {cpu: "4", memory: 16Gi}`, new: `requests: {cpu: "4", memory: 16Gi, "/gpu": "1"} # here`},
		{code: codeMissingRequests, old: `    requests: {cpu: "4", memory: 16Gi}`, new: `    requests: {cpu: "4"} # here`},
	}
}

func nameCases() []invalidCase {
	long := strings.Repeat("a", 60)
	return []invalidCase{
		{code: codeMissingName, old: "  name: bank\n", new: "  name: # here\n"},
		{code: codeInvalidName, old: "  name: bank\n", new: "  name: Bank # here\n"},
		{code: codeInvalidName, old: "  name: bank\n", new: "  name: 2bank # here\n"},
		{code: codeNameTooLong, old: "  name: bank\n", new: "  name: " + long[:53] + " # here\n"},
		{code: codeReservedNamespace, old: "  name: bank\nspec:", new: "  name: kube-bank # here\nspec:", strip: "  namespace: bank\n"},
		{code: codeInvalidNamespace, old: "  namespace: bank\n", new: "  namespace: bank.db # here\n"},
		{code: codeReservedNamespace, old: "  namespace: bank\n", new: "  namespace: kube-system # here\n"},
		{code: codeReservedNamespace, old: "namespace: bank-west", new: "namespace: kube-public # here"},
		{code: codeMissingName, old: "name: use1", new: "name: '' # here"},
		{code: codeInvalidName, old: "name: use1", new: "name: us.e1 # here"},
		{code: codeInvalidName, old: "- name: us-east1", new: "- name: us_east1 # here"},
		{code: codeReservedName, old: "name: use1", new: "name: join-7 # here"},
		{code: codeReservedName, old: "name: use1", new: "name: ns1 # here"},
		{code: codeReservedName, old: "- name: us-east1", new: "- name: _tcp # here"},
		{code: codeNameCollision, old: "name: use1", new: "name: us-west1 # here"},
		{code: codeDuplicateRegion, old: "- name: us-west1", new: "- name: us-east1 # here"},
		{code: codeDuplicateCluster, old: "name: usw1", new: "name: use1 # here"},
		{code: codeDuplicateTarget, old: "context: gke_acme_europe-west1_prod", new: "context: gke_acme_us-east1_prod # here"},
		{code: codeDuplicateTarget, old: "context: gke_acme_europe-west1_prod", new: "context: gke_acme_us-west1_prod # here\n          namespace: bank-west"},
		{code: codeContextInTwoRegions, old: "context: gke_acme_us-west1_prod", new: "context: gke_acme_us-east1_prod # here"},
		{code: codeDuplicateContext, old: "    - name: us-west1\n", new: "        - {name: use2, context: gke_acme_us-east1_prod, namespace: other, replicas: 1, zones: [us-east1-b]} # here\n    - name: us-west1\n"},
		{code: codeNameTooLong, old: "zone: bank.db.example.com", new: "zone: " + strings.Repeat(long+".", 4) + "com # here"},
		{code: codeInvalidName, old: "- name: us-east1", new: "- name: " + strings.Repeat("a", 64) + " # here"},
		{code: codeInvalidName, old: "name: use1", new: "name: " + strings.Repeat("a", 64) + " # here"},
		{code: codeInvalidName, old: "name: use1", new: "name: -use1 # here"},
		{code: codeInvalidName, old: "name: use1", new: "name: USE1 # here"},
		{code: codeInvalidNamespace, old: "  namespace: bank\n", new: "  namespace: " + strings.Repeat("a", 64) + " # here\n"},
		{code: codeInvalidName, old: "  profile: cockroachdb", new: "  profile: generic\n  base: ./base\n  container: Db # here"},
		{code: codeNameTooLong, old: "          replicas: 3", new: "          pools: {" + long[:53] + ": 3} # here"},
		{code: codeInvalidName, old: "          replicas: 3", new: "          pools: {Broker: 3} # here"},
		{code: codeReservedName, old: "- name: us-east1", new: "- name: join-us # here"},
		{code: codeNameTooLong, old: "- name: us-east1", new: "- name: " + long + " # here", zone: strings.Repeat(long[:48]+".", 4) + "com"},
		{code: codeNameTooLong, old: "zone: bank.db.example.com", new: "zone: " + strings.Repeat(long+".", 4) + "com", line: 33},
	}
}

func dnsAndRolloutCases() []invalidCase {
	return []invalidCase{
		{code: codeMissingDNSZone, old: "    zone: bank.db.example.com\n", line: 17},
		{code: codeInvalidDNSZone, old: "zone: bank.db.example.com", new: "zone: bank.db.example.com. # here"},
		{code: codeInvalidDNSZone, old: "zone: bank.db.example.com", new: "zone: Bank.example.com # here"},
		{code: codeInvalidDNSZone, old: "zone: bank.db.example.com", new: "zone: " + strings.Repeat("a", 64) + ".example.com # here"},
		{code: codeInvalidDNSZone, old: "zone: bank.db.example.com", new: "zone: 10.0.0.1 # here"},
		{code: codeInvalidAddress, old: `"0.0.0.0:53"`, new: `"` + strings.Repeat("a", 64) + `.example.com:53"`, line: 21},
		{code: codeInvalidCIDR, old: "          dnsServers: [10.96.0.53]", new: "          podCIDRs: [0.0.0.0/0] # here"},
		{code: codeInvalidCIDR, old: "          dnsServers: [10.96.0.53]", new: "          podCIDRs: ['::/0'] # here"},
		{code: codeDNSServerInPodCIDR, old: "[10.96.0.53]", new: "[10.96.0.53] # here\n          podCIDRs: [10.96.0.0/16]"},
		{code: codeInvalidTTL, old: "ttl: 10s", new: "ttl: 1500ms # here"},
		{code: codeInvalidTTL, old: "ttl: 10s", new: "ttl: 2h # here"},
		{code: codeInvalidTTL, old: "ttl: 10s", new: "ttl: '' # here"},
		{code: codeInvalidPublisher, old: `      - serve: {listen: "0.0.0.0:53"}`, new: "      - {} # here"},
		{code: codeInvalidPublisher, old: `- serve: {listen: "0.0.0.0:53"}`, new: `- {serve: {listen: ":53"}, rfc2136: {}} # here`},
		{code: codeInvalidAddress, old: `"0.0.0.0:53"`, new: `"0.0.0.0" # here` + "\n      "},
		{code: codeInvalidAddress, old: `"ns.example.com:53", `, new: `"ns.example.com:0", `, line: 22},
		{code: codeInvalidAddress, old: `"10.96.0.53:53"`, new: `"10.96.0:53"`, line: 22},
		{code: codeInvalidIP, old: "[10.96.0.53]", new: "[dns.example.com] # here"},
		{code: codeDuplicateDNSEntry, old: "[10.96.0.53]", new: `["fd00::1", "fd00:0::1"] # here`},
		{code: codeInvalidAddress, old: `"10.96.0.53:53"`, new: `"fd00::53:53"`, line: 22},
		{code: codeInvalidAddress, old: `"10.96.0.53:53"`, new: `":53"`, line: 22},
		{code: codeInvalidAddress, old: `"10.96.0.53:53"`, new: `"10.96.0.53:65536"`, line: 22},
		{code: codeInvalidAddress, old: `"10.96.0.53:53"`, new: `"10.96.0.53:dns"`, line: 22},
		{code: codeInvalidIP, old: "[10.96.0.53]", new: "[10.96.0.256] # here"},
		{code: codeInvalidDNSZone, old: "zone: bank.db.example.com", new: "zone: bank..example.com # here"},
		{code: codeInvalidDNSZone, old: "zone: bank.db.example.com", new: "zone: bank_db.example.com # here"},
		{code: codeInvalidTTL, old: "ttl: 10s", new: "ttl: 0s # here"},
		{code: codeWrongType, old: "ttl: 10s", new: "ttl: 10 # here"},
		{code: codeOrderMissesRegion, old: "[us-west1, us-east1, europe-west1]", new: "[] # here"},
		{code: codeOrderUnknownRegion, old: "[us-west1, us-east1, europe-west1]", new: "[us-west1, us-east1, europe-west] # here"},
		{code: codeOrderUnknownRegion, old: "[us-west1, us-east1, europe-west1]", new: "[us-west1, us-east1, europe-west1, ''] # here"},
		{code: codeInvalidMaxUnavailable, old: "maxUnavailable: 1", new: "maxUnavailable: -1 # here"},
		{code: codeWrongType, old: "maxUnavailable: 1", new: "maxUnavailable: 25% # here"},
		{code: codeInvalidDuration, old: "timeout: 15m", new: "timeout: 15 minutes # here"},
		{code: codeInvalidDuration, old: "timeout: 15m", new: "timeout: 999999h9999999999999s # here"},
		{code: codeOrderUnknownRegion, old: "[us-west1, us-east1, europe-west1]", new: "[us-west1, us-east1, europe-west1, mars] # here"},
		{code: codeOrderRepeatsRegion, old: "[us-west1, us-east1, europe-west1]", new: "[us-west1, us-west1, us-east1, europe-west1] # here"},
		{code: codeOrderMissesRegion, old: "[us-west1, us-east1, europe-west1]", new: "[us-west1, us-east1] # here"},
		{code: codeInvalidMaxUnavailable, old: "maxUnavailable: 1", new: "maxUnavailable: 0 # here"},
		{code: codeInvalidCanary, old: "canary: {replicas: 1,", new: "canary: {replicas: -1, # here\n     "},
		{code: codeInvalidCanary, old: "canary: {replicas: 1,", new: "canary: {replicas: 10, # here\n     "},
		{code: codeInvalidDuration, old: "    soak: 30s", new: `    soak: "30" # here`},
		{code: codeInvalidDuration, old: "soak: 5m}", new: "soak: -5m} # here"},
		{code: codeInvalidDuration, old: "timeout: 15m", new: "timeout: 0s # here"},
		{code: codeInvalidDuration, old: "gateInterval: 22s", new: "gateInterval: soon # here"},
	}
}

func layoutCases() []invalidCase {
	return []invalidCase{
		{code: codeNoRegions, old: "  regions:", new: "  regions: # here\n  rest:"},
		{code: codeNoClusters, old: "    - name: us-east1\n", new: "    - {name: mars} # here\n    - name: us-east1\n"},
		{code: codeMissingReplicas, old: "          replicas: 3", new: "          replicas: # here"},
		{code: codeInvalidReplicas, old: "          replicas: 3", new: "          pools: {a: -1} # here"},
		{code: codeInvalidZone, old: "[us-east1-b,", new: "[\"us east\",", line: 36},
		{code: codeInvalidZone, old: "[us-east1-b,", new: "[" + strings.Repeat("z", 64) + ",", line: 36},
		{code: codeNoRegions, old: "  regions:", new: "  regions: [] # here\n  rest:"},
		{code: codeNoClusters, old: "    - name: us-east1\n", new: "    - {name: mars, clusters: []} # here\n    - name: us-east1\n"},
		{code: codeMissingReplicas, old: "          replicas: 3\n", new: "", line: 33},
		{code: codeInvalidReplicas, old: "          replicas: 3", new: "          replicas: -1 # here"},
		{code: codeInvalidReplicas, old: "          replicas: 3", new: "          replicas: 300000 # here"},
		{code: codeReplicasAndPools, old: "          replicas: 3", new: "          replicas: 3\n          pools: {a: 1} # here"},
		{code: codeNoReplicas, old: "replicas: 3", new: "replicas: 0", line: 30},
		{code: codeInvalidZone, old: "[us-east1-b,", new: "['',", line: 36},
		{code: codeDuplicateZone, old: "[us-east1-b,", new: "[us-east1-c,", line: 36},
		{code: codeZoneInTwoRegions, old: "[us-west1-a,", new: "[us-east1-b,", line: 44},
		{code: codeZonesRequired, old: "{zone: podLabel}", new: "{zone: statefulSetPerZone}", strip: "          zones: [us-east1-b, us-east1-c, us-east1-d]\n", line: 33},
		{code: codeZonesNotDeclared, old: "          zones: [us-east1-b, us-east1-c, us-east1-d]\n", new: "", line: 33},
	}
}

func promiseCases() []invalidCase {
	const survive = "  survive: {failure: region, voters: 5, whileUpdating: zone}"
	const generic = "  profile: generic\n  base: ./base"
	promise := func(text string) string { return "  survive: {" + text + "} # here" }
	return []invalidCase{
		{code: codeUnknownValue, old: survive, new: promise("failure: continent")},
		{code: codeUnknownValue, old: survive, new: promise("whileUpdating: regoin")},
		{code: codeUnknownValue, old: survive, new: promise("model: raft")},
		{code: codeModelMismatch, old: survive, new: promise("model: quorum-group")},
		{code: codeModelRequired, old: "  profile: cockroachdb", new: generic, line: 14},
		{code: codeInvalidVoters, old: survive, new: promise("voters: 0")},
		{code: codeInvalidVoters, old: survive, new: promise("voters: 4")},
		{code: codeVotersOverReplicas, old: survive, new: promise("failure: region, voters: 11")},
		{code: codePromiseNotKept, old: "          replicas: 3", new: "          replicas: 0", line: 13},
		{code: codeUpdatePromiseNotKept, old: survive, new: promise("failure: region, whileUpdating: region")},
		{code: codeMaxUnavailableQuorum, old: "maxUnavailable: 1", new: "maxUnavailable: 3 # here"},
		{code: codePromiseComputed, old: survive, new: promise("failure: region")},
		{code: codePromiseComputed, old: survive + "\n", new: "", line: 5},
	}
}

// TestInvalidTopologies edits a good topology into every kind of bad one.
func TestInvalidTopologies(t *testing.T) {
	bank := string(readFile(t, "testdata/good/bank.yaml"))
	groups := map[string][]invalidCase{
		"file": fileCases(), "profile": profileCases(), "names": nameCases(),
		"dns and rollout": dnsAndRolloutCases(), "layout": layoutCases(), "promises": promiseCases(), "authority": authorityCases(), "update": updateCases(),
	}
	for group, cases := range groups {
		for i, tt := range cases {
			t.Run(fmt.Sprintf("%s %d %s", group, i, tt.code), func(t *testing.T) {
				if !strings.Contains(bank, tt.old) {
					t.Fatalf("the good topology has no %q", tt.old)
				}
				text := strings.Replace(strings.Replace(bank, tt.strip, "", 1), tt.old, tt.new, 1)
				if tt.zone != "" {
					text = strings.Replace(text, "zone: bank.db.example.com", "zone: "+tt.zone, 1)
				}
				if tt.code == codeNoReplicas || tt.code == codePromiseNotKept {
					text = strings.ReplaceAll(bank, tt.old, tt.new)
				}
				if tt.code == codePromiseNotKept {
					text = strings.Replace(text, "replicas: 0", "replicas: 9", 1)
				}
				expect(t, text, tt.code, tt.line)
			})
		}
	}
}

// expect parses a topology and wants the code at the line, or at the mark where line is 0.
func expect(t *testing.T, text, code string, line int) {
	t.Helper()
	_, problems := Parse([]byte(text), "topology.yaml")
	if line == 0 {
		before, _, ok := strings.Cut(text, here)
		if !ok {
			t.Fatal("neither a line nor a mark")
		}
		line = 1 + strings.Count(before, "\n")
	}
	if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Code == code && p.Line == line }) {
		t.Fatalf("no %s on line %d in:\n%v", code, line, problems)
	}
	for _, p := range problems {
		doc := slices.IndexFunc(Codes(), func(d CodeDoc) bool { return d.Code == p.Code })
		if doc < 0 || Codes()[doc].Severity != p.Severity {
			t.Errorf("%s with severity %s is not documented so", p.Code, p.Severity)
		}
		if p.Severity == SeverityError && p.Hint == "" {
			t.Errorf("no hint: %v", p)
		}
	}
}

// TestInvalidWholeFiles has the bad topologies that are no edit of a good one.
func TestInvalidWholeFiles(t *testing.T) {
	generic := string(readFile(t, "testdata/good/generic.yaml"))
	group := strings.Replace(generic, "  profile: generic", "  survive: {model: quorum-group, voters: 5} # here\n  profile: generic", 1)
	single := strings.Replace(string(readFile(t, "testdata/good/smallest.yaml")), "replicas: 3,", "replicas: 1,", 1)
	many := "apiVersion: &a [" + strings.Repeat("1,", 9000) + "]\nspec: {regions: [" + strings.Repeat("{clusters: [{zones: *a}]},", 2) + "]}"
	tests := []struct {
		name, text, code string
		line             int
	}{
		{"empty", "", codeEmptyFile, 1},
		{"comments", "# nothing\n", codeEmptyFile, 1},
		{"null", "---\n", codeEmptyFile, 1},
		{"too large", strings.Repeat("#\n", maxFileSize), codeTooLarge, 1},
		{"a list", "- a # here\n", codeWrongType, 0},
		{"a word", "hello # here\n", codeWrongType, 0},
		{"control characters", "a: \x01\n", codeNotYAML, 1},
		{"aliases", many, codeTooManyAliases, 1},
		{"voters of a group", group, codeVotersMismatch, 0},
		{"even group", strings.Replace(strings.Replace(group, ", voters: 5", "", 1), "replicas: 1", "replicas: 2", 1), codeEvenVoters, 12},
		{"one replica", single, codeUpdatesStopService, 5},
		{"no promise", generic, codeNothingPromised, 5},
		{"too many replicas", "spec:\n  regions: # here\n" + strings.Repeat("    - {clusters: [{replicas: 1000}]}\n", 11), codeTooManyReplicas, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.text, tt.code, tt.line) })
	}
}

// TestCodes shows that every code is documented once, and provoked by a case above.
func TestCodes(t *testing.T) {
	provoked := map[string]bool{
		codeTooLarge: true, codeEmptyFile: true, codeTooManyAliases: true, codeVotersMismatch: true,
		codeEvenVoters: true, codeUpdatesStopService: true, codeNothingPromised: true, codeTooManyReplicas: true,
		codeSeveralDNSServers: true, // by TestAuthorityProblems
		CodeOverlay:           true, // by the script validate.txtar of the command line
	}
	for _, cases := range [][]invalidCase{fileCases(), profileCases(), nameCases(), dnsAndRolloutCases(), layoutCases(), promiseCases(), authorityCases(), updateCases()} {
		for _, tt := range cases {
			provoked[tt.code] = true
		}
	}
	seen := map[string]bool{}
	for _, doc := range Codes() {
		if seen[doc.Code] || doc.Meaning == "" {
			t.Errorf("code %s is documented twice or not at all", doc.Code)
		}
		seen[doc.Code] = true
		if !provoked[doc.Code] {
			t.Errorf("no test provokes %s", doc.Code)
		}
	}
}
