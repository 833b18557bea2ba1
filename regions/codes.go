package regions

//go:generate go run quorate.dev/quorate/cmd/internal/problemsgen ../docs/reference/problems.md

// The codes of problems. They are stable: scripts match on them. Codes explains each.
const (
	codeTooLarge         = "too-large"
	codeEmptyFile        = "empty-file"
	codeNotYAML          = "not-yaml"
	codeSeveralDocuments = "several-documents"
	codeTooManyAliases   = "too-many-aliases"
	codeMergeKey         = "merge-key"
	codeDuplicateKey     = "duplicate-key"
	codeUnknownField     = "unknown-field"
	codeWrongType        = "wrong-type"

	codeMissingAPIVersion = "missing-api-version"
	codeUnknownAPIVersion = "unknown-api-version"
	codeMissingKind       = "missing-kind"
	codeUnknownKind       = "unknown-kind"

	codeUnknownValue    = "unknown-value"
	codeNotSupportedYet = "not-supported-yet"
	codeNotForProfile   = "not-for-profile"
	codeMissingProfile  = "missing-profile"
	codeUnknownProfile  = "unknown-profile"
	codeMissingBase     = CodeMissingBase
	codeInvalidBase     = "invalid-base"
	codeTLSRequired     = "tls-required"

	codeMissingName       = "missing-name"
	codeInvalidName       = "invalid-name"
	codeReservedName      = "reserved-name"
	codeNameCollision     = "name-collision"
	codeNameTooLong       = "name-too-long"
	codeInvalidNamespace  = "invalid-namespace"
	codeReservedNamespace = "reserved-namespace"

	codeMissingImage         = "missing-image"
	codeInvalidImage         = "invalid-image"
	codeImageNotPinned       = "image-not-pinned"
	codeMissingStorageSize   = "missing-storage-size"
	codeMissingStorageClass  = "missing-storage-class"
	codeInvalidStorageClass  = "invalid-storage-class"
	codeInvalidPriorityClass = "invalid-priority-class"
	codeInvalidQuantity      = "invalid-quantity"
	codeMissingRequests      = "missing-requests"
	codeRequestsOverLimits   = "requests-over-limits"

	codeMissingDNSZone     = "missing-dns-zone"
	codeInvalidDNSZone     = "invalid-dns-zone"
	codeInvalidTTL         = "invalid-ttl"
	codeInvalidPublisher   = "invalid-publisher"
	codeInvalidKey         = "invalid-tsig-key"
	codeRefusedAlgorithm   = "refused-tsig-algorithm"
	codeWeakAlgorithm      = "weak-tsig-algorithm"
	codePublisherZone      = "publisher-zone"
	codeInvalidReverseZone = "invalid-reverse-zone"
	codeInvalidAddress     = "invalid-address"
	codeInvalidIP          = "invalid-ip"

	codeMissingDNSServer    = "missing-dns-server"
	codeSeveralDNSServers   = "several-dns-servers"
	codeMissingPodCIDRs     = "missing-pod-cidrs"
	codeInvalidCIDR         = "invalid-cidr"
	codeOverlappingPodCIDRs = "overlapping-pod-cidrs"
	codeDNSServerInPodCIDR  = "dns-server-in-pod-cidrs"
	codeUnknownResource     = "unknown-resource"
	codeInvalidAPIServer    = "invalid-api-server"

	codeInvalidDuration       = "invalid-duration"
	codeInvalidMaxUnavailable = "invalid-max-unavailable"
	codeInvalidCanary         = "invalid-canary"
	codeOrderUnknownRegion    = "order-unknown-region"
	codeOrderRepeatsRegion    = "order-repeats-region"
	codeOrderMissesRegion     = "order-misses-region"

	codeNoRegions           = "no-regions"
	codeNoClusters          = "no-clusters"
	codeDuplicateRegion     = "duplicate-region"
	codeDuplicateCluster    = "duplicate-cluster"
	codeDuplicateTarget     = "duplicate-target"
	codeDuplicateContext    = "duplicate-context"
	codeContextInTwoRegions = "context-in-two-regions"
	codeMissingReplicas     = "missing-replicas"
	codeInvalidReplicas     = "invalid-replicas"
	codeReplicasAndPools    = "replicas-and-pools"
	codeNoReplicas          = "no-replicas"
	codeTooManyReplicas     = "too-many-replicas"
	codeInvalidZone         = "invalid-zone"
	codeDuplicateZone       = "duplicate-zone"
	codeZoneInTwoRegions    = "zone-in-two-regions"
	codeZonesNotDeclared    = "zones-not-declared"
	codeZonesRequired       = "zones-required"
	codeDuplicateDNSEntry   = "duplicate-dns-server"

	codeModelRequired        = "model-required"
	codeModelMismatch        = "model-mismatch"
	codeInvalidVoters        = "invalid-voters"
	codeVotersMismatch       = "voters-mismatch"
	codeVotersOverReplicas   = "voters-exceed-replicas"
	codeEvenVoters           = "even-voters"
	codePromiseNotKept       = "promise-not-kept"
	codeUpdatePromiseNotKept = "update-promise-not-kept"
	codeMaxUnavailableQuorum = "max-unavailable-breaks-quorum"
	codeUpdatesStopService   = "updates-stop-service"
	codePromiseComputed      = "promise-computed"
	codeNothingPromised      = "nothing-promised"
)

