package regions

func settingCodes() []CodeDoc {
	return []CodeDoc{
		{codeMissingName, SeverityError, "a name is not written"},
		{codeInvalidName, SeverityError, "a name is not a DNS label (RFC 1123; RFC 1035 for the deployment)"},
		{codeReservedName, SeverityError, "a region or cluster name begins as the zone's own records do (join-, ns, _)"},
		{codeNameCollision, SeverityError, "a region and a cluster share a name, and so a DNS name"},
		{codeNameTooLong, SeverityError, "a StatefulSet, pod or replica name is longer than Kubernetes or DNS allows"},
		{codeInvalidNamespace, SeverityError, "a namespace is not a DNS label"},
		{codeReservedNamespace, SeverityError, "a namespace begins with kube-, which Kubernetes keeps to itself"},
		{codeMissingImage, SeverityError, "an image is needed and not written: spec.image, or one of the authority in the clusters"},
		{codeInvalidImage, SeverityError, "a value is not an image reference"},
		{codeImageNotPinned, SeverityWarning, "an image has no tag, or the tag latest: what runs would depend on when it was pulled"},
		{codeMissingStorageSize, SeverityError, "the profile needs storage.size"},
		{codeMissingStorageClass, SeverityError, "the profile needs storage.className: a cluster's default class may change or differ"},
		{codeInvalidPriorityClass, SeverityError, "priorityClassName is not a DNS name"},
		{codeInvalidStorageClass, SeverityError, "storage.className is not a DNS name"},
		{codeInvalidQuantity, SeverityError, "a value is not a Kubernetes quantity above zero"},
		{codeMissingRequests, SeverityWarning, "the database asks for no cpu or no memory, so nothing is reserved for it"},
		{codeRequestsOverLimits, SeverityError, "a request is larger than its limit"},
		{codeMissingDNSZone, SeverityError, "dns.zone is needed and not written"},
		{codeInvalidDNSZone, SeverityError, "dns.zone is not a DNS name in lower case without a final dot"},
		{codeInvalidTTL, SeverityError, "dns.ttl is not a duration of whole seconds from 1s to 1h"},
		{codeInvalidPublisher, SeverityError, "an entry of dns.publish sets no publisher, or several"},
		{codeInvalidAddress, SeverityError, "an address is not host:port"},
		{codeInvalidIP, SeverityError, "a DNS server is not an IP address"},
		{codeDuplicateDNSEntry, SeverityError, "a DNS server is listed twice"},
		{codeMissingDNSServer, SeverityError, "the authority runs in the clusters, and a cluster gives no address for it"},
		{codeSeveralDNSServers, SeverityError, "the authority runs in the clusters, and a cluster gives it two addresses of one IP family"},
		{codeMissingPodCIDRs, SeverityError, "the authority runs in the clusters, and a cluster does not say which addresses its pods have"},
		{codeInvalidCIDR, SeverityError, "a range of addresses is not written as one, such as 10.1.0.0/16"},
		{codeOverlappingPodCIDRs, SeverityError, "two ranges of pods' addresses overlap, which a flat network cannot route"},
		{codeDNSServerInPodCIDR, SeverityError, "a cluster's DNS server has an address of its pods, which no Service has"},
		{codeUnknownResource, SeverityError, "a request or limit of something that Kubernetes does not have"},
		{codeInvalidAPIServer, SeverityError, "apiServer is not an https URL of a host alone"},
		{codeInvalidDuration, SeverityError, "a value is not a Go duration in its range"},
		{codeInvalidMaxUnavailable, SeverityError, "rollout.maxUnavailable is below one"},
		{codeInvalidCanary, SeverityError, "rollout.canary.replicas is negative or more than there are replicas"},
		{codeOrderUnknownRegion, SeverityError, "rollout.order names a region that is not declared"},
		{codeOrderRepeatsRegion, SeverityError, "rollout.order names a region twice"},
		{codeOrderMissesRegion, SeverityError, "rollout.order leaves a region out"},
	}
}

func layoutCodes() []CodeDoc {
	return []CodeDoc{
		{codeNoRegions, SeverityError, "the topology has no regions"},
		{codeNoClusters, SeverityError, "a region has no clusters"},
		{codeDuplicateRegion, SeverityError, "two regions have one name"},
		{codeDuplicateCluster, SeverityError, "two clusters have one name"},
		{codeDuplicateTarget, SeverityError, "two clusters share a kubeconfig context and a namespace"},
		{codeDuplicateContext, SeverityWarning, "two clusters of one region are one Kubernetes cluster, in two namespaces: their replicas may share nodes"},
		{codeContextInTwoRegions, SeverityError, "a kubeconfig context is given in two regions, so that the loss of one region would be that of both"},
		{codeMissingReplicas, SeverityError, "a cluster has neither replicas nor pools"},
		{codeInvalidReplicas, SeverityError, "a number of replicas is negative or more than 1000"},
		{codeReplicasAndPools, SeverityError, "a cluster has both replicas and pools"},
		{codeNoReplicas, SeverityError, "the whole topology has no replica"},
		{codeTooManyReplicas, SeverityError, "the whole topology has more than 10000 replicas"},
		{codeInvalidZone, SeverityError, "a zone is empty or no Kubernetes label value, or cannot be part of a StatefulSet's name that needs it"},
		{codeDuplicateZone, SeverityError, "a cluster lists a zone twice"},
		{codeZoneInTwoRegions, SeverityError, "a zone is listed in two regions"},
		{codeZonesNotDeclared, SeverityWarning, "a cluster lists no zones, so its survival of a zone cannot be promised"},
		{codeZonesRequired, SeverityError, "a cluster lists no zones, and each zone is to have a StatefulSet of its own"},
	}
}

func promiseCodes() []CodeDoc {
	return []CodeDoc{
		{codeModelRequired, SeverityError, "a failure is promised, but no model says how it is survived"},
		{codeModelMismatch, SeverityError, "survive.model is not the model of the profile"},
		{codeInvalidVoters, SeverityError, "survive.voters is below one, or even where ranges are placed"},
		{codeVotersMismatch, SeverityError, "every replica votes in a quorum group, but survive.voters is not their number"},
		{codeVotersOverReplicas, SeverityError, "a range has more voters than there are replicas to hold them"},
		{codeEvenVoters, SeverityWarning, "a quorum group of an even size survives no more than one member fewer would"},
		{codePromiseNotKept, SeverityError, "the layout cannot keep survive.failure"},
		{codeUpdatePromiseNotKept, SeverityError, "the layout cannot keep survive.whileUpdating with maxUnavailable replicas down"},
		{codeMaxUnavailableQuorum, SeverityError, "maxUnavailable replicas down would by themselves cost the quorum"},
		{codeUpdatesStopService, SeverityWarning, "the quorum does not outlive the restart of one replica: every update would be refused"},
		{codePromiseComputed, SeverityNote, "a promise that was not written, as computed from the layout"},
		{codeNothingPromised, SeverityNote, "no model is set, so no failure is promised"},
	}
}
