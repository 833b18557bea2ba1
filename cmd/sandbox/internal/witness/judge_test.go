package witness

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func at(ms int) time.Time { return time.UnixMilli(int64(ms)) }

func write(ms, n int) Entry { return Entry{At: at(ms), Op: OpWrite, N: n} }

func failed(ms, n int) Entry { return Entry{At: at(ms), Op: OpWrite, N: n, Error: "no leader"} }

func TestTheLongestGapIsBetweenAcknowledgedWrites(t *testing.T) {
	log := []Entry{write(100, 1), write(120, 2), failed(500, 3), write(920, 4), write(950, 5)}
	for _, c := range []struct {
		name     string
		from, to time.Time
		gap      time.Duration
		acked    int
	}{
		{"the whole log", time.Time{}, time.Time{}, 800 * time.Millisecond, 4},
		{"before the failure", at(0), at(130), 100 * time.Millisecond, 2},
		{"a span that ends without a write counts to its end", at(110), at(900), 780 * time.Millisecond, 1},
		{"after it", at(921), time.Time{}, 29 * time.Millisecond, 1},
	} {
		verdict := Judge(log, c.from, c.to)
		if verdict.LongestGap != c.gap || verdict.Acknowledged != c.acked {
			t.Errorf("%s: gap %s and %d acknowledged, want %s and %d", c.name, verdict.LongestGap, verdict.Acknowledged, c.gap, c.acked)
		}
	}
}

func TestLostWrites(t *testing.T) {
	find := Entry{At: at(900), Op: OpFind, Found: []int{1, 4}}
	for _, c := range []struct {
		name string
		log  []Entry
		lost []int
	}{
		{"all there", []Entry{write(1, 1), write(2, 4), find}, nil},
		{"one is gone", []Entry{write(1, 1), write(2, 2), write(3, 4), find}, []int{2}},
		{"a failed write may be gone", []Entry{write(1, 1), failed(2, 2), write(3, 4), find}, nil},
		{"a failed write may have happened", []Entry{write(1, 1), failed(2, 4), find}, nil},
		{"written after the look", []Entry{write(1, 1), find, write(901, 5)}, nil},
		{"a stale read", []Entry{write(1, 1), {At: at(2), Op: OpRead, N: 1, Missing: true}, find}, []int{1}},
		{"a failed look finds nothing and blames nobody", []Entry{write(1, 1), {At: at(2), Op: OpFind, Error: "no leader"}}, nil},
	} {
		if verdict := Judge(c.log, time.Time{}, time.Time{}); !slices.Equal(verdict.Lost, c.lost) {
			t.Errorf("%s: lost %v, want %v", c.name, verdict.Lost, c.lost)
		}
	}
}

func TestCheckedMeansALookAfterTheLastWrite(t *testing.T) {
	find := Entry{Op: OpFind, Found: []int{1}}
	if !Judge([]Entry{write(1, 1), find}, time.Time{}, time.Time{}).Checked {
		t.Error("a look at the end does not count")
	}
	if Judge([]Entry{write(1, 1), find, write(2, 2)}, time.Time{}, time.Time{}).Checked {
		t.Error("a look before the last write counts")
	}
	if Judge([]Entry{write(1, 1), {Op: OpFind, Error: "x"}}, time.Time{}, time.Time{}).Checked {
		t.Error("a failed look counts")
	}
}

func TestReadLogDropsALineCutShort(t *testing.T) {
	entries, err := ReadLog(strings.NewReader("{\"op\":\"write\",\"n\":1}\n{\"op\":\"wri"))
	if err != nil || len(entries) != 1 || entries[0].N != 1 {
		t.Errorf("got %v, %v", entries, err)
	}
	if _, err := ReadLog(strings.NewReader("{\"op\":\"write\"}\nnonsense\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v", err)
	}
}

func TestPhasesAreFromMarkToMark(t *testing.T) {
	var log strings.Builder
	if err := Mark(&log, at(200), "partition"); err != nil {
		t.Fatal(err)
	}
	marked, err := ReadLog(strings.NewReader(log.String()))
	if err != nil {
		t.Fatal(err)
	}
	entries := []Entry{write(50, 1), {At: at(60), Op: OpMark, Phase: "calm"}, write(70, 2), write(110, 3)}
	entries = append(append(entries, marked...), failed(300, 4), write(900, 5), Entry{At: at(5000), Op: OpFind, Found: []int{1, 3, 5}})
	phases := Phases(entries)
	if len(phases) != 2 || phases[0].Name != "calm" || phases[1].Name != "partition" {
		t.Fatalf("phases %+v", phases)
	}
	calm, partition := phases[0], phases[1]
	if calm.Acknowledged != 2 || calm.LongestGap != 90*time.Millisecond || !slices.Equal(calm.Lost, []int{2}) {
		t.Errorf("calm: %+v", calm)
	}
	if partition.Acknowledged != 1 || partition.Failed != 1 || partition.LongestGap != 700*time.Millisecond || len(partition.Lost) != 0 {
		t.Errorf("partition: %+v", partition)
	}
}
