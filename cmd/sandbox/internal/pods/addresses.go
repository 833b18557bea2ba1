package pods

import (
	"fmt"
	"net/netip"
)

// Addresses hands out the pod addresses of one cluster, each one higher than the one before, so that
// an address comes back only after the whole network was used. Not safe for concurrent use.
type Addresses struct {
	prefix netip.Prefix
	last   netip.Addr
	used   map[netip.Addr]bool
}

// NewAddresses hands out addresses of the network cidr after last, which may be zero.
func NewAddresses(cidr string, last netip.Addr) (*Addresses, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return nil, fmt.Errorf("pod network %q: %w", cidr, err)
	}
	if !last.IsValid() || !prefix.Contains(last) {
		last = prefix.Masked().Addr()
	}
	return &Addresses{prefix: prefix.Masked(), last: last, used: map[netip.Addr]bool{}}, nil
}

// Last is the address handed out last; a player that starts again goes on after it.
func (a *Addresses) Last() netip.Addr { return a.last }

// Use notes that a pod has the address already.
func (a *Addresses) Use(address netip.Addr) {
	if a.prefix.Contains(address) {
		a.used[address] = true
	}
}

// Free gives an address back. It is not handed out before all others were.
func (a *Addresses) Free(address netip.Addr) { delete(a.used, address) }

// Next hands out an address. The network's first and last are never used.
func (a *Addresses) Next() (netip.Addr, error) {
	first := a.prefix.Addr()
	address := a.last
	for wrapped := false; ; {
		address = address.Next()
		if !a.prefix.Contains(address) || !a.prefix.Contains(address.Next()) {
			if wrapped {
				return netip.Addr{}, fmt.Errorf("pod network %s is full", a.prefix)
			}
			wrapped = true
			address = first
			continue
		}
		if !a.used[address] {
			a.used[address] = true
			a.last = address
			return address, nil
		}
	}
}
