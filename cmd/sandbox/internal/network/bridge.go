//go:build linux

// Package network connects the places of a sandbox: one bridge in the machine's own network namespace,
// one veth pair per place, and flat routes to all pods. The machine's sysctls are not touched.
package network

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Network is the one of a sandbox. Its links are named by the sandbox's tag, so they are found without
// its description; interface names have at most 15 characters (IFNAMSIZ).
type Network struct{ Tag string }

func (n Network) bridge() string { return "qb" + n.Tag }

// cable is the machine's end of a place's veth pair, named by the last byte of the place's address.
func (n Network) cable(address netip.Addr) string {
	return fmt.Sprintf("qv%s-%d", n.Tag, address.As4()[3])
}

// hardware gives a link a fixed, locally administered address: a place that is started again keeps what
// its neighbours remember of it.
func (n Network) hardware(address netip.Addr) net.HardwareAddr {
	sum := sha256.Sum256([]byte(n.Tag + " " + address.String()))
	return net.HardwareAddr{0x02, sum[0], sum[1], sum[2], sum[3], sum[4]}
}

// Claim makes the bridge with the machine's address in the plan, or says that other links or routes
// use addresses of the plan (state.ErrNetworkInUse). A bridge that is there already is left alone.
func (n Network) Claim(plan addresses.Plan) error {
	if err := n.checkUnused(plan.Block()); err != nil {
		return err
	}
	link, err := netlink.LinkByName(n.bridge())
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		attributes := netlink.NewLinkAttrs()
		attributes.Name, attributes.HardwareAddr = n.bridge(), n.hardware(plan.Bridge())
		link = &netlink.Bridge{LinkAttrs: attributes}
		err = netlink.LinkAdd(link)
	}
	if err != nil {
		return fmt.Errorf("make bridge %s: %w", n.bridge(), err)
	}
	address := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(plan.Bridge(), plan.Hosts().Bits()))}
	if err := netlink.AddrReplace(link, address); err != nil {
		return fmt.Errorf("give bridge %s its address %s: %w", n.bridge(), address, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring bridge %s up: %w", n.bridge(), err)
	}
	return nil
}

// checkUnused looks for addresses and routes in the block that are not the sandbox's own.
func (n Network) checkUnused(block netip.Prefix) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list network links: %w", err)
	}
	names := map[int]string{}
	for _, link := range links {
		names[link.Attrs().Index] = link.Attrs().Name
		if link.Attrs().Name == n.bridge() {
			continue
		}
		found, err := netlink.AddrList(link, unix.AF_INET)
		if err != nil {
			return fmt.Errorf("list addresses of %s: %w", link.Attrs().Name, err)
		}
		for _, address := range found {
			if block.Overlaps(prefix(address.IPNet)) {
				return fmt.Errorf("%w: %s has the address %s", state.ErrNetworkInUse, link.Attrs().Name, address.IPNet)
			}
		}
	}
	routes, err := netlink.RouteList(nil, unix.AF_INET)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, route := range routes {
		name := names[route.LinkIndex]
		if route.Dst != nil && prefix(route.Dst).Bits() > 0 && name != n.bridge() && block.Overlaps(prefix(route.Dst)) {
			return fmt.Errorf("%w: %s is routed to %q", state.ErrNetworkInUse, route.Dst, name)
		}
	}
	return nil
}

// RouteMachine lets the machine itself reach all pods.
func (n Network) RouteMachine(m places.Map) error {
	link, err := netlink.LinkByName(n.bridge())
	if err != nil {
		return fmt.Errorf("find bridge %s: %w", n.bridge(), err)
	}
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("talk to the kernel about routes: %w", err)
	}
	defer handle.Close()
	return setRoutes(handle, link, m.Routes(places.Place{}))
}

// Remove deletes the bridge and every cable, and with them all addresses and routes. What is not there
// is no error.
func (n Network) Remove() error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list network links: %w", err)
	}
	var failures []error
	for _, link := range links {
		name := link.Attrs().Name
		if name == n.bridge() || strings.HasPrefix(name, "qv"+n.Tag+"-") {
			failures = append(failures, deleteLink(link))
		}
	}
	return errors.Join(failures...)
}

// deleteLink deletes a link; one whose namespace just ended may be gone.
func deleteLink(link netlink.Link) error {
	err := netlink.LinkDel(link)
	if err == nil || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) && gone(link) {
		return nil
	}
	return fmt.Errorf("delete link %s: %w", link.Attrs().Name, err)
}

func gone(link netlink.Link) bool {
	_, err := netlink.LinkByName(link.Attrs().Name)
	return errors.As(err, &netlink.LinkNotFoundError{})
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// prefix converts back; an IPv4 address may come in its 16-byte form.
func prefix(network *net.IPNet) netip.Prefix {
	address, _ := netip.AddrFromSlice(network.IP)
	bits, _ := network.Mask.Size()
	return netip.PrefixFrom(address.Unmap(), bits)
}
