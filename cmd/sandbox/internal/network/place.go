//go:build linux

package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"quorate.dev/quorate/cmd/sandbox/internal/namespaces"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
)

// cableEnd is what every place calls its only link to the others.
const cableEnd = "eth0"

// routeProtocol marks the routes that are ours (ip-route(8), "proto"), among those of the CNI plugins.
const routeProtocol = netlink.RouteProtocol(155)

// Attach connects the place whose process 1 is pid, and gives it its address, routes and filter. A place
// that is connected already gets what has changed.
func (n Network) Attach(ctx context.Context, m places.Map, place places.Place, pid int) error {
	if err := n.attach(ctx, m, place, pid); err != nil {
		return fmt.Errorf("connect %s: %w", place.Name, err)
	}
	return nil
}

func (n Network) attach(ctx context.Context, m places.Map, place places.Place, pid int) error {
	namespace, err := netns.GetFromPid(pid)
	if err != nil {
		return fmt.Errorf("open its network namespace (pid %d): %w", pid, err)
	}
	defer func() { _ = namespace.Close() }()
	handle, err := netlink.NewHandleAt(namespace, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("enter its network namespace: %w", err)
	}
	defer handle.Close()
	link, err := n.plugged(handle, place, namespace)
	if err != nil {
		return fmt.Errorf("plug it in: %w", err)
	}
	if err := bringUp(handle, link, netip.PrefixFrom(place.Address, m.Plan.Hosts().Bits())); err != nil {
		return err
	}
	if err := setRoutes(handle, link, m.Routes(place)); err != nil {
		return err
	}
	if err := n.makePodBridge(handle, place); err != nil {
		return err
	}
	return SetFilter(ctx, m, place, pid)
}

// plugged gives the place's end of its cable, and sees to it that the other end is on the bridge.
func (n Network) plugged(handle *netlink.Handle, place places.Place, namespace netns.NsHandle) (netlink.Link, error) {
	link, err := handle.LinkByName(cableEnd)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		if err := n.plug(place, namespace); err != nil {
			return nil, err
		}
		return handle.LinkByName(cableEnd)
	}
	if err != nil {
		return nil, err
	}
	bridge, err := netlink.LinkByName(n.bridge())
	if err != nil {
		return nil, fmt.Errorf("find bridge %s: %w", n.bridge(), err)
	}
	cable, err := netlink.LinkByName(n.cable(place.Address))
	if err == nil && cable.Attrs().MasterIndex != bridge.Attrs().Index {
		err = netlink.LinkSetMaster(cable, bridge)
	}
	if err != nil {
		return nil, fmt.Errorf("put %s on bridge %s: %w", n.cable(place.Address), n.bridge(), err)
	}
	return link, nil
}

// plug makes the place's veth pair, one end on the bridge. A cable that was left of a former life goes.
func (n Network) plug(place places.Place, namespace netns.NsHandle) error {
	bridge, err := netlink.LinkByName(n.bridge())
	if err != nil {
		return fmt.Errorf("find bridge %s: %w", n.bridge(), err)
	}
	if old, err := netlink.LinkByName(n.cable(place.Address)); err == nil {
		if err := deleteLink(old); err != nil {
			return err
		}
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.MasterIndex = n.cable(place.Address), bridge.Attrs().Index
	cable := &netlink.Veth{
		LinkAttrs: attributes, PeerName: cableEnd, PeerHardwareAddr: n.hardware(place.Address),
		PeerNamespace: netlink.NsFd(int(namespace)),
	}
	if err := netlink.LinkAdd(cable); err != nil {
		return fmt.Errorf("make veth pair %s: %w", attributes.Name, err)
	}
	if err := netlink.LinkSetUp(cable); err != nil {
		return fmt.Errorf("bring %s up: %w", attributes.Name, err)
	}
	return nil
}

// PodBridge is what the bridge of a node's pods is called.
const PodBridge = "cni0"

// makePodBridge makes the bridge of a node's pods ahead of the network plugin, with a hardware address of
// its own. Without one a bridge takes the lowest of its ports', which changes as pods come and go, and
// packets of the others to their gateway are lost until they ask for its address again, seconds later.
func (n Network) makePodBridge(handle *netlink.Handle, place places.Place) error {
	if place.Kind != places.Node {
		return nil
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.HardwareAddr = PodBridge, n.hardware(place.Pods.Addr().Next())
	err := handle.LinkAdd(&netlink.Bridge{LinkAttrs: attributes})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make the bridge of its pods: %w", err)
	}
	return nil
}

// bringUp gives a place its loopback and its address.
func bringUp(handle *netlink.Handle, link netlink.Link, address netip.Prefix) error {
	loopback, err := handle.LinkByName("lo")
	if err == nil {
		err = handle.LinkSetUp(loopback)
	}
	if err != nil {
		return fmt.Errorf("bring its loopback up: %w", err)
	}
	if err := handle.AddrReplace(link, &netlink.Addr{IPNet: ipNet(address)}); err != nil {
		return fmt.Errorf("give it the address %s: %w", address, err)
	}
	if err := handle.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring its link up: %w", err)
	}
	return nil
}

// setRoutes makes exactly these routes ours.
func setRoutes(handle *netlink.Handle, link netlink.Link, wanted []places.Route) error {
	index, keep := link.Attrs().Index, map[netip.Prefix]bool{}
	for _, route := range wanted {
		keep[route.To] = true
		err := handle.RouteReplace(&netlink.Route{
			LinkIndex: index, Dst: ipNet(route.To), Gw: route.Via.AsSlice(), Protocol: routeProtocol,
		})
		if err != nil {
			return fmt.Errorf("route %s via %s: %w", route.To, route.Via, err)
		}
	}
	ours := &netlink.Route{LinkIndex: index, Protocol: routeProtocol}
	routes, err := handle.RouteListFiltered(unix.AF_INET, ours, netlink.RT_FILTER_OIF|netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, route := range routes {
		if route.Dst == nil || keep[prefix(route.Dst)] {
			continue
		}
		if err := handle.RouteDel(&route); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("remove the route to %s: %w", route.Dst, err)
		}
	}
	return nil
}

// SetFilter makes the sandbox's partitions true at one place.
func SetFilter(ctx context.Context, m places.Map, place places.Place, pid int) error {
	nft, err := exec.LookPath("nft")
	if err != nil {
		return fmt.Errorf("find nft (package nftables): %w", err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, nft, "-f", "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(Ruleset(m.Filter(place))), &said, &said
	if err := namespaces.Run(pid, cmd, namespaces.Network); err != nil {
		return fmt.Errorf("set the filter of %s: %w: %s", place.Name, err, strings.TrimSpace(said.String()))
	}
	return nil
}
