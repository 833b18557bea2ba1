package regions

import (
	slashpath "path"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	defaultAlgorithm = "hmac-sha256"
	algorithmSHA1    = "hmac-sha1"
	algorithmMD5     = "hmac-md5"
	transferWhole    = "axfr"
	transferQuery    = "query"
)

// keyAlgorithms are those of TSIG keys (RFC 8945 §6) that are taken.
func keyAlgorithms() []string {
	return []string{defaultAlgorithm, "hmac-sha224", "hmac-sha384", "hmac-sha512", algorithmSHA1}
}

func transferWays() []string { return []string{transferWhole, transferQuery} }

// Updated are the primaries that take the zone's records by DNS UPDATE, in the order of the file.
func (t *Topology) Updated() []RFC2136Publisher {
	var out []RFC2136Publisher
	for _, p := range t.Spec.DNS.Publish {
		if p.RFC2136 != nil {
			out = append(out, *p.RFC2136)
		}
	}
	return out
}

// NameServers are the standing name servers outside of the clusters that are asked for the replicas' names (host:port): those
// that the topology lists, or else the primaries that it has updated.
func (t *Topology) NameServers() []string {
	if len(t.Spec.DNS.Authorities) > 0 {
		return slices.Clone(t.Spec.DNS.Authorities)
	}
	var out []string
	for _, p := range t.Updated() {
		if !slices.Contains(out, p.Server) {
			out = append(out, p.Server)
		}
	}
	return out
}

// rfc2136 checks a publisher by DNS UPDATE.
func (c *checker) rfc2136(path string, p RFC2136Publisher) {
	if p.Server == "" && !c.written(path+".server") {
		c.errorf(path, codeInvalidPublisher, `write server: host:port of the primary, such as "10.0.0.53:53"`, "%s names no server", path)
	} else {
		c.address(path+".server", p.Server)
	}
	c.publisherZone(path+".zone", p.Zone)
	c.onePublisherEach(path, p)
	c.key(path, "key", p.KeyName, p.KeyFile, p.KeyEnv)
	if p.TransferKeyName != "" || p.TransferKeyFile != "" || p.TransferKeyEnv != "" {
		c.key(path, "transferKey", p.TransferKeyName, p.TransferKeyFile, p.TransferKeyEnv)
	}
	c.algorithm(path+".algorithm", p.Algorithm)
	c.mode(path+".transfer", p.Transfer, transferWays(), transferWays()...)
	c.reverseZones(path+".reverseZones", p.ReverseZones)
}

func (c *checker) algorithm(path, value string) {
	switch value {
	case "":
		if c.written(path) {
			c.mode(path, value, keyAlgorithms(), keyAlgorithms()...)
		}
	case algorithmMD5, "hmac-md5.sig-alg.reg.int", "hmac-md5.sig-alg.reg.int.":
		c.errorf(path, codeRefusedAlgorithm, "make a key of "+defaultAlgorithm+", such as by: tsig-keygen -a "+defaultAlgorithm+" NAME", "keys of %s are refused: MD5 is broken", algorithmMD5)
	case algorithmSHA1:
		c.warnf(path, codeWeakAlgorithm, "make a key of "+defaultAlgorithm, "%s is not recommended any more", algorithmSHA1)
	default:
		c.mode(path, value, keyAlgorithms(), keyAlgorithms()...)
	}
}

func (c *checker) publisherZone(path, zone string) {
	own := c.t.Spec.DNS.Zone
	switch {
	case own == "" || c.has(codeInvalidDNSZone): // told already
	case !isZone(zone):
		c.errorf(path, codePublisherZone, "write it in lower case without a final dot", "%q is not a DNS zone", shorten(zone))
	case zone != own && !strings.HasSuffix(own, "."+zone):
		c.errorf(path, codePublisherZone, "write spec.dns.zone or a parent of it", "the names lie in %s, which is not within %s", shorten(own), shorten(zone))
	}
}

func isZone(zone string) bool {
	return len(validation.IsDNS1123Subdomain(zone)) == 0 && !longLabel(zone) && !looksLikeIPv4(zone)
}

// onePublisherEach: two writers of one zone with one hand would undo nothing, and say everything twice.
func (c *checker) onePublisherEach(path string, p RFC2136Publisher) {
	for i, other := range c.t.Spec.DNS.Publish {
		at := item("spec.dns.publish", i) + ".rfc2136"
		if at == path {
			return
		}
		if other.RFC2136 != nil && other.RFC2136.Server == p.Server && p.Server != "" {
			c.errorf(path, codeInvalidPublisher, "keep one of the two", "%s already updates that server", at)
			return
		}
	}
}

// key checks where a TSIG key comes from. The secret itself is not here to be looked at.
func (c *checker) key(path, prefix, name, file, env string) {
	at := path + "." + prefix
	if name == "" {
		c.errorf(at+"Name", codeInvalidKey, "write "+prefix+"Name: the key's name on the server", "%sName is missing", prefix)
	} else if !regexp.MustCompile(patternKeyName).MatchString(name) || len(name) > maxDNSName || longLabel(strings.TrimSuffix(name, ".")) {
		c.errorf(at+"Name", codeInvalidKey, "write the key's name on the server, such as quorate.", "%q is not the name of a key", shorten(name))
	}
	switch {
	case file != "" && env != "":
		c.errorf(at+"Env", codeInvalidKey, "keep one of the two", "%sFile and %sEnv both say where the secret is", prefix, prefix)
	case file == "" && env == "":
		c.errorf(at+"File", codeInvalidKey, "write "+prefix+"File: ./tsig.key, or "+prefix+"Env: the name of an environment variable",
			"nothing says where the secret of the key is")
	case env != "" && !regexp.MustCompile(patternVariable).MatchString(env):
		c.errorf(at+"Env", codeInvalidKey, "write the name of an environment variable, such as QUORATE_TSIG_KEY; never the secret", "%sEnv is not the name of an environment variable", prefix)
	case file != "" && (strings.ContainsRune(file, 0) || slashpath.Base(file) == "." || strings.HasSuffix(file, "/")):
		c.errorf(at+"File", codeInvalidKey, "write the path of a file, relative to the topology file", "%q is not the path of a file", shorten(file))
	}
}

func (c *checker) reverseZones(path string, zones []string) {
	seen := map[string]bool{}
	for i, zone := range zones {
		switch {
		case !isReverseZone(zone):
			c.errorf(item(path, i), codeInvalidReverseZone, "write the zone that is delegated to you, such as 1.10.in-addr.arpa for 10.1.0.0/16", "%q is not a reverse zone", shorten(zone))
		case seen[zone]:
			c.errorf(item(path, i), codeInvalidReverseZone, "list it once", "%s is listed twice", zone)
		}
		seen[zone] = true
	}
}

// isReverseZone tells a zone below in-addr.arpa (RFC 1035 §3.5; RFC 2317 for parts of a byte) or ip6.arpa (RFC 3596 §2.5).
func isReverseZone(zone string) bool {
	return regexp.MustCompile(patternReverse).MatchString(zone) && len(zone) <= maxDNSName && !longLabel(zone)
}
