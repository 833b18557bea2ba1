package query_test

import (
	"net"
	"slices"
	"testing"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns/query"
)

func TestLookupRecords(t *testing.T) {
	t.Parallel()
	server := answering(t, true, mdns.RcodeSuccess,
		"_sql._tcp.example.com. 30 IN SRV 0 100 26257 Bank-1.use1.example.com.",
		"_SQL._tcp.example.com. 30 IN SRV 0 100 26257 bank-0.use1.example.com.",
		"other.example.com. 30 IN SRV 0 100 1 x.example.com.",
		"4.0.1.10.in-addr.arpa. 30 IN PTR bank-0.use1.example.com.",
	)
	tests := []struct {
		name, kind string
		want       []string
	}{
		{"_sql._tcp.example.com.", "SRV", []string{"0 100 26257 bank-0.use1.example.com.", "0 100 26257 bank-1.use1.example.com."}},
		{"4.0.1.10.in-addr.arpa", "PTR", []string{"bank-0.use1.example.com."}},
		{"_sql._tcp.example.com.", "PTR", nil},
	}
	for _, tt := range tests {
		got, err := query.Client{}.LookupRecords(t.Context(), server, tt.name, tt.kind)
		if err != nil || got.Rcode != "NOERROR" || !got.Authoritative || !slices.Equal(got.Values, tt.want) {
			t.Errorf("%s %s: %+v %v", tt.name, tt.kind, got, err)
		}
		stream, err := new(net.Dialer).DialContext(t.Context(), "tcp", server)
		if err != nil {
			t.Fatal(err)
		}
		over, err := query.LookupRecordsOver(t.Context(), stream, tt.name, tt.kind)
		if err != nil || !slices.Equal(over.Values, tt.want) {
			t.Errorf("over a stream, %s %s: %+v %v", tt.name, tt.kind, over, err)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, kind := range []string{"TXT", "", "nonsense"} { // the case of their text matters, or there is no such type
		if _, err := (query.Client{}).LookupRecords(t.Context(), server, "example.com.", kind); err == nil {
			t.Errorf("%q is asked for", kind)
		}
	}
}
