package dns_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quorate.dev/quorate/dns"
)

const zone = "bank.db.example.com"

// TestKeepUnread: euw1 was not read, so nothing is known of its pods.
func TestKeepUnread(t *testing.T) {
	known := []dns.Endpoint{pod("use1", 0, "a", "10.1.0.4"), pod("euw1", 0, "c", "10.2.0.4"), pod("euw2", 0, "d", "10.3.0.4")}
	actual := dns.Desired(bank(), bankSlots(), known)
	moved := []dns.Endpoint{pod("use1", 0, "a2", "10.1.0.9"), pod("euw2", 0, "d2", "10.3.0.9")}
	changes := dns.Diff(dns.Desired(bank(), bankSlots(), moved), actual, nil)
	kept := dns.KeepUnread(changes, zone, dns.Names(bank(), bankSlots()), actual, "euw1")
	after, err := dns.Apply(actual, kept)
	if err != nil {
		t.Fatal(err)
	}
	want := dns.Desired(bank(), bankSlots(), append(moved, known[1]))
	if table(after) != table(want) {
		t.Errorf("the zone became\n%s\nwant\n%s", table(after), table(want))
	}
}

func TestKeepUnreadOfADroppedCluster(t *testing.T) {
	changes := []dns.Change{
		{Action: dns.Delete, Name: "bank-0.old1.bank.db.example.com.", Type: dns.TypeA, Before: []string{"10.0.0.1"}},
		{Action: dns.Delete, Name: "bank-0.old2.bank.db.example.com.", Type: dns.TypeA, Before: []string{"10.0.0.2"}},
	}
	kept := dns.KeepUnread(changes, zone, dns.Names(bank(), nil), nil, "old1")
	if len(kept) != 1 || kept[0].Name != "bank-0.old2.bank.db.example.com." {
		t.Errorf("kept %v, want the change of old2 alone", kept)
	}
}

// TestKeepUnreadNeverDeletes: whatever the zone holds and the rest wants, no address
// in a name of an unread cluster goes, neither there nor from a name that spans clusters.
func TestKeepUnreadNeverDeletes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired, actual := genZone(t, "desired"), genZone(t, "actual")
		unread := rapid.SampledFrom([]string{"use1", "euw1", "euw2"}).Draw(t, "unread")
		names := dns.Names(bank(), bankSlots())
		kept := dns.KeepUnread(dns.Diff(desired, actual, nil), zone, names, actual, unread)
		after, err := dns.Apply(actual, kept)
		if err != nil {
			t.Fatal(err)
		}
		clusters := map[string][]string{}
		for _, n := range names {
			clusters[n.Name] = n.Clusters()
		}
		lost := map[string][]string{} // of the unread cluster: address → where it stood
		for _, s := range actual {
			if c := clusters[dns.Canonical(s.Name)]; len(c) == 1 && c[0] == unread {
				for _, v := range s.Values {
					lost[v] = append(lost[v], dns.Canonical(s.Name))
				}
			}
		}
		for _, s := range actual {
			c := clusters[dns.Canonical(s.Name)]
			if !slices.Contains(c, unread) {
				continue
			}
			for _, v := range s.Values {
				if len(lost[v]) > 0 && !holds(after, s, v) {
					t.Fatalf("%s lost %s, which cluster %s holds at %v", s.Name, v, unread, lost[v])
				}
			}
		}
	})
}

func holds(sets []dns.RecordSet, like dns.RecordSet, value string) bool {
	return slices.ContainsFunc(sets, func(s dns.RecordSet) bool {
		return s.Name == dns.Canonical(like.Name) && s.Type == like.Type && slices.Contains(s.Values, value)
	})
}

func TestCheckDeletes(t *testing.T) {
	tests := map[string]struct {
		names, deleted int
		want           string
	}{
		"at the cap":                 {10, 3, ""},
		"above the cap":              {10, 4, "4 of 10 names of cluster use1"},
		"too few names for a cap":    {9, 9, ""},
		"everything of many":         {50, 50, "50 of 50 names of cluster use1"},
		"nothing":                    {50, 0, ""},
		"just below a third of many": {50, 15, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var actual, desired []dns.RecordSet
			for i := range test.names {
				owner := fmt.Sprintf("bank-%d.use1.%s.", i, zone)
				actual = append(actual, set(owner, dns.TypeA, 10, "10.0.0.1"), set(owner, dns.TypeAAAA, 10, "fd00::1"))
				if i >= test.deleted {
					// Losing one family is no deletion of the name, nor is another address.
					desired = append(desired, set(owner, dns.TypeA, 10, "10.0.0.2"))
				}
			}
			err := dns.CheckDeletes(dns.Diff(desired, actual, nil), zone, actual)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			var refused *dns.DeleteCapError
			if test.want != "" && (!errors.As(err, &refused) || refused.Deleted != test.deleted) {
				t.Errorf("the error is no DeleteCapError of %d: %v", test.deleted, err)
			}
		})
	}
}

// TestRefusedDeletesAreOneLine: what is refused is part of other messages and of tables.
func TestRefusedDeletesAreOneLine(t *testing.T) {
	var actual []dns.RecordSet
	var changes []dns.Change
	for _, cluster := range []string{"use1", "usw1"} {
		for i := range dns.DeleteCapFloor {
			name := fmt.Sprintf("bank-%d.%s.bank.example.com.", i, cluster)
			actual = append(actual, dns.RecordSet{Name: name, Type: dns.TypeA, TTL: 5, Values: []string{"10.0.0.1"}})
			changes = append(changes, dns.Change{Action: dns.Delete, Name: name, Type: dns.TypeA, Before: []string{"10.0.0.1"}})
		}
	}
	err := dns.CheckDeletes(changes, "bank.example.com", actual)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "cluster use1") || !strings.Contains(err.Error(), "cluster usw1") {
		t.Errorf("%v", err)
	}
}
