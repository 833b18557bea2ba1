// Package dns holds the names of replicas: which records a deployment should
// have, how they differ from what a zone holds, and which changes are safe.
//
// The package is pure and knows no wire format: adapters below it (dns/serve,
// dns/query, later dns/rfc2136) speak to name servers.
package dns

// Type is a DNS record type as text (RFC 1035, RFC 3596).
type Type string

// The record types that quorate makes.
const (
	TypeA    Type = "A"
	TypeAAAA Type = "AAAA"
)

// RecordSet is every record of one owner name and type (RFC 2181 §5).
type RecordSet struct {
	Name   string   `json:"name"` // absolute, lower case, with the final dot
	Type   Type     `json:"type"`
	TTL    int      `json:"ttl"`    // seconds
	Values []string `json:"values"` // presentation form, sorted
	// Cluster is whose truth this set is, empty for a set that spans clusters.
	Cluster string `json:"cluster,omitempty"`
}
