// Package rfc2136 publishes records in a zone of an existing primary name server: by
// DNS UPDATE (RFC 2136) over TCP, signed with TSIG (RFC 8945), and reads it back by a zone
// transfer (RFC 5936) or, where that is refused, by queries.
//
// Every change carries what it was planned on as prerequisites (RFC 2136 §2.4), so the server itself refuses
// it where somebody else wrote in between. NOERROR proves little (RFC 2136 §3.4.2.2: adds beside a CNAME are
// silently ignored), so every set that was changed is asked for afterwards.
package rfc2136
