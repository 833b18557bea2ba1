package dns

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// OwnerTTL is the lifetime of ownership records, in seconds. Nobody resolves them.
const OwnerTTL = 60

// ownerLabel begins the name of an ownership record (RFC 8552: no host has such a name).
const ownerLabel = "_owner."

// hashLength is how much of the SHA-256 of a name's records is kept, in hexadecimal digits.
const hashLength = 16

// Ownership says whose a name in a shared zone is. It stands in one TXT record under the name (OwnerName),
// where it can be a precondition of every change, cannot clash with a pod, and goes beside a CNAME.
type Ownership struct {
	Deployment string
	Cluster    string // whose truth the name is; empty for a name that spans clusters
	// Hash is of the records that were written (see HashSets), so that an edit by another hand is noticed.
	Hash string
}

// OwnerName is where the ownership of a name stands.
func OwnerName(name string) string { return ownerLabel + Canonical(name) }

// ownedName is the name whose ownership stands at the owner name; false for any other name.
func ownedName(name string) (string, bool) { return strings.CutPrefix(Canonical(name), ownerLabel) }

// Text is the TXT record's RDATA in presentation form.
func (o Ownership) Text() string {
	return fmt.Sprintf(`"v1;tool=quorate;deployment=%s;cluster=%s;hash=%s"`, o.Deployment, o.Cluster, o.Hash)
}

// ParseOwnership reads what Text wrote. Fields that it does not know are left to later versions; false is
// anything that is not quorate's.
func ParseOwnership(text string) (Ownership, bool) {
	body, ok := strings.CutPrefix(text, `"v1;`)
	body, closed := strings.CutSuffix(body, `"`)
	if !ok || !closed {
		return Ownership{}, false
	}
	fields := map[string]string{}
	for field := range strings.SplitSeq(body, ";") {
		key, value, _ := strings.Cut(field, "=")
		fields[key] = value
	}
	o := Ownership{Deployment: fields["deployment"], Cluster: fields["cluster"], Hash: fields["hash"]}
	return o, fields["tool"] == "quorate" && o.Deployment != ""
}

// HashSets is a short hash of a name's records, lifetimes included; only the types that quorate makes count.
func HashSets(sets []RecordSet) string {
	var lines []string
	for _, s := range sets {
		if managed(s.Type) {
			lines = append(lines, fmt.Sprintf("%s %d %s\n", s.Type, s.TTL, strings.Join(normalValues(s.Type, s.Values), ",")))
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:])[:hashLength]
}
