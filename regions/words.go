package regions

// The words that a topology's fields know, and what is built of them.
const (
	profileCockroachDB = "cockroachdb"
	profileEtcd        = "etcd"
	profileGeneric     = "generic"

	networkFlat    = "flat"
	tlsDisabled    = "disabled"
	zoneByPodLabel = "podLabel"
	zoneBySet      = "statefulSetPerZone"
	zoneNone       = "none"

	podDNSConfig     = "dnsConfig"
	podDNSStubDomain = "stubDomain"
)

func profiles() []string { return []string{profileCockroachDB, profileEtcd, profileGeneric} }
func networkModes() []string {
	return []string{networkFlat, "hostNetwork", "loadBalancer", "mcs", "cilium", "istio"}
}
func tlsModes() []string   { return []string{"builtin", "cert-manager", "secret", tlsDisabled} }
func podDNSWays() []string { return []string{podDNSConfig, podDNSStubDomain} }
func zoneWays() []string   { return []string{zoneByPodLabel, zoneBySet, zoneNone} }

func failureWords() []string {
	return []string{string(FailureNone), string(FailureNode), string(FailureZone), string(FailureRegion)}
}

func modelWords() []string {
	return []string{string(ModelNone), string(ModelQuorumGroup), string(ModelRanges)}
}
