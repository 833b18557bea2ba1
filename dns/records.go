// Package dns holds the names of replicas: which records a deployment should
// have, how they differ from what a zone holds, and which changes are safe.
//
// Desired are the records that the pods call for; Reconcile turns them and what a zone holds into changes,
// within every safety policy. The package is pure and knows no wire format: adapters below it (dns/serve,
// dns/query, dns/rfc2136) speak to name servers.
package dns

// Type is a DNS record type as text (RFC 1035, RFC 3596).
type Type string

// The record types that quorate makes.
const (
	TypeA    Type = "A"
	TypeAAAA Type = "AAAA"
	TypeSRV  Type = "SRV" // RFC 2782
	TypePTR  Type = "PTR"
	TypeTXT  Type = "TXT" // ownership alone, see Ownership
)

// The record types of others that stand in the way of ours.
const (
	TypeCNAME Type = "CNAME"
	TypeDNAME Type = "DNAME" // RFC 6672
	TypeNS    Type = "NS"
	TypeSOA   Type = "SOA"
)

// managed tells whether records of the type are quorate's to make; others at a name are never touched.
func managed(t Type) bool {
	return t == TypeA || t == TypeAAAA || t == TypeSRV || t == TypePTR
}

// RecordSet is every record of one owner name and type (RFC 2181 §5).
type RecordSet struct {
	Name string `json:"name"` // absolute, lower case, with the final dot
	Type Type   `json:"type"`
	TTL  int    `json:"ttl"` // seconds
	// Values are the RDATA in presentation form, sorted, names in it canonical:
	// "10.1.0.4", "0 100 26257 bank-0.use1.bank.db.example.com.".
	Values []string `json:"values"`
	// Cluster is whose truth this set is, empty for a set that spans clusters.
	Cluster string `json:"cluster,omitempty"`
}
