package podwatch

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/planner/journal"
)

// verdict is a test that keeps what it is told instead of failing.
type verdict struct {
	testing.TB
	said []string
}

func (v *verdict) Helper() {}
func (v *verdict) Errorf(format string, args ...any) {
	v.said = append(v.said, fmt.Sprintf(format, args...))
}

// intended is the engine's decision to take a replica down, made on these pictures.
func intended(step, use1, usw1 string) journal.Entry {
	e := journal.Entry{Event: journal.StepIntended, Kind: "partition", Step: step, Seen: map[string]map[string]string{}}
	for cluster, version := range map[string]string{"use1": use1, "usw1": usw1} {
		if version != "" {
			e.Seen[cluster] = map[string]string{"pods": version}
		}
	}
	return e
}

func TestJudge(t *testing.T) {
	up := []Event{{Version: 1, Pod: "db-0", Up: true}, {Version: 2, Pod: "db-1", Up: true}}
	restart := func(version uint64, pod string) []Event {
		return []Event{{Version: version, Pod: pod}, {Version: version + 1, Pod: pod, Up: true}}
	}
	for name, test := range map[string]struct {
		use1, usw1 []Event
		entries    []journal.Entry
		order      []string
		flaws      []string
	}{
		"one after the other": {
			use1: slices.Concat(up, restart(10, "db-1"), restart(20, "db-0")), usw1: up,
			entries: []journal.Entry{intended("use1/partition/db-1", "5", "5"), intended("use1/partition/db-1", "5", "5"), intended("use1/partition/db-0", "11", "5")},
			order:   []string{"use1/db-1", "use1/db-0"},
		},
		"its own target may be down": {
			use1: slices.Concat(up, restart(10, "db-1")), usw1: up,
			entries: []journal.Entry{intended("use1/replace/db-1", "10", "5")},
			order:   []string{"use1/db-1"},
		},
		"while another is down in another cluster": {
			use1: slices.Concat(up, restart(20, "db-1")), usw1: slices.Concat(up, restart(7, "db-0")),
			entries: []journal.Entry{intended("use1/partition/db-1", "5", "7")},
			order:   []string{"use1/db-1"},
			flaws:   []string{"use1/partition/db-1 was decided on while usw1/db-0 was down (at resourceVersion 7)"},
		},
		"on no picture of a cluster": {
			use1: up, usw1: up,
			entries: []journal.Entry{intended("use1/partition/db-1", "5", "")},
			order:   []string{"use1/db-1"},
			flaws:   []string{"without a picture of usw1"},
		},
		"two of a cluster at once": {
			use1: slices.Concat(up, []Event{{Version: 10, Pod: "db-1"}, {Version: 11, Pod: "db-0"}}), usw1: up,
			flaws: []string{"use1: 2 replicas were down at once"},
		},
		"other steps are no moves": {
			use1: up, usw1: up,
			entries: []journal.Entry{{Event: journal.StepIntended, Kind: "apply", Step: "use1/apply"}, intended("use1/partition/hold/db", "", "")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Recorder{events: map[string][]Event{"use1": test.use1, "usw1": test.usw1}}
			v := &verdict{TB: t}
			if order := r.Judge(v, test.entries); !slices.Equal(order, test.order) {
				t.Errorf("order %v, want %v", order, test.order)
			}
			if len(v.said) != len(test.flaws) {
				t.Fatalf("flaws %q, want %q", v.said, test.flaws)
			}
			for i, flaw := range test.flaws {
				if !strings.Contains(v.said[i], flaw) {
					t.Errorf("flaw %q, want %q", v.said[i], flaw)
				}
			}
		})
	}
}
