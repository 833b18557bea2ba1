package cli

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/planner/preflight"
	"quorate.dev/quorate/regions"
)

// ports are those that the database's pods listen on, as the overlay says; ports below 1024 take rights that a probe has not.
func (p *prober) ports(cluster string) []int {
	const otherwise = 26257 // nothing listens on it in a new pod, so that any will do
	var out []int
	for _, port := range preflight.Ports(p.desired[cluster]) {
		if port >= 1024 {
			out = append(out, port)
		}
	}
	if len(out) == 0 {
		return []int{otherwise}
	}
	return out
}

// questions are about all other clusters' targets (address:port), and about names.
func (p *prober) questions(cluster string, targets map[string][]string, names []preflight.Question) []preflight.Question {
	var out []preflight.Question
	for _, to := range p.names() {
		if to == cluster {
			continue
		}
		for _, target := range targets[to] {
			out = append(out, preflight.Question{Kind: preflight.AskTCP, Target: target, To: to})
		}
	}
	return append(out, names...)
}

// outside are the names and name servers that a pod which is none of the database's can be asked about.
func (p *prober) outside(cluster string) []preflight.Question {
	out := []preflight.Question{{Kind: preflight.AskName, Target: "kubernetes.default.svc"}}
	name := strings.TrimSuffix(dns.SlotName(p.topology.Spec.DNS.Zone, 0), ".")
	servers := p.topology.NameServers()
	if p.topology.AuthorityInCluster() != nil && p.observed[cluster].State.Record.Exists {
		c, _ := p.topology.ClusterByName(cluster)
		for _, server := range c.DNSServers {
			servers = append(servers, net.JoinHostPort(server, "53"))
		}
	}
	for _, server := range servers {
		out = append(out, preflight.Question{Kind: preflight.AskAuthority, Target: server + "/" + name})
	}
	return out
}

// fromReplicas lets one ready replica of every cluster look for those of the others, and for all names.
func (p *prober) fromReplicas(ctx context.Context) map[string]*preflight.Probe {
	targets, from := map[string][]string{}, map[string]regions.ReplicaID{}
	var names []preflight.Question
	for _, cluster := range p.answered() {
		for _, pod := range p.observed[cluster].State.Pods {
			if !pod.Up() || len(pod.IPs) == 0 {
				continue
			}
			if _, chosen := from[cluster]; !chosen {
				from[cluster] = pod.ID
			}
			for _, port := range preflight.Ports(p.desired[cluster]) {
				targets[cluster] = append(targets[cluster], net.JoinHostPort(pod.IPs[0], strconv.Itoa(port)))
			}
			if p.topology.Spec.Advertised == "" { // otherwise replicas know one another by other names
				names = append(names, preflight.Question{Kind: preflight.AskName, Target: strings.TrimSuffix(dns.ReplicaName(p.topology, pod.ID), ".")})
			}
		}
	}
	return p.each(func(cluster string) *preflight.Probe {
		replica, ready := from[cluster]
		if !ready {
			return &preflight.Probe{Doubt: true, Problem: "no replica is ready here, to look from", Mend: "look from pods of their own: --probe-image"}
		}
		return p.askReplica(ctx, replica, p.questions(cluster, targets, names))
	})
}

func (p *prober) askReplica(ctx context.Context, replica regions.ReplicaID, asked []preflight.Question) *preflight.Probe {
	ctx, cancel := context.WithTimeout(ctx, probeAsks)
	defer cancel()
	argv := preflight.ReplicaCommand(asked)
	result, err := podsPort{p.wired}.Exec(ctx, replica, argv)
	problem := ""
	switch {
	case err != nil && strings.Contains(err.Error(), "executable file not found"), err == nil && result.ExitCode == 127:
		problem = "its image has no bash"
	case err != nil: // without the script, which is of no use to anybody who reads this
		problem = strings.ReplaceAll(err.Error(), strings.Join(argv, " "), argv[0])
	case result.ExitCode != 0:
		problem = fmt.Sprintf("bash ended with code %d: %s", result.ExitCode, strings.TrimSpace(result.Stderr))
	}
	if problem != "" {
		return &preflight.Probe{Doubt: true, Problem: fmt.Sprintf("replica %s could not look: %s", replica.Pod(), problem), Mend: "look from pods of their own: --probe-image"}
	}
	return preflight.Learned(replica.Cluster, "replica "+replica.Pod(), asked, preflight.ReadAnswers(result.Stdout))
}
