package view

import (
	"bytes"
	"testing"

	"quorate.dev/quorate/dns"
)

var sampleRecords = []dns.RecordSet{
	{Name: "_sql._tcp.bank.example.com.", Type: dns.TypeSRV, TTL: 30, Values: []string{"0 100 26257 bank-0.use1.bank.example.com."}},
	{Name: "bank-0.use1.bank.example.com.", Type: dns.TypeA, TTL: 10, Values: []string{"10.1.0.4"}, Cluster: "use1"},
	{Name: "use1.bank.example.com.", Type: dns.TypeA, TTL: 10, Values: []string{"10.1.0.4", "10.1.0.5"}, Cluster: "use1"},
	{Name: "bank.example.com.", Type: dns.TypeAAAA, TTL: 10, Values: []string{"fd00::4"}},
	{Name: "notbank.example.com.", Type: dns.TypeA, TTL: 10, Values: []string{"10.1.0.9"}},
}

func TestRecords(t *testing.T) {
	t.Parallel()
	const absolute = `_sql._tcp.bank.example.com.    30  IN  SRV   0 100 26257 bank-0.use1.bank.example.com.
bank-0.use1.bank.example.com.  10  IN  A     10.1.0.4
use1.bank.example.com.         10  IN  A     10.1.0.4
use1.bank.example.com.         10  IN  A     10.1.0.5
bank.example.com.              10  IN  AAAA  fd00::4
notbank.example.com.           10  IN  A     10.1.0.9
`
	const relative = `$ORIGIN bank.example.com.
_sql._tcp             30  IN  SRV   0 100 26257 bank-0.use1
bank-0.use1           10  IN  A     10.1.0.4
use1                  10  IN  A     10.1.0.4
use1                  10  IN  A     10.1.0.5
@                     10  IN  AAAA  fd00::4
notbank.example.com.  10  IN  A     10.1.0.9
`
	for _, tt := range []struct {
		width   int
		records []dns.RecordSet
		want    string
	}{
		{0, sampleRecords, absolute},
		{160, sampleRecords, absolute},
		{80, sampleRecords, relative},
		{80, nil, "; no replica has an address yet\n"},
	} {
		var out bytes.Buffer
		Records(&out, Style{Width: tt.width}, "bank.example.com", tt.records)
		if out.String() != tt.want {
			t.Errorf("at %d columns:\n%s\nwant:\n%s", tt.width, out.String(), tt.want)
		}
	}
}

func TestRecordsJSON(t *testing.T) {
	t.Parallel()
	const some = `{
  "format_version": "1.0",
  "zone": "bank.example.com",
  "records": [
    {
      "name": "bank-0.use1.bank.example.com.",
      "type": "A",
      "ttl": 10,
      "values": [
        "10.1.0.4"
      ],
      "cluster": "use1"
    }
  ],
  "unread": {
    "euw1": "connection refused"
  }
}
`
	const none = `{
  "format_version": "1.0",
  "zone": "bank.example.com",
  "records": []
}
`
	var out bytes.Buffer
	if err := RecordsJSON(&out, "bank.example.com", sampleRecords[1:2], map[string]string{"euw1": "connection refused"}); err != nil || out.String() != some {
		t.Errorf("%v got:\n%s", err, out.String())
	}
	out.Reset()
	if err := RecordsJSON(&out, "bank.example.com", nil, map[string]string{}); err != nil || out.String() != none {
		t.Errorf("%v got:\n%s", err, out.String())
	}
}
