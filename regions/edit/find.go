package edit

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// cluster finds the mapping of a cluster by its name.
func (e *editor) cluster(name string) (*yaml.Node, error) {
	_, spec, err := e.field(e.root, "spec")
	if err != nil {
		return nil, err
	}
	_, list, err := e.field(spec, "regions")
	if err != nil {
		return nil, err
	}
	for _, region := range list.Content {
		found, err := e.clusterIn(region, name)
		if found != nil || err != nil {
			return found, err
		}
	}
	return nil, fmt.Errorf("the file has no cluster of that name")
}

func (e *editor) clusterIn(region *yaml.Node, name string) (*yaml.Node, error) {
	clusters := value(resolved(region), "clusters")
	if clusters == nil {
		return nil, nil
	}
	for _, c := range resolved(clusters).Content {
		if n := value(resolved(c), "name"); n == nil || resolved(n).Value != name {
			continue
		}
		for _, way := range []*yaml.Node{region, clusters, c} {
			if err := e.own(way); err != nil {
				return nil, err
			}
		}
		return c, nil
	}
	return nil, nil
}

// resolved follows an alias.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// value is the value of a key of a mapping, nil where there is none.
func value(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; mapping.Kind == yaml.MappingNode && i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// own tells that a change inside of the node shows nowhere else in the file.
func (e *editor) own(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return fmt.Errorf("line %d is an alias (*%s), so it would change elsewhere in the file too: write it out in both places first", n.Line, n.Value)
	case n.Anchor != "" && e.aliased[n]:
		return e.shared(n)
	}
	return nil
}

// field finds a key of a mapping and its value, which must be there and belong to this place alone.
func (e *editor) field(mapping *yaml.Node, key string) (name, found *yaml.Node, err error) {
	name, found, err = e.pair(mapping, key)
	if err == nil && found == nil {
		err = fmt.Errorf("line %d has no field %s", mapping.Line, key)
	}
	if err == nil {
		err = e.own(found)
	}
	return name, found, err
}

// pair finds a key of a mapping and its value; both nil where the mapping has no such key.
func (e *editor) pair(mapping *yaml.Node, key string) (name, found *yaml.Node, err error) {
	if mapping.Kind != yaml.MappingNode {
		return nil, nil, fmt.Errorf("line %d is no mapping", mapping.Line)
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i], mapping.Content[i+1], nil
		}
	}
	return nil, nil, nil
}

// insert notes a new key replicas right after the cluster's name: in a block a line of its own with
// the indentation of the name, in flow style an entry with the quotes of its key.
func (e *editor) insert(cluster *yaml.Node, number int) error {
	key, name, err := e.field(cluster, "name")
	if err != nil {
		return err
	}
	end, ok := e.tokenEnd(name)
	if !ok {
		return errUnproven
	}
	e.added[cluster] = number
	if cluster.Style&yaml.FlowStyle != 0 {
		quote := map[yaml.Style]string{yaml.DoubleQuotedStyle: `"`, yaml.SingleQuotedStyle: "'"}[key.Style]
		e.splices = append(e.splices, splice{end, end, ", " + quote + "replicas" + quote + ": " + strconv.Itoa(number)})
		return nil
	}
	line := strings.Repeat(" ", key.Column-1) + "replicas: " + strconv.Itoa(number)
	end, newline, ended := e.lineEnd(end)
	if ended {
		e.splices = append(e.splices, splice{end, end, line + newline})
	} else {
		e.splices = append(e.splices, splice{end, end, newline + line})
	}
	return nil
}
