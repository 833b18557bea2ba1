package rfc2136

import (
	"fmt"
	"time"

	mdns "github.com/miekg/dns"
)

// RcodeError is a reply other than NOERROR (RFC 1035 §4.1.1, RFC 2136 §2.2). Of conflicts, the
// publisher makes a *dns.ConflictError instead.
type RcodeError struct {
	Server string // host:port
	Zone   string
	Verb   string // what was attempted: "update", "transfer", "query"
	Key    string // what it was signed with: "key …", or "no key"
	Rcode  int
	// Unsigned: the reply is not signed, as the server does not take the request's signature.
	Unsigned bool
}

// Error tells what was attempted, the rcode, and what mends it.
func (e *RcodeError) Error() string {
	return fmt.Sprintf("server %s answers the %s of zone %s, signed with %s, with %s: %s", e.Server, e.Verb, e.Zone, e.Key, rcodeName(e.Rcode), e.mend())
}

func (e *RcodeError) mend() string {
	if e.Unsigned && (e.Rcode == mdns.RcodeNotAuth || e.Rcode == mdns.RcodeRefused) {
		return fmt.Sprintf("it does not take the signature, and does not say why (PowerDNS never does): name, algorithm and secret of the key must be as on the server, and the clocks within %d seconds", fudge)
	}
	if e.Verb == "transfer" && (e.Rcode == mdns.RcodeRefused || e.Rcode == mdns.RcodeNotAuth) {
		return "allow it (BIND: allow-transfer; Knot DNS: acl with action transfer; PowerDNS: TSIG-ALLOW-AXFR), and check that the server has that zone"
	}
	switch e.Rcode {
	case mdns.RcodeRefused:
		return "the server does not allow it to this key or from this address (BIND: update-policy or allow-update; Knot DNS: acl; PowerDNS: TSIG-ALLOW-DNSUPDATE, ALLOW-DNSUPDATE-FROM), or does not serve the zone"
	case mdns.RcodeNotAuth:
		return "it is not the primary of that zone, or does not take this key for it: check zone, server and the key's rights"
	case mdns.RcodeNotZone:
		return "a name is outside of the zone: check dns.zone and the publisher's zone"
	case mdns.RcodeNotImplemented:
		return "it takes no DNS UPDATE: turn that on (PowerDNS: dnsupdate=yes), or name the primary"
	case mdns.RcodeFormatError:
		return "it does not understand the message, or something between changes it: is this a name server that takes DNS UPDATE with TSIG?"
	case mdns.RcodeServerFailure:
		return "look into its log: the zone may be frozen, not loaded or not writable, or a set larger than it allows (BIND: max-records-per-type, 100 unless set)"
	case mdns.RcodeYXDomain, mdns.RcodeYXRrset, mdns.RcodeNXRrset:
		return "the zone no longer holds what the change was planned on: read the zone again and plan anew"
	}
	return "look into its log"
}

func rcodeName(code int) string {
	if name := mdns.RcodeToString[code]; name != "" {
		return name
	}
	return fmt.Sprintf("RCODE%d", code)
}

// TSIGError is a signature that one side did not take (RFC 8945 §3, §5.2).
type TSIGError struct {
	Server string // host:port
	Key    string // its name
	Code   int    // 16 BADSIG, 17 BADKEY, 18 BADTIME, 22 BADTRUNC
	// Skew is how far the server's clock is ahead of this machine's, for BADTIME; 0: it did not tell.
	Skew time.Duration
	// Known, for BADKEY: the server answers other messages that are signed with this key.
	Known bool
}

// Error tells what does not fit, and what mends it.
func (e *TSIGError) Error() string {
	return fmt.Sprintf("server %s and key %s: %s", e.Server, e.Key, e.mend())
}

func (e *TSIGError) mend() string {
	switch e.Code {
	case mdns.RcodeBadSig:
		return "BADSIG: the server has another secret for this key: copy the key's secret anew"
	case mdns.RcodeBadKey:
		if e.Known {
			return "BADKEY: the server knows this key, but does not allow it this (Knot DNS: action, update-owner-name and update-type of the zone's acl)"
		}
		return "BADKEY: the server does not know this key's name with this algorithm, or does not allow it here: name and algorithm must be as on the server"
	case mdns.RcodeBadTime:
		return "BADTIME: " + e.skew() + ": set the clock right (NTP)"
	case mdns.RcodeBadTrunc:
		return "BADTRUNC: signatures are truncated more than the other side takes: let the server use whole ones"
	}
	return fmt.Sprintf("TSIG error %d: look into the server's log", e.Code)
}

func (e *TSIGError) skew() string {
	seconds := int64(e.Skew / time.Second)
	switch {
	case seconds > 0:
		return fmt.Sprintf("the server's clock is %d seconds ahead of this machine's; %d are allowed", seconds, fudge)
	case seconds < 0:
		return fmt.Sprintf("this machine's clock is %d seconds ahead of the server's; %d are allowed", -seconds, fudge)
	}
	return fmt.Sprintf("the clocks of this machine and the server differ by more than %d seconds", fudge)
}

// OutcomeError says that it is not known whether a change was made: no reply came. Read the zone again.
type OutcomeError struct{ Err error }

// Error says so.
func (e *OutcomeError) Error() string {
	return fmt.Sprintf("it is not known whether the change was made: %v; read the zone again", e.Err)
}

// Unwrap is why no reply came.
func (e *OutcomeError) Unwrap() error { return e.Err }

// NotHeldError says that the server accepted a change and yet does not hold it.
type NotHeldError struct {
	Name, Type  string
	Want, Found []string // as a server prints them; the found ones with their type where it is another
}

// Error names the set, and what the server holds instead.
func (e *NotHeldError) Error() string {
	return fmt.Sprintf("%s %s: the server said NOERROR, but holds %s instead of %s: is something else at that name, as a CNAME, or did somebody else write?",
		e.Name, e.Type, listed(e.Found), listed(e.Want))
}
