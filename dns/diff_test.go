package dns_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quorate.dev/quorate/dns"
)

func set(name string, t dns.Type, ttl int, values ...string) dns.RecordSet {
	return dns.RecordSet{Name: name, Type: t, TTL: ttl, Values: values}
}

func TestDiff(t *testing.T) {
	actual := []dns.RecordSet{
		set("SAME.example.com.", "a", 10, "10.0.0.2", "10.0.0.1"),
		set("moved.example.com.", dns.TypeA, 10, "10.0.0.3"),
		set("slower.example.com.", dns.TypeA, 60, "10.0.0.4"),
		set("gone.example.com.", dns.TypeA, 10, "10.0.0.5"),
		set("family.example.com.", dns.TypeAAAA, 10, "fd00::1"),
	}
	desired := []dns.RecordSet{
		set("same.example.com", dns.TypeA, 10, "10.0.0.1", "10.0.0.2"),
		set("moved.example.com.", dns.TypeA, 10, "10.0.0.9"),
		set("slower.example.com.", dns.TypeA, 10, "10.0.0.4"),
		{Name: "New.example.com.", Type: dns.TypeA, TTL: 10, Values: []string{"10.0.0.7"}, Cluster: "use1"},
		set("family.example.com.", dns.TypeA, 10, "10.0.0.8"),
		set("empty.example.com.", dns.TypeA, 10),
	}
	got, err := json.Marshal(dns.Diff(desired, actual, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"action":"create","name":"family.example.com.","type":"A","after":["10.0.0.8"],"ttl":10},` +
		`{"action":"delete","name":"family.example.com.","type":"AAAA","before":["fd00::1"]},` +
		`{"action":"delete","name":"gone.example.com.","type":"A","before":["10.0.0.5"]},` +
		`{"action":"update","name":"moved.example.com.","type":"A","before":["10.0.0.3"],"after":["10.0.0.9"],"ttl":10},` +
		`{"action":"create","name":"new.example.com.","type":"A","after":["10.0.0.7"],"ttl":10,"cluster":"use1"},` +
		`{"action":"update","name":"slower.example.com.","type":"A","before":["10.0.0.4"],"after":["10.0.0.4"],"ttl":10}]`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDiffLeavesForeignNamesAlone(t *testing.T) {
	actual := []dns.RecordSet{
		set("www.example.com.", "CNAME", 10, "elsewhere.example.com."),
		set("mail.example.com.", dns.TypeA, 10, "192.0.2.1"),
		set("old.example.com.", dns.TypeA, 10, "10.0.0.1"),
	}
	desired := []dns.RecordSet{set("www.example.com.", dns.TypeA, 10, "10.0.0.2"), set("new.example.com.", dns.TypeA, 10, "10.0.0.3")}
	owned := func(name string) bool { return name == "old.example.com." }
	var got []string
	for _, c := range dns.Diff(desired, actual, owned) {
		got = append(got, string(c.Action)+" "+c.Name)
	}
	if want := []string{"create new.example.com.", "delete old.example.com."}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := dns.Foreign(desired, actual, owned), []string{"www.example.com."}; !reflect.DeepEqual(got, want) {
		t.Errorf("foreign names are %q, want %q", got, want)
	}
}

func TestApplyRefusesWhatMoved(t *testing.T) {
	zone := []dns.RecordSet{set("a.example.com.", dns.TypeA, 10, "10.0.0.1")}
	changes := []dns.Change{
		{Action: dns.Create, Name: "a.example.com.", Type: dns.TypeA, After: []string{"10.0.0.2"}, TTL: 10},
		{Action: dns.Update, Name: "b.example.com.", Type: dns.TypeA, Before: []string{"10.0.0.3"}, After: []string{"10.0.0.4"}, TTL: 10},
		{Action: dns.Create, Name: "c.example.com.", Type: dns.TypeA, After: []string{"10.0.0.5"}, TTL: 10},
	}
	_, err := dns.Apply(zone, changes)
	if _, ok := errors.AsType[*dns.ConflictError](err); !ok {
		t.Fatalf("error is %v, want a ConflictError", err)
	}
	for _, want := range []string{"create a.example.com.", "holds 10.0.0.1", "update b.example.com.", "holds nothing", "planned on 10.0.0.3"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestChangeSets(t *testing.T) {
	got := dns.ChangeSets([]dns.Change{{Name: "b.", Type: "A"}, {Name: "a.", Type: "AAAA"}, {Name: "A", Type: "A"}})
	want := []dns.ChangeSet{
		{Name: "a.", Changes: []dns.Change{{Name: "a.", Type: "A"}, {Name: "a.", Type: "AAAA"}}},
		{Name: "b.", Changes: []dns.Change{{Name: "b.", Type: "A"}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// genZone draws a zone over few names and values, so that overlaps are common.
func genZone(t *rapid.T, label string) []dns.RecordSet {
	names := []string{"bank-0.use1.", "bank-1.use1.", "Bank-0.euw1.", "use1.", "euw1.", "us-east1.", "europe-west1.", "join-0.", "www."}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) dns.RecordSet {
		family := rapid.SampledFrom([]dns.Type{dns.TypeA, dns.TypeAAAA}).Draw(t, "type")
		format := "10.0.0.%d"
		if family == dns.TypeAAAA {
			format = "fd00::%d"
		}
		var values []string
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 9), 0, 4).Draw(t, "values") {
			values = append(values, fmt.Sprintf(format, n))
		}
		name := rapid.SampledFrom(names).Draw(t, "name") + "bank.db.example.com."
		return set(name, family, rapid.SampledFrom([]int{5, 10}).Draw(t, "ttl"), values...)
	}), 0, 16).Draw(t, label)
}

// TestDiffConverges: the changes, applied, make the zone as desired; a second diff is
// empty; foreign names are as before; the order of the input changes nothing.
func TestDiffConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired, actual := genZone(t, "desired"), genZone(t, "actual")
		foreign := func(s dns.RecordSet) bool { return strings.HasPrefix(s.Name, "www.") }
		owned := func(name string) bool { return !strings.HasPrefix(name, "www.") }
		changes := dns.Diff(desired, actual, owned)
		after, err := dns.Apply(actual, changes)
		if err != nil {
			t.Fatal(err)
		}
		if again := dns.Diff(desired, after, owned); len(again) > 0 {
			t.Fatalf("a second diff is not empty: %v", again)
		}
		normal, err := dns.Apply(actual, nil)
		if err != nil {
			t.Fatal(err)
		}
		if hasForeign(normal) && !reflect.DeepEqual(filter(normal, foreign), filter(after, foreign)) {
			t.Fatalf("foreign records changed: %v, were %v", filter(after, foreign), filter(normal, foreign))
		}
		shuffled := rapid.Permutation(actual).Draw(t, "shuffled")
		if again := dns.Diff(desired, shuffled, owned); !reflect.DeepEqual(again, changes) {
			t.Fatalf("another order gives %v, was %v", again, changes)
		}
	})
}

func hasForeign(sets []dns.RecordSet) bool {
	return len(filter(sets, func(s dns.RecordSet) bool { return strings.HasPrefix(s.Name, "www.") })) > 0
}

func filter(sets []dns.RecordSet, keep func(dns.RecordSet) bool) []dns.RecordSet {
	var out []dns.RecordSet
	for _, s := range sets {
		if keep(s) {
			out = append(out, s)
		}
	}
	return out
}
