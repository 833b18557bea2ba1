package regions

import (
	"cmp"
	"fmt"
	"strconv"
)

// ReplicaID is the identity of a replica: it outlives pods, addresses and nodes.
type ReplicaID struct {
	Cluster string `json:"cluster"`
	Pool    string `json:"pool"` // the StatefulSet's name
	Ordinal int    `json:"ordinal"`
}

// Pod is the replica's pod name, <pool>-<ordinal>.
func (id ReplicaID) Pod() string { return id.Pool + "-" + strconv.Itoa(id.Ordinal) }

// String is <cluster>/<pod>, the form used in plans, journals and messages.
func (id ReplicaID) String() string { return id.Cluster + "/" + id.Pod() }

// MarshalText makes the identity a string in JSON documents.
func (id ReplicaID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads <cluster>/<pool>-<ordinal>.
func (id *ReplicaID) UnmarshalText(text []byte) error {
	parsed, err := ParseReplicaID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseReplicaID reads <cluster>/<pool>-<ordinal>, as String writes it.
func ParseReplicaID(s string) (ReplicaID, error) {
	for slash := range len(s) {
		if s[slash] != '/' {
			continue
		}
		for dash := len(s) - 1; dash > slash; dash-- {
			if s[dash] != '-' {
				continue
			}
			ordinal, err := strconv.Atoi(s[dash+1:])
			if err != nil || ordinal < 0 {
				break
			}
			return ReplicaID{Cluster: s[:slash], Pool: s[slash+1 : dash], Ordinal: ordinal}, nil
		}
		break
	}
	return ReplicaID{}, fmt.Errorf("replica %q is not of the form cluster/pool-ordinal", s)
}

// Compare orders identities by cluster, pool and ordinal.
func (id ReplicaID) Compare(other ReplicaID) int {
	return cmp.Or(
		compareStrings([2]string{id.Cluster, other.Cluster}, [2]string{id.Pool, other.Pool}),
		cmp.Compare(id.Ordinal, other.Ordinal))
}

// Replica is one member of the deployment as the topology declares it.
type Replica struct {
	ID     ReplicaID
	Region string
	Zone   string // the declared zone that the spread should give it; what the scheduler did is in PodState
}
