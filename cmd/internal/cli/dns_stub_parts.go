package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/stub"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// stubPart is the entry in the DNS of one cluster.
type stubPart struct {
	name    string
	flavour stub.Flavour
	edit    stub.Edit
	node    stub.Node
	cluster *kube.Cluster
	config  kube.ConfigMap // what is written to
	silent  error          // the cluster gave no answer
}

// stubParts are those of all clusters that are looked at, in rollout order.
type stubParts struct {
	deployment, zone string
	parts            []*stubPart
	silent           error
}

// stubWish is what is wanted of every cluster.
type stubWish struct {
	o       stubOptions
	d       *deployment
	slots   []regions.ReplicaID
	to      []netip.AddrPort
	servers map[string][]netip.AddrPort // of the clusters' DNS, as named
}

func (o stubOptions) wish(d *deployment, slots []regions.ReplicaID) (stubWish, error) {
	out := stubWish{o: o, d: d, slots: slots, servers: map[string][]netip.AddrPort{}}
	var problems error
	for _, name := range o.clusters {
		if _, ok := d.topology.ClusterByName(name); !ok {
			problems = errors.Join(problems, fmt.Errorf("--cluster %s: %s has no cluster of that name, only %s", name, d.file, strings.Join(d.clusterNames(), ", ")))
		}
	}
	for _, text := range o.to {
		server, err := stub.ParseServer(text)
		if err != nil {
			problems = errors.Join(problems, fmt.Errorf("--to: %w", err))
		}
		out.to = append(out.to, server)
	}
	for _, text := range o.addresses {
		name, address, _ := strings.Cut(text, "=")
		server, err := stub.ParseServer(address)
		if _, ok := d.topology.ClusterByName(name); !ok {
			err = fmt.Errorf("%s has no cluster %s, only %s", d.file, name, strings.Join(d.clusterNames(), ", "))
		}
		if err != nil {
			problems = errors.Join(problems, fmt.Errorf("--dns-address %s: %w", text, err))
		}
		out.servers[name] = append(out.servers[name], server)
	}
	if problems != nil {
		return out, invalidInput{problems}
	}
	return out, nil
}

// names are the clusters that are looked at.
func (w stubWish) names() []string {
	return slices.DeleteFunc(w.d.clusterNames(), func(name string) bool { return len(w.o.clusters) > 0 && !slices.Contains(w.o.clusters, name) })
}

// entry is what one cluster's DNS is to hold.
func (w stubWish) entry(name string) (stub.Entry, error) {
	t := w.d.topology
	if w.o.remove { // what it was for does not matter then
		return stub.Entry{Deployment: t.Metadata.Name, Zone: dns.Canonical(t.Spec.DNS.Zone)}, nil
	}
	if w.o.chain {
		entry, err := stub.Chain(stub.ChainInput{Topology: t, Slots: w.slots, Services: w.allServices(), Servers: w.servers}, name)
		if err != nil {
			return entry, advised{invalidInput{err}, "name where the other clusters reach the DNS of each with --dns-address CLUSTER=IP"}
		}
		return entry, nil
	}
	servers := w.to
	if len(servers) == 0 {
		var err error
		if servers, err = authoritiesFor(t, name); err != nil {
			return stub.Entry{}, advised{invalidInput{err}, "name the authority with --to IP, or see --chain"}
		}
	}
	entry, err := stub.Delegation(t, servers)
	if err != nil {
		return entry, advised{invalidInput{err}, "name the authority with --to IP, or see --chain"}
	}
	return entry, nil
}

func (w stubWish) allServices() map[string]string {
	out := map[string]string{}
	for _, name := range w.d.clusterNames() {
		maps.Copy(out, w.d.services(name))
	}
	return out
}

// authoritiesFor are the authority inside the cluster, or else those that stand somewhere.
func authoritiesFor(t *regions.Topology, name string) ([]netip.AddrPort, error) {
	texts := t.Spec.DNS.Authorities
	if c, _ := t.ClusterByName(name); t.AuthorityInCluster() != nil {
		texts = c.DNSServers
	}
	var out []netip.AddrPort
	for _, text := range texts {
		server, err := stub.ParseServer(text)
		if err != nil {
			return nil, fmt.Errorf("cluster %s: %w", name, err)
		}
		out = append(out, server)
	}
	return out, nil
}

// stubParts asks the clusters for their configuration, and plans the edits.
func (a *app) stubParts(ctx context.Context, o stubOptions) (stubParts, error) {
	w, observed, err := a.look(ctx, false)
	if err != nil {
		return stubParts{}, err
	}
	if err := wrongClusters(w, observed); err != nil {
		return stubParts{}, err
	}
	wish, err := o.wish(w.deployment, planner.Slots(w.input(observed)))
	if err != nil {
		return stubParts{}, err
	}
	out := stubParts{deployment: w.topology.Metadata.Name, zone: w.topology.Spec.DNS.Zone}
	var problems error
	var group sync.WaitGroup
	for _, name := range wish.names() {
		entry, err := wish.entry(name)
		problems = cmp.Or(problems, err)
		part := &stubPart{name: name, cluster: w.clusters[name]}
		out.parts = append(out.parts, part)
		group.Go(func() { part.silent = part.plan(ctx, wish, entry) })
	}
	group.Wait()
	var silent []string
	for _, p := range out.parts {
		if p.silent != nil {
			silent = append(silent, fmt.Sprintf("%s (%s)", p.name, p.silent))
		}
	}
	if len(silent) > 0 {
		out.silent = unreachableClusters{fmt.Errorf("not looked at: %s", strings.Join(silent, ", "))}
	}
	return out, cmp.Or(ctx.Err(), problems, wish.loops(out.parts))
}

