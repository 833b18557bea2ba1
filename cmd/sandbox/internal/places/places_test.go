package places

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// layout is two clusters of two nodes, and a client.
func layout(t *testing.T, partitions ...state.Partition) Map {
	t.Helper()
	m, err := Of(&state.Spec{
		Name: "s", Network: "198.18.64.0/18", Nodes: 3, Outside: []string{"client"}, Partitions: partitions,
		Clusters: []state.Cluster{{Name: "a", Zones: []string{"x", "y"}}, {Name: "b", Zones: []string{"z"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestZonesAreDealtOverNodes(t *testing.T) {
	var got []string
	for _, place := range layout(t).Places {
		got = append(got, strings.Join([]string{place.Name, string(place.Kind), place.Zone, place.Address.String()}, " "))
	}
	want := []string{
		"a control plane  198.18.64.16", "a-n0 node x 198.18.64.17", "a-n1 node y 198.18.64.18", "a-n2 node x 198.18.64.19",
		"b control plane  198.18.64.32", "b-n0 node z 198.18.64.33", "b-n1 node z 198.18.64.34", "b-n2 node z 198.18.64.35",
		"client outside  198.18.64.128",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestEverybodyKnowsThePodsOfOthers(t *testing.T) {
	m := layout(t)
	for _, place := range append(m.Places, Place{}) {
		want := 6
		if place.Kind == Node {
			want = 5 // its own pods are behind its own bridge
		}
		routes := m.Routes(place)
		if len(routes) != want {
			t.Errorf("%s has %d routes, want %d", place.Name, len(routes), want)
		}
		for _, route := range routes {
			if route.Via == place.Address || !m.Plan.Hosts().Contains(route.Via) {
				t.Errorf("%s: %s via %s", place.Name, route.To, route.Via)
			}
		}
	}
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestFilter(t *testing.T) {
	a, b, client := prefixes("198.18.64.16/28", "198.18.72.0/21"), prefixes("198.18.64.32/28", "198.18.80.0/21"), prefixes("198.18.64.128/32")
	tests := map[string]struct {
		partitions []state.Partition
		want       map[string]Filter // by place
	}{
		"none": {nil, map[string]Filter{"a": {}, "b-n1": {}, "client": {}}},
		"both ways": {
			[]state.Partition{{From: "a", To: "b"}},
			map[string]Filter{"a": {Silent: b}, "a-n2": {Silent: b}, "b": {Silent: a}, "b-n0": {Silent: a}, "client": {}},
		},
		"one way": {
			[]state.Partition{{From: "a", To: "b", OneWay: true}},
			map[string]Filter{"a": {}, "a-n0": {}, "b": {Deaf: a}, "b-n2": {Deaf: a}, "client": {}},
		},
		"a client": {
			[]state.Partition{{From: "client", To: "b"}, {From: "a", To: "client", OneWay: true}},
			map[string]Filter{"a": {}, "b-n0": {Silent: client}, "client": {Silent: b, Deaf: a}},
		},
	}
	for name, test := range tests {
		m := layout(t, test.partitions...)
		for _, place := range m.Places {
			if want, ok := test.want[place.Name]; ok && !reflect.DeepEqual(m.Filter(place), want) {
				t.Errorf("%s: %s has %+v, want %+v", name, place.Name, m.Filter(place), want)
			}
		}
	}
}

func TestFindNamesWhatThereIs(t *testing.T) {
	m := layout(t)
	if place, err := m.Find("b-n1", Node); err != nil || place.Number != 1 || place.Index != 1 {
		t.Errorf("%+v, %v", place, err)
	}
	if _, err := m.Find("a", Node); err == nil || !strings.Contains(err.Error(), "a-n0") {
		t.Errorf("a control plane is no node: %v", err)
	}
	if !slices.Equal(m.Sides(), []string{"a", "b", "client"}) {
		t.Errorf("sides %v", m.Sides())
	}
	if _, err := Of(&state.Spec{Name: "s", Network: "10.0.0.0/18"}); err == nil {
		t.Error("a network of somebody else was accepted")
	}
}
