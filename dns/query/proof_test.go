package query_test

import (
	"net/netip"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns/query"
)

// TestAnotherAddressIsNoProof: as many addresses as are wanted, and others.
func TestAnotherAddressIsNoProof(t *testing.T) {
	answer, err := query.Client{}.LookupAddresses(t.Context(), answering(t, true, mdns.RcodeSuccess, name+" 10 A 10.1.0.9"), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Prove(netip.MustParseAddr("10.1.0.4")); err == nil || !strings.Contains(err.Error(), "answers 10.1.0.9, want 10.1.0.4") {
		t.Errorf("got %v", err)
	}
}

// TestAuthorityIsOfBothFamilies: an answer of which either half comes from a cache proves nothing. Recursion is desired of resolvers
// alone, and EDNS told to every server.
func TestAuthorityIsOfBothFamilies(t *testing.T) {
	for _, cached := range []uint16{mdns.TypeA, mdns.TypeAAAA} {
		for _, recursive := range []bool{false, true} {
			server := serveDNS(t, func(_ string, w mdns.ResponseWriter, q *mdns.Msg) {
				if q.RecursionDesired != recursive || q.IsEdns0() == nil {
					t.Errorf("recursive %t: asked with %s", recursive, q)
				}
				reply := new(mdns.Msg).SetReply(q)
				reply.Authoritative = q.Question[0].Qtype != cached
				_ = w.WriteMsg(reply)
			})
			answer, err := query.Client{Recursive: recursive}.LookupAddresses(t.Context(), server, name)
			if err != nil || answer.Authoritative {
				t.Errorf("%s from a cache: got %+v, %v", mdns.TypeToString[cached], answer, err)
			}
		}
	}
}