// stubConfigs are the ConfigMaps that an entry may stand in.
type stubConfigs struct{ coredns, custom, kubeDNS kube.ConfigMap }

func (p *stubPart) read(ctx context.Context, configMap string) (stubConfigs, error) {
	var out stubConfigs
	for _, of := range []struct {
		name string
		to   *kube.ConfigMap
	}{{cmp.Or(configMap, "coredns"), &out.coredns}, {"coredns-custom", &out.custom}, {cmp.Or(configMap, "kube-dns"), &out.kubeDNS}} {
		var err error
		if *of.to, err = p.cluster.ReadSystemConfigMap(ctx, of.name); err != nil {
			return out, err
		}
	}
	return out, nil
}

// plan reads the cluster's configuration and plans the edit; the error is of the cluster.
func (p *stubPart) plan(ctx context.Context, wish stubWish, entry stub.Entry) error {
	in := stub.Input{Entry: entry, Remove: wish.o.remove, Force: wish.o.force, Own: slices.Clone(wish.servers[p.name])}
	configs, err := p.read(ctx, wish.o.configMap)
	if err != nil {
		return err
	}
	addresses, err := p.cluster.DNSAddresses(ctx)
	if err != nil {
		return err
	}
	for _, ip := range addresses {
		in.Own = append(in.Own, netip.AddrPortFrom(ip.Unmap(), 53))
	}
	if in.Flavour, err = wish.flavour(configs); err != nil {
		p.refuse(err)
		return nil
	}
	p.flavour, in.Main, in.Custom, p.config = in.Flavour, configOf(configs.coredns), configOf(configs.custom), configs.coredns
	switch in.Flavour {
	case stub.AKS:
		p.config = configs.custom
	case stub.KubeDNS:
		p.config, in.Main = configs.kubeDNS, configOf(configs.kubeDNS)
	case stub.Corefile, stub.EKS: // CoreDNS's own
	}
	p.node = stub.Node{Cluster: p.name, Corefile: configs.coredns.Data[stub.CorefileKey], Servers: wish.servers[p.name]}
	if p.edit, err = stub.Plan(in); err != nil {
		p.refuse(err)
	}
	if after := p.edit.After; in.Flavour == stub.Corefile && p.edit.Refusal == nil {
		p.node.Corefile = after
	}
	return nil
}

// flavour is what the cluster's DNS is, as it was named or as its ConfigMaps tell.
func (w stubWish) flavour(configs stubConfigs) (stub.Flavour, error) {
	named := stub.Flavour(w.o.flavour)
	switch {
	case w.o.configMap != "" && !configs.coredns.Exists && named != stub.KubeDNS:
		return "", fmt.Errorf("there is no %s: correct --config-map", configs.coredns)
	case named != "":
		return named, nil
	}
	return stub.Detect(configOf(configs.coredns), configs.coredns.Labels, configs.kubeDNS.Exists)
}

// refuse is of a configuration that cannot be understood.
func (p *stubPart) refuse(err error) {
	p.edit.State, p.edit.Why, p.edit.Refusal = stub.Unreadable, err.Error(), err
}

func configOf(m kube.ConfigMap) stub.Config {
	return stub.Config{Object: m.String(), Data: m.Data, Annotations: m.Annotations}
}

// loops follows the names of all clusters through the Corefiles as they would be.
func (w stubWish) loops(parts []*stubPart) error {
	var nodes []stub.Node
	var names []string
	for _, p := range parts {
		nodes = append(nodes, p.node)
		names = append(names, dns.ClusterName(w.d.topology.Spec.DNS.Zone, p.name))
	}
	if err := stub.Loops(nodes, names); err != nil && !w.o.remove {
		return unsafePlan{fmt.Errorf("refused (nothing was changed): %w", err)}
	}
	return nil
}

// write makes the edit, on what was read.
func (p *stubPart) write(ctx context.Context) error {
	data, annotations := maps.Clone(p.config.Data), maps.Clone(p.config.Annotations)
	if data == nil {
		data = map[string]string{}
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	data[p.edit.Key] = p.edit.After
	if !p.edit.Exists {
		delete(data, p.edit.Key)
	}
	if note := p.edit.Annotation; note.Key != "" {
		annotations[note.Key] = note.After
		if note.After == "" {
			delete(annotations, note.Key)
		}
	}
	return p.cluster.WriteConfigMap(ctx, p.config, data, annotations)
}
