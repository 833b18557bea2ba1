package regions

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// maxTTL bounds how long a cache may go on giving a replica's old address.
const maxTTL = time.Hour

func (c *checker) dns() {
	d := c.t.Spec.DNS
	switch {
	case d.Zone == "" && (c.t.Spec.Profile != profileGeneric || len(d.Publish)+len(d.Authorities) > 0):
		c.errorf("spec.dns.zone", codeMissingDNSZone, "write a zone of your own, such as bank.db.example.com", "spec.dns.zone is missing; every replica has a name in it")
	case d.Zone != "" && (len(validation.IsDNS1123Subdomain(d.Zone)) > 0 || longLabel(d.Zone) || looksLikeIPv4(d.Zone)):
		c.errorf("spec.dns.zone", codeInvalidDNSZone, "write lower-case labels of at most 63 characters with dots between them, and none at the end",
			"%q is not a DNS zone", shorten(d.Zone))
	}
	ttl, err := time.ParseDuration(d.TTL)
	if err != nil || ttl < time.Second || ttl > maxTTL || ttl%time.Second != 0 {
		c.errorf("spec.dns.ttl", codeInvalidTTL, "write whole seconds from 1s to 3600s, such as 10s", "%q is not a time to live", shorten(d.TTL))
	}
	for i, p := range d.Publish {
		c.publisher(item("spec.dns.publish", i), p)
	}
	for i, address := range d.Authorities {
		c.address(item("spec.dns.authorities", i), address)
	}
	c.eachCluster(func(cl Cluster, _ Region, path string) { c.dnsServers(path+".dnsServers", cl.DNSServers) })
	c.authority()
}

func (c *checker) publisher(path string, p Publisher) {
	switch {
	case p.Serve != nil && p.RFC2136 != nil:
		c.errorf(path, codeInvalidPublisher, "write one list entry each", "%s sets two publishers", path)
	case p.Serve == nil && p.RFC2136 == nil:
		c.errorf(path, codeInvalidPublisher, `write - serve: {listen: "0.0.0.0:53"}`, "%s sets no publisher", path)
	case p.Serve != nil && p.Serve.Listen == "" && p.Serve.InCluster == nil && !c.written(path+".serve.listen"):
		c.errorf(path+".serve", codeInvalidPublisher, "write listen: host:port, inCluster: {image: …, forwarder: …}, or both", "%s.serve says neither where to listen nor inCluster", path)
	case p.RFC2136 != nil:
		c.rfc2136(path+".rfc2136", *p.RFC2136)
	case p.Serve.Listen != "" || c.written(path+".serve.listen"):
		c.address(path+".serve.listen", p.Serve.Listen)
	}
}

// address checks host:port, the host an IP address or a DNS name.
func (c *checker) address(path, value string) {
	host, port, err := net.SplitHostPort(value)
	number, portErr := strconv.ParseUint(port, 10, 16)
	_, ipErr := netip.ParseAddr(host)
	isName := len(validation.IsDNS1123Subdomain(host)) == 0 && !longLabel(host) && !looksLikeIPv4(host)
	if err != nil || portErr != nil || number == 0 || ipErr != nil && !isName {
		c.errorf(path, codeInvalidAddress, "write host:port, such as 10.96.0.53:53 or [fd00::53]:53", "%q is not host:port", shorten(value))
	}
}

// longLabel tells whether a label of a DNS name is longer than 63 octets (RFC 1035 §2.3.4), which
// Kubernetes does not check of a subdomain.
func longLabel(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "."), func(label string) bool { return len(label) > validation.DNS1123LabelMaxLength })
}

// looksLikeIPv4 tells digits and dots, which are never a host's name (RFC 1123 §2.1).
func looksLikeIPv4(host string) bool {
	for _, r := range host {
		if r != '.' && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// dnsServers checks the addresses for pods' dnsConfig. They are the only IPs
// that a topology holds, since a resolver cannot be found by name.
func (c *checker) dnsServers(path string, servers []string) {
	seen := map[netip.Addr]bool{}
	for i, server := range servers {
		addr, err := netip.ParseAddr(server)
		switch {
		case err != nil || addr.Zone() != "" || addr.IsUnspecified():
			c.errorf(item(path, i), codeInvalidIP, "write the fixed ClusterIP of the authority, such as 10.96.0.53", "%q is not an IP address", shorten(server))
		case seen[addr]:
			c.errorf(item(path, i), codeDuplicateDNSEntry, "list it once", "%s is listed twice", server)
		}
		seen[addr] = true
	}
}
