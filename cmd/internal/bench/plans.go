package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// plans measures a plan over many clusters that are far away. There are three control planes here: every cluster of
// the topology is a namespace of one of them, with a context, a connection and a way to it of its own.
func plans(ctx context.Context, b *bench) ([]row, error) {
	if err := b.up(ctx); err != nil {
		return nil, err
	}
	var rows []row
	for _, n := range []int{3, 30, 100} {
		more, err := plansOver(ctx, b, n)
		if err != nil {
			return nil, fmt.Errorf("%d clusters: %w", n, err)
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

const roundTrip = 100 * time.Millisecond

func plansOver(ctx context.Context, b *bench, n int) ([]row, error) {
	namespace := func(i int) string { return fmt.Sprintf("far-%d", i/len(clusters)) }
	file, err := b.write(fmt.Sprintf("far-%d.yaml", n), many("far", n, namespace).topology())
	if err != nil {
		return nil, err
	}
	if err := b.makeNamespaces(ctx, n, namespace); err != nil {
		return nil, err
	}
	near, far, memory, err := b.planNearAndFar(ctx, n, file)
	if err != nil {
		return nil, err
	}
	trips := float64(far-near) / float64(roundTrip)
	rows := []row{{
		key: fmt.Sprintf("plan-%d", n), what: fmt.Sprintf("plan over %d clusters, 100 ms away", n),
		ours: fmt.Sprintf("%s, %.1f round trips more than near", seconds(far), trips), against: "near: " + seconds(near), aim: "≤ 8 round trips",
	}}
	const whole = 100
	if n == whole {
		rows = append(rows, row{key: "memory", what: "peak memory of that plan over 100 clusters", ours: megabytes(memory), aim: "≤ 200 MB"})
	}
	return rows, nil
}

// makeNamespaces makes them in every control plane, so that the dry runs are real ones.
func (b *bench) makeNamespaces(ctx context.Context, n int, name func(int) string) error {
	var text strings.Builder
	for i := 0; i < n; i += len(clusters) {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", name(i))
	}
	file, err := b.write("namespaces.yaml", text.String())
	if err != nil {
		return err
	}
	for _, c := range clusters {
		if _, err := b.exec(ctx, b.kubectl, "--context", c.name, "apply", "--server-side", "-f", file); err != nil {
			return err
		}
	}
	return nil
}

// planNearAndFar gives the least time of a plan over n ways without a length and with one, measured in turn, and the
// least memory.
func (b *bench) planNearAndFar(ctx context.Context, n int, file string) (near, far time.Duration, memory int64, err error) {
	least := []time.Duration{0, 0}
	var kubeconfigs []string
	for _, length := range []time.Duration{0, roundTrip} {
		kubeconfig, end, err := b.farAway(ctx, n, length)
		if err != nil {
			return 0, 0, 0, err
		}
		defer end()
		kubeconfigs = append(kubeconfigs, kubeconfig)
	}
	const times = 5
	for range times {
		for i, kubeconfig := range kubeconfigs {
			f, err := b.exec(ctx, b.quorate, "plan", "-f", file, "--kubeconfig", kubeconfig)
			if err != nil {
				return 0, 0, 0, err
			}
			if least[i] == 0 || f.wall < least[i] {
				least[i] = f.wall
			}
			if memory == 0 || f.memory < memory {
				memory = f.memory
			}
		}
	}
	return least[0], least[1], memory, nil
}

// farAway writes a kubeconfig whose contexts c0 … lead to the sandbox's clusters in turn, each over a way of its own.
func (b *bench) farAway(ctx context.Context, n int, length time.Duration) (file string, end func(), err error) {
	source, err := os.ReadFile(b.kubeconfig)
	if err != nil {
		return "", nil, err
	}
	var config kubeconfig
	if err := yaml.Unmarshal(source, &config); err != nil {
		return "", nil, fmt.Errorf("read %s: %w", b.kubeconfig, err)
	}
	var ways []*way
	end = func() {
		for _, w := range ways {
			w.close()
		}
	}
	out := kubeconfig{APIVersion: "v1", Kind: "Config", Users: config.Users}
	for i := range n {
		cluster, user, err := config.at(clusters[i%len(clusters)].name)
		if err != nil {
			end()
			return "", nil, err
		}
		w, err := moved(ctx, cluster, length)
		if err != nil {
			end()
			return "", nil, err
		}
		ways = append(ways, w)
		name := fmt.Sprintf("c%d", i)
		out.Clusters = append(out.Clusters, entry{"name": name, "cluster": cluster})
		out.Contexts = append(out.Contexts, entry{"name": name, "context": map[string]any{"cluster": name, "user": user}})
	}
	data, err := json.Marshal(out)
	if err != nil {
		end()
		return "", nil, err
	}
	file, err = b.write(fmt.Sprintf("kubeconfig-%s", length), string(data))
	return file, end, err
}

// moved makes a cluster's entry lead over a new way to where it led.
func moved(ctx context.Context, cluster map[string]any, length time.Duration) (*way, error) {
	server, err := url.Parse(fmt.Sprint(cluster["server"]))
	if err != nil {
		return nil, err
	}
	w, err := newWay(ctx, server.Host, length)
	if err != nil {
		return nil, err
	}
	cluster["server"] = "https://" + w.address()
	if _, named := cluster["tls-server-name"]; !named {
		cluster["tls-server-name"] = server.Hostname()
	}
	return w, nil
}

// kubeconfig is as much of one as is needed here.
type kubeconfig struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Clusters   []entry `json:"clusters"`
	Contexts   []entry `json:"contexts"`
	Users      []entry `json:"users"`
}

type entry map[string]any

// at gives a copy of the cluster that a context names, and the name of its user.
func (k kubeconfig) at(context string) (cluster map[string]any, user any, err error) {
	for _, c := range k.Contexts {
		if c["name"] != context {
			continue
		}
		body, _ := c["context"].(map[string]any)
		for _, named := range k.Clusters {
			if named["name"] != body["cluster"] {
				continue
			}
			cluster = map[string]any{}
			content, _ := named["cluster"].(map[string]any)
			maps.Copy(cluster, content)
			return cluster, body["user"], nil
		}
	}
	return nil, nil, fmt.Errorf("the sandbox's kubeconfig has no context %s", context)
}
