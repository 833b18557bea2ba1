package regions

// Failure is the loss of one whole failure domain: any node, any zone, any region.
type Failure string

// The failures that can be promised, weakest first.
const (
	FailureNone   Failure = "none"
	FailureNode   Failure = "node"
	FailureZone   Failure = "zone"
	FailureRegion Failure = "region"
)

// Failures are the real failures (none is not one), weakest first.
func Failures() []Failure { return []Failure{FailureNode, FailureZone, FailureRegion} }

// Model names the arithmetic by which a database survives failures.
type Model string

// The models known today.
const (
	ModelNone        Model = "none"         // promises nothing
	ModelQuorumGroup Model = "quorum-group" // one group in which every replica votes: etcd
	ModelRanges      Model = "ranges"       // many groups of N voters placed by rules: CockroachDB
)

// Exposure is what a step leaves survivable while it runs.
type Exposure struct {
	// Survives tells for each real failure whether any single one could still
	// happen without an outage. A key is present for every one of Failures().
	Survives map[Failure]bool `json:"survives"`
	// Slack is how many more voters could be lost, in the worst placement. Negative: no quorum.
	Slack int `json:"slack"`
}

// Strongest is the strongest failure survived, FailureNone where there is none.
func (e Exposure) Strongest() Failure {
	strongest := FailureNone
	for _, f := range Failures() {
		if e.Survives[f] {
			strongest = f
		}
	}
	return strongest
}

// Available tells whether a quorum is left at all.
func (e Exposure) Available() bool { return e.Slack >= 0 }
