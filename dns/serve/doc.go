// Package serve is an authoritative name server for the zone of one deployment:
// what a pod's address is in any of its clusters is answered from memory, within
// milliseconds of the cluster's API server telling it.
//
// A Source watches the EndpointSlices of one cluster, whose client may come later or change (Connector). Whatever they tell of pods
// becomes, by dns.Desired, the records of a Zone: an immutable snapshot that queries read
// without a lock and that a change replaces whole. A Server ties both together and listens
// on UDP and TCP.
//
// What is not known is never denied. A cluster that was never read has its names answered
// SERVFAIL, so that resolvers ask another server and cache nothing for long; a cluster that
// was read and is unreachable now keeps the records last known. A name that the topology
// declares and that has no address yet exists: it is answered NOERROR without records (NODATA), and a
// denial is cached for NegativeTTL at most (RFC 2308 §5).
//
// Nearly every query is answered from octets that were laid out when the records changed (see plain), the others through
// Zone.Answer. Secondaries may transfer the zone where Transfers allow it, and are told of changes; a State keeps
// what is known over restarts; Limits bound what a client may cost.
//
// The server never recurses and takes no updates; it refuses those, and whatever
// is outside its zone, with an answer (RFC 1035, 2181, 6891, 8482).
package serve
