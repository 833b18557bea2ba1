package regions

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// authority checks what the authority inside the clusters needs, and the facts of the
// network that are checked with or without it.
func (c *checker) authority() {
	c.podCIDRs()
	c.eachCluster(func(cl Cluster, _ Region, path string) {
		if cl.APIServer != "" || c.written(path+".apiServer") {
			c.apiServer(path+".apiServer", cl.APIServer)
		}
	})
	first := ""
	for i, p := range c.t.Spec.DNS.Publish {
		path := item("spec.dns.publish", i) + ".serve.inCluster"
		switch {
		case p.Serve == nil || p.Serve.InCluster == nil:
		case first != "":
			c.errorf(path, codeInvalidPublisher, "keep one of the two", "%s already puts an authority into every cluster", first)
		default:
			first = path
			c.inCluster(path, *p.Serve.InCluster)
		}
	}
}

func (c *checker) inCluster(path string, in InClusterServe) {
	for _, image := range []struct{ field, value, example string }{
		{"image", in.Image, "the image of quorate itself"},
		{"forwarder", in.Forwarder, "an image of CoreDNS, such as registry.example.com/coredns:v1.15.0"},
	} {
		at := path + "." + image.field
		if image.value == "" && !c.written(at) {
			c.errorf(at, codeMissingImage, "write "+image.field+": "+image.example, "%s is missing", at)
			continue
		}
		c.image(at, image.value)
	}
	c.mode(path+".podDNS", in.PodDNS, podDNSWays(), podDNSWays()...)
	if at := path + ".priorityClassName"; (in.PriorityClassName != "" || c.written(at)) && len(validation.IsDNS1123Subdomain(in.PriorityClassName)) > 0 {
		c.errorf(at, codeInvalidPriorityClass, "use the name as kubectl get priorityclass prints it", "%q is not the name of a PriorityClass", shorten(in.PriorityClassName))
	}
	// A Service's name is a label (RFC 1035), and the authority's is longer than the deployment's.
	if name := AuthorityName(c.t.Metadata.Name); len(name) > validation.DNS1035LabelMaxLength {
		c.errorf("metadata.name", codeNameTooLong, fmt.Sprintf("use at most %d characters", validation.DNS1035LabelMaxLength-len(AuthorityName(""))),
			"the authority's Service would be named %s, of %d characters; %d are allowed", shorten(name), len(name), validation.DNS1035LabelMaxLength)
	}
	c.eachCluster(func(cl Cluster, _ Region, path string) { c.authorityIn(path, cl) })
}

// authorityIn checks what a cluster says of the authority inside it.
func (c *checker) authorityIn(path string, cl Cluster) {
	if len(cl.DNSServers) == 0 {
		c.errorf(path+".dnsServers", codeMissingDNSServer, "write dnsServers: [a free address of the cluster's Service range], such as 10.96.0.53",
			"cluster %q gives no address for the authority inside it", shorten(cl.Name))
	}
	if len(cl.PodCIDRs) == 0 {
		c.errorf(path+".podCIDRs", codeMissingPodCIDRs, "write podCIDRs: [the range of the cluster's pods], such as 10.1.0.0/16",
			"the authority inside cluster %q answers its pods alone, and nothing says which addresses they have", shorten(cl.Name))
	}
	families := map[bool]string{}
	for i, server := range cl.DNSServers {
		addr, err := netip.ParseAddr(server)
		if err != nil {
			continue // dnsServers tells
		}
		four := addr.Unmap().Is4()
		if other := families[four]; other != "" {
			c.errorf(item(path+".dnsServers", i), codeSeveralDNSServers, "keep one address for each IP family: they are those of one Service",
				"%s and %s are of one IP family", other, server)
		}
		families[four] = server
	}
}

// podCIDRs checks the ranges of all clusters' pods, which a flat network routes to one
// place each.
func (c *checker) podCIDRs() {
	type placed struct {
		prefix  netip.Prefix
		cluster string
	}
	var seen []placed
	c.eachCluster(func(cl Cluster, _ Region, path string) {
		for i, text := range cl.PodCIDRs {
			at := item(path+".podCIDRs", i)
			prefix, err := netip.ParsePrefix(text)
			if err != nil || prefix.Masked() != prefix || prefix.Addr().Is4In6() {
				c.errorf(at, codeInvalidCIDR, cidrHint(prefix), "%q is not a range of addresses", shorten(text))
				continue
			}
			if prefix.Bits() == 0 {
				c.errorf(at, codeInvalidCIDR, "write the range of this cluster's pods, such as 10.1.0.0/16", "%s is every address there is", prefix)
				continue
			}
			for _, other := range seen {
				if c.t.Spec.Network.Mode == networkFlat && prefix.Overlaps(other.prefix) {
					c.errorf(at, codeOverlappingPodCIDRs, "give every cluster a range of its own: pods of different clusters reach each other by address",
						"%s overlaps with %s of cluster %s", prefix, other.prefix, shorten(other.cluster))
				}
			}
			seen = append(seen, placed{prefix, cl.Name})
			c.dnsServersOutside(path, cl, prefix)
		}
	})
}

// dnsServersOutside checks that no address of the authority is among those of its cluster's pods: a ClusterIP never is,
// and a pod that got it would answer in the authority's place.
func (c *checker) dnsServersOutside(path string, cl Cluster, pods netip.Prefix) {
	for i, server := range cl.DNSServers {
		if addr, err := netip.ParseAddr(server); err == nil && pods.Contains(addr.Unmap()) {
			c.errorf(item(path+".dnsServers", i), codeDNSServerInPodCIDR, "write a free address of the cluster's Service range",
				"%s lies in the range of the pods of cluster %q, %s", server, shorten(cl.Name), pods)
		}
	}
}

// cidrHint proposes the range that was probably meant.
func cidrHint(prefix netip.Prefix) string {
	if prefix.IsValid() && !prefix.Addr().Is4In6() {
		return "write " + prefix.Masked().String()
	}
	return "write the first address and the number of leading bits, such as 10.1.0.0/16 or fd00:1::/48"
}

// apiServer checks the URL of an API server: credentials belong into the kubeconfig,
// and TLS is how the other clusters know whom they talk to.
func (c *checker) apiServer(path, value string) {
	u, err := url.Parse(value)
	bare := err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil &&
		strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == "" && u.Opaque == ""
	if !bare {
		c.errorf(path, codeInvalidAPIServer, "write https://host:port and nothing else, such as https://10.0.1.10:6443",
			"apiServer is not the https URL of a host alone")
	}
}
