package edit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quorate.dev/quorate/regions"
)

// written is a topology file in some style, with the place of every number of replicas.
type written struct {
	text   strings.Builder
	spans  map[string][2]int // cluster → start and end of its number
	counts map[string]int
	inside map[string][]string // region → clusters
}

// drawFile writes a file in a style of its own: block or flow, with comments, blank lines, quotes,
// wide characters and other line breaks.
func drawFile(t *rapid.T) *written {
	w := &written{spans: map[string][2]int{}, counts: map[string]int{}, inside: map[string][]string{}}
	newline := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "newline")
	comment := func() string {
		return rapid.SampledFrom([]string{"", "", " # replicas: 3", "   # größer, 日本", " # name: c0-0"}).Draw(t, "comment")
	}
	quote := func(s string) string {
		return fmt.Sprintf(rapid.SampledFrom([]string{"%s", "%q", "'%s'"}).Draw(t, "quote"), s)
	}
	line := func(s string) { w.text.WriteString(s + comment() + newline) }
	number := func(cluster string) {
		n := rapid.IntRange(0, 40).Draw(t, "before")
		start := w.text.Len()
		w.text.WriteString(strconv.Itoa(n))
		w.spans[cluster], w.counts[cluster] = [2]int{start, w.text.Len()}, n
	}
	line("apiVersion: quorate.dev/v1alpha1")
	line("kind: Topology")
	line("metadata: {name: " + quote("bank") + "}")
	line("spec:")
	indent := strings.Repeat(" ", rapid.IntRange(1, 4).Draw(t, "indent"))
	line(indent + "regions:")
	for r := range rapid.IntRange(1, 3).Draw(t, "regions") {
		region := fmt.Sprintf("r%d", r)
		line(indent + "- name: " + quote(region))
		line(indent + "  clusters:")
		for c := range rapid.IntRange(1, 3).Draw(t, "clusters") {
			cluster := fmt.Sprintf("c%d-%d", r, c)
			w.inside[region] = append(w.inside[region], cluster)
			if rapid.Bool().Draw(t, "flow") {
				w.text.WriteString(indent + "  - {context: " + quote("größe-日") + ",  replicas: ")
				number(cluster)
				line(" , name: " + quote(cluster) + "}")
				continue
			}
			line(indent + "  - name: " + quote(cluster))
			w.text.WriteString(indent + "    replicas:  ")
			number(cluster)
			line("")
			line(indent + "    zones: [a, b]")
		}
	}
	return w
}

// TestEditIsExactlyTheNumber: whatever the style, the bytes before and behind the number stay.
func TestEditIsExactlyTheNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawFile(t)
		text := w.text.String()
		var names []string
		for _, clusters := range w.inside {
			names = append(names, clusters...)
		}
		slices.Sort(names)
		cluster := rapid.SampledFrom(names).Draw(t, "cluster")
		count := rapid.IntRange(0, 2000).Draw(t, "after")
		got, err := edited(text, fmt.Sprintf("%s=%d", cluster, count))
		span := w.spans[cluster]
		if want := text[:span[0]] + strconv.Itoa(count) + text[span[1]:]; err != nil || got != want {
			t.Fatalf("%v; got:\n%s\nwant:\n%s", err, got, want)
		}
	})
}

// TestSpread: the sum is what was asked, no cluster shrinks while another grows, and no other way
// without that is more even.
func TestSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var before []Change
		sum := 0
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 30), 2, 5).Draw(t, "before") {
			before = append(before, Change{Cluster: fmt.Sprint(i), Before: n})
			sum += n
		}
		total := rapid.IntRange(0, 120).Draw(t, "total")
		after := spread(slices.Clone(before), total)
		got := 0
		for _, c := range after {
			got += c.After
			if total >= sum && c.After < c.Before || total <= sum && c.After > c.Before {
				t.Fatalf("to %d: %v", total, after)
			}
		}
		if got != total {
			t.Fatalf("the sum is %d, want %d: %v", got, total, after)
		}
		for _, a := range after {
			for _, b := range after {
				if a.After > a.Before && a.After > b.After+1 || a.After < a.Before && a.After+1 < b.After {
					t.Fatalf("%v and %v could be more even: %v", a, b, after)
				}
			}
		}
	})
}

// FuzzApply: an edit is refused, or nothing but the wanted numbers changes.
func FuzzApply(f *testing.F) {
	f.Add([]byte(file("  - {name: r1, clusters: [{name: use1, replicas: 3}]}\n")), 5)
	f.Add([]byte(file("  - name: r1\n    clusters:\n    - name: use1\n")), 5)
	f.Add([]byte(file("  - name: r1\n    clusters: [{name: use1, replicas: &n 3}, {name: use2, replicas: *n}]\n")), 5)
	f.Add([]byte(file("  - name: r1\n    clusters:\n    - name: use1\n      pools: {a: 1}\n")), 5)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		before, _ := regions.Parse(data, "")
		if before == nil || n < 0 || n > 5000 {
			return
		}
		for _, name := range known(before) {
			changes, err := Resolve(before, []string{fmt.Sprintf("%s=%d", name, n)})
			if err != nil {
				continue
			}
			out, err := Apply(data, changes)
			if err != nil {
				continue
			}
			after, problems := regions.Parse(out, "")
			if after == nil {
				t.Fatalf("the result is no topology: %v\n%s", problems, out)
			}
			for _, c := range changes {
				held, known := after.ClusterByName(c.Cluster)
				if got := number(held, c.Pool); !known || got != c.After {
					t.Fatalf("%s: %d replicas, want %d\n%s", c.Cluster, got, c.After, out)
				}
			}
		}
	})
}

func number(c regions.Cluster, pool string) int {
	if pool == "" {
		return c.Replicas
	}
	return c.Pools[pool]
}
