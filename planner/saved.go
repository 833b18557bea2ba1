package planner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"quorate.dev/quorate/regions"
)

// SavedVersion is the format version of a saved plan: a plan's document with two more
// members, which readers of 1.0 pass over.
const SavedVersion = "1.1"

// Saved is a plan that was put aside to be run later, beside what it was made from,
// so that whatever moved since can be named. It holds no secret: of Secrets neither the
// values nor digests of them are in it.
type Saved struct {
	*Plan
	Basis Basis `json:"basis"`
	// Checksum is over the document's bytes with this value left empty. It shows
	// accidents and edits, and is no signature.
	Checksum string `json:"checksum"`
}

// Basis is what a saved plan was made from, as far as it may not move before the plan runs.
type Basis struct {
	Topology map[string]any `json:"topology"` // as read, with defaults
	Profile  string         `json:"profile"`  // a digest of the profile's definition
	Offline  bool           `json:"offline,omitempty"`
	// ForceManagers are the field managers whose values the plan overwrites.
	ForceManagers []string       `json:"force_managers,omitempty"`
	DatabaseID    string         `json:"database_id,omitempty"` // empty: none was on record
	Clusters      []ClusterBasis `json:"clusters"`              // in rollout order
}

// ClusterBasis is one cluster as a saved plan knows it.
type ClusterBasis struct {
	Name    string           `json:"name"`
	UID     string           `json:"uid,omitempty"`     // empty: not contacted
	Emptied bool             `json:"emptied,omitempty"` // it held replicas before, and nothing when the plan was made
	Pools   []PoolBasis      `json:"pools"`
	Objects []RenderedDigest `json:"objects"` // sorted
}

// PoolBasis is a StatefulSet when the plan was made; UID is empty where there was none.
type PoolBasis struct {
	Name     string `json:"name"`
	UID      string `json:"uid,omitempty"`
	Replicas int    `json:"replicas"` // live
	Want     int    `json:"want"`     // by the topology
}

// RenderedDigest is one object of an overlay.
type RenderedDigest struct {
	Object regions.ObjectRef `json:"object"`
	Digest string            `json:"digest"`
}

// Save puts a plan aside with what it was made from.
func Save(p *Plan, in Input) *Saved {
	plan := *p
	plan.FormatVersion = SavedVersion
	return &Saved{Plan: &plan, Basis: basisOf(in)}
}

func basisOf(in Input) Basis {
	b := Basis{
		Topology: plainTopology(in.Topology), Profile: digestOf(in.Profile), Offline: in.Offline,
		ForceManagers: slices.Clone(in.ForceManagers), DatabaseID: in.databaseID(), Clusters: []ClusterBasis{},
	}
	for _, s := range sites(in) {
		b.Clusters = append(b.Clusters, clusterBasis(s))
	}
	return b
}

func clusterBasis(s site) ClusterBasis {
	out := ClusterBasis{Name: s.cluster.Name, UID: s.obs.State.UID, Emptied: s.emptied, Pools: []PoolBasis{}, Objects: renderedDigests(s.desired)}
	for _, p := range s.pools {
		pool := PoolBasis{Name: p.name, Replicas: p.replicas(), Want: p.want}
		if p.live != nil {
			pool.UID = p.live.UID
		}
		out.Pools = append(out.Pools, pool)
	}
	return out
}

func renderedDigests(desired []map[string]any) []RenderedDigest {
	out := []RenderedDigest{}
	for _, object := range desired {
		out = append(out, RenderedDigest{RefOf(object), digestOf(withoutSecretValues(object))})
	}
	slices.SortFunc(out, func(a, b RenderedDigest) int { return a.Object.Compare(b.Object) })
	return out
}

func digestOf(v any) string {
	sum := sha256.Sum256([]byte(compactJSON(v)))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// plainTopology is the topology as JSON-like data.
func plainTopology(t *regions.Topology) map[string]any {
	out := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader([]byte(compactJSON(t))))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return map[string]any{"unreadable": err.Error()} // a struct of strings and numbers always reads back
	}
	return out
}

// databaseID is the database's own ID as any record has it, the first in rollout order.
func (in Input) databaseID() string {
	for _, s := range in.states() {
		if id := s.Record.Database.ClusterID; id != "" {
			return id
		}
	}
	return ""
}

// EncodeSaved writes a saved plan as one indented JSON document, the same bytes for the
// same plan.
func EncodeSaved(s *Saved) ([]byte, error) {
	unsealed := *s
	unsealed.Checksum = ""
	data, err := encodeDocument(unsealed)
	if err != nil {
		return nil, fmt.Errorf("encode saved plan of %s: %w", s.Deployment, err)
	}
	sum := sha256.Sum256(data)
	sealed := checksumMember("sha256:" + hex.EncodeToString(sum[:]))
	at := bytes.LastIndex(data, checksumMember("")) // the document's last member
	return slices.Concat(data[:at], sealed, data[at+len(checksumMember("")):]), nil
}

func encodeDocument(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return buf.Bytes(), err
}

func checksumMember(sum string) []byte { return []byte(`"checksum": "` + sum + `"`) }

// ErrNotSaved is of a document that is no saved plan at all, of whichever tool.
var ErrNotSaved = errors.New("it is no plan that `quorate plan -o` saved")

// DecodeSaved reads what EncodeSaved wrote. It refuses what Decode refuses, a plan that was
// printed and not saved, and a document that was changed after it was written.
func DecodeSaved(data []byte) (*Saved, error) {
	var s struct {
		FormatVersion string  `json:"format_version"`
		Deployment    *string `json:"deployment"`
		Steps         []any   `json:"steps"`
		Basis         *Basis  `json:"basis"`
		Checksum      string  `json:"checksum"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	if s.Deployment == nil || s.FormatVersion == "" {
		return nil, fmt.Errorf("%w: it names no deployment and format version", ErrNotSaved)
	}
	plan, err := Decode(data)
	switch {
	case err != nil:
		return nil, err
	case s.Basis == nil || s.Checksum == "":
		return nil, fmt.Errorf("%w: it was printed by `quorate plan --output json`, without what it was made from", ErrNotSaved)
	}
	if err := checkSum(data, s.Checksum); err != nil {
		return nil, err
	}
	return &Saved{Plan: plan, Basis: *s.Basis, Checksum: s.Checksum}, nil
}

func checkSum(data []byte, want string) error {
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(want) {
		return fmt.Errorf("its checksum %q is none: plan again", want)
	}
	at := bytes.LastIndex(data, checksumMember(want))
	if at < 0 {
		return errors.New("it was written anew by another program: plan again")
	}
	sum := sha256.Sum256(slices.Concat(data[:at], checksumMember(""), data[at+len(checksumMember(want)):]))
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != want {
		return errors.New("it was changed after it was saved (its checksum does not match): plan again")
	}
	return nil
}
