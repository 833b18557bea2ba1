// Package servers runs real name servers on loopback for tests: BIND, Knot, PowerDNS, NSD, Unbound and
// CoreDNS, each on a port above 10000, as the current user, in a directory of its own, ended by process id.
//
// Tests that use it run where QUORATE_NAMESERVERS=1 is set, and are skipped by name elsewhere. Where it is
// set, nothing is skipped: a server that is not installed fails the test. The servers come from PATH
// (packages: .ci/packages names), CoreDNS from the path in QUORATE_COREDNS.
//
// Start runs a primary of a zone, Secondary one that transfers it, Resolver one that asks on behalf of others.
package servers