// The codes of what Parse cannot see, having no disk: whoever follows a topology to its overlays gives them.
const (
	CodeMissingBase = "missing-base"
	CodeOverlay     = "overlay"
)

// CodeDoc explains one code that a Problem may carry.
type CodeDoc struct {
	Code     string
	Severity Severity
	Meaning  string // one line
}

// Codes lists every code that a topology can be given, by group, in the order of the documentation.
func Codes() []CodeDoc {
	var all []CodeDoc
	all = append(all, fileCodes()...)
	all = append(all, profileCodes()...)
	all = append(all, settingCodes()...)
	all = append(all, layoutCodes()...)
	return append(all, promiseCodes()...)
}

func fileCodes() []CodeDoc {
	return []CodeDoc{
		{codeTooLarge, SeverityError, "the file is larger than 1 MiB"},
		{codeEmptyFile, SeverityError, "the file holds no document"},
		{codeNotYAML, SeverityError, "the file is not YAML"},
		{codeSeveralDocuments, SeverityError, "the file holds more than one YAML document"},
		{codeTooManyAliases, SeverityError, "the file's aliases expand to more than a topology can need"},
		{codeMergeKey, SeverityError, "YAML merge keys (<<) are not read"},
		{codeDuplicateKey, SeverityError, "a key is written twice in one mapping"},
		{codeUnknownField, SeverityError, "a field that a topology does not have"},
		{codeWrongType, SeverityError, "a value of another type than the field's"},
		{codeMissingAPIVersion, SeverityError, "apiVersion is not written"},
		{codeUnknownAPIVersion, SeverityError, "apiVersion is none that this version reads"},
		{codeMissingKind, SeverityError, "kind is not written"},
		{codeUnknownKind, SeverityError, "kind is not Topology"},
	}
}

func profileCodes() []CodeDoc {
	return []CodeDoc{
		{codeUnknownValue, SeverityError, "a word that the field does not know"},
		{codeNotSupportedYet, SeverityError, "a valid value that is not built yet; it is refused, never ignored"},
		{codeNotForProfile, SeverityError, "a field that the chosen profile does not use"},
		{codeMissingProfile, SeverityError, "spec.profile is not written"},
		{codeUnknownProfile, SeverityError, "no built-in profile has this name"},
		{codeMissingBase, SeverityError, "profile generic needs spec.base, or spec.base names no directory that is there"},
		{codeInvalidBase, SeverityError, "spec.base is not a relative path to a local directory"},
		{CodeOverlay, SeverityError, "no overlay can be made or built of the profile or of the base"},
		{codeTLSRequired, SeverityError, "a profile with manifests of its own needs tls.mode to be written"},
	}
}
