package regions

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const served = `- serve: {listen: "0.0.0.0:53"}`

// update is a publisher by DNS UPDATE in place of the good topology's.
func update(fields string) string {
	return "- rfc2136: {" + fields + "} # here"
}

// updateCases are what may be wrong with a publisher by DNS UPDATE.
func updateCases() []invalidCase {
	const server, key = `server: "10.0.0.53:53", `, "keyName: quorate., keyFile: ./tsig.key"
	cases := []struct{ code, fields string }{
		{codeInvalidPublisher, key},
		{codeInvalidAddress, `server: "10.0.0.53", ` + key},
		{codeInvalidKey, server + "keyFile: ./tsig.key"},
		{codeInvalidKey, server + "keyName: quorate."},
		{codeInvalidKey, server + key + ", keyEnv: KEY"},
		{codeInvalidKey, server + "keyName: 'a b', keyFile: ./tsig.key"},
		{codeInvalidKey, server + "keyName: " + strings.Repeat("a", 64) + ", keyFile: ./tsig.key"},
		{codeInvalidKey, server + "keyName: quorate., keyEnv: 'c2VjcmV0Cg=='"},
		{codeInvalidKey, server + "keyName: quorate., keyFile: ./"},
		{codeInvalidKey, server + key + ", transferKeyName: other."},
		{codeInvalidKey, server + key + ", transferKeyFile: other.key"},
		{codeInvalidKey, server + key + ", transferKeyName: other., transferKeyFile: a, transferKeyEnv: B"},
		{codeRefusedAlgorithm, server + key + ", algorithm: hmac-md5"},
		{codeRefusedAlgorithm, server + key + ", algorithm: hmac-md5.sig-alg.reg.int"},
		{codeWeakAlgorithm, server + key + ", algorithm: hmac-sha1"},
		{codeUnknownValue, server + key + ", algorithm: sha256"},
		{codeUnknownValue, server + key + ", transfer: ixfr"},
		{codePublisherZone, server + key + ", zone: other.example.com"},
		{codePublisherZone, server + key + ", zone: a.bank.db.example.com"},
		{codePublisherZone, server + key + ", zone: k.db.example.com"},
		{codePublisherZone, server + key + ", zone: example.com."},
		{codeInvalidReverseZone, server + key + ", reverseZones: [10.1.0.0/16]"},
		{codeInvalidReverseZone, server + key + ", reverseZones: [1.10.in-addr.arpa.]"},
		{codeInvalidReverseZone, server + key + ", reverseZones: [1.10.in-addr.arpa, 1.10.in-addr.arpa]"},
		{codeUnknownField, server + key + ", secret: c2VjcmV0Cg=="},
	}
	var out []invalidCase
	for _, c := range cases {
		out = append(out, invalidCase{code: c.code, old: served, new: update(c.fields)})
	}
	twice := "- rfc2136: {" + server + key + "}\n      " + update(server+key+", zone: example.com")
	return append(out, invalidCase{code: codeInvalidPublisher, old: served, new: twice})
}

// updateVariants are other ways to write a publisher by DNS UPDATE, right and wrong ones.
func updateVariants() []string {
	var out []string
	for _, key := range []string{"keyName: k, keyFile: f", "keyName: K_1.a., keyEnv: _KEY", "keyName: k", "keyFile: f, keyEnv: F", "keyName: k, keyEnv: 1K", "keyName: -k, keyFile: f"} {
		for _, more := range []string{
			"", ", algorithm: hmac-sha1", ", algorithm: hmac-md5", ", transfer: query", ", transfer: none", ", zone: example.com", ", zone: com", ", zone: a.b",
			", transferKeyName: t, transferKeyEnv: T", ", reverseZones: [10.in-addr.arpa]", ", reverseZones: [0/25.2.0.192.in-addr.arpa, 8.b.d.0.1.0.0.2.ip6.arpa]", ", reverseZones: [arpa]",
		} {
			out = append(out, `{server: "10.0.0.53:53", `+key+more+"}")
		}
	}
	return out
}

// TestUpdated: what a publisher by DNS UPDATE leaves out is filled in, and its server is asked for the names.
func TestUpdated(t *testing.T) {
	bank := string(readFile(t, "testdata/good/bank.yaml"))
	text := strings.Replace(bank, served, `- rfc2136: {server: "10.0.0.53:53", keyName: quorate., keyFile: ./tsig.key, reverseZones: [1.10.in-addr.arpa]}
      - rfc2136: {server: "[fd00::53]:53", zone: db.example.com, keyName: quorate., keyEnv: KEY, algorithm: hmac-sha512, transfer: query}`, 1)
	topology, problems := Parse([]byte(text), "bank.yaml")
	if len(problems.Errors()) > 0 {
		t.Fatal(problems)
	}
	var got []string
	for _, p := range topology.Updated() {
		got = append(got, fmt.Sprint(p.Server, p.Zone, p.Algorithm, p.Transfer))
	}
	want := []string{"10.0.0.53:53bank.db.example.comaxfr", "[fd00::53]:53db.example.comhmac-sha512query"}
	if !slices.Equal(got, want) {
		t.Errorf("publishers %v, want %v", got, want)
	}
	if got := topology.NameServers(); !slices.Equal(got, topology.Spec.DNS.Authorities) || len(got) == 0 {
		t.Errorf("asked are %v, want the authorities that the topology lists", got)
	}
	topology.Spec.DNS.Authorities = nil
	if got := topology.NameServers(); !slices.Equal(got, []string{"10.0.0.53:53", "[fd00::53]:53"}) {
		t.Errorf("asked are %v, want the primaries", got)
	}
}
