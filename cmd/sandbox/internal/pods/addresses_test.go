package pods

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// The rule, by brute force: the next address is the first after the last one, going round, that
// nobody holds.
func TestAddressesGoRoundTheNetwork(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addresses, err := NewAddresses("10.1.2.0/28", netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		const usable = 14
		last, held := 0, map[int]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if host := rapid.IntRange(1, 2*usable).Draw(t, "free"); held[host] {
				addresses.Free(address(host))
				delete(held, host)
				continue
			}
			want := 0
			for ahead := 1; ahead <= usable && want == 0; ahead++ {
				if host := (last+ahead-1)%usable + 1; !held[host] {
					want = host
				}
			}
			got, err := addresses.Next()
			if (err == nil) != (want != 0) || (err == nil && got != address(want)) {
				t.Fatalf("after %s came %s, %v; want host %d", address(last), got, err, want)
			}
			if want != 0 {
				last, held[want] = want, true
			}
		}
	})
}

// address is the network's host with that number.
func address(host int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, 2, byte(host)}) }

func TestAddressesGoOnAfterTheLast(t *testing.T) {
	addresses, err := NewAddresses("10.1.0.0/16", netip.MustParseAddr("10.1.0.255"))
	if err != nil {
		t.Fatal(err)
	}
	addresses.Use(netip.MustParseAddr("10.1.1.0"))
	address, err := addresses.Next()
	if err != nil || address.String() != "10.1.1.1" {
		t.Fatalf("after 10.1.0.255, with 10.1.1.0 in use, came %s, %v", address, err)
	}
	if addresses.Last() != address {
		t.Fatalf("the last address is %s, not %s", addresses.Last(), address)
	}
}

func TestAddressesRefuseABadNetwork(t *testing.T) {
	if _, err := NewAddresses("10.1.0.0", netip.Addr{}); err == nil {
		t.Fatal("a network without a length was accepted")
	}
}
