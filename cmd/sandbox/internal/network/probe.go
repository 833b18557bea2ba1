//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Free tells whether this machine leaves one of the plans unused, or which uses of them are in the way.
func Free(plans []addresses.Plan) error {
	var uses []string
	for _, plan := range plans {
		err := (Network{}).checkUnused(plan.Block())
		if !errors.Is(err, state.ErrNetworkInUse) {
			return err
		}
		uses = append(uses, err.Error())
	}
	return fmt.Errorf("no /18 network of %s is free (%s): end a sandbox, or remove the links or routes", addresses.Range(), strings.Join(uses, "; "))
}

// Probe tries to make the links that places need. It belongs in a network namespace that ends after.
func Probe() error {
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "probe0"}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "probe1"}, PeerName: "probe2"}); err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	return nil
}

// ProbeFilter tries the rules of a partition. It belongs in a network namespace that ends after.
func ProbeFilter(ctx context.Context) error {
	everybody := []netip.Prefix{addresses.Range()}
	nft, err := exec.LookPath("nft")
	if err != nil {
		return nil //nolint:nilerr // that it is not installed is told by itself
	}
	cmd := exec.CommandContext(ctx, nft, "-f", "-")
	cmd.Stdin = strings.NewReader(Ruleset(places.Filter{Silent: everybody, Deaf: everybody}))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
