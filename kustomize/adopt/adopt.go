// Package adopt turns the live objects of a database that runs already, made by others in one cluster or in many,
// into a topology and a kustomize base that reproduce them: rendered, built and applied they change nothing, so that no pod
// restarts.
//
// The package is pure: it gets the objects as the API servers have them, and gives files.
package adopt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// Cluster is one cluster of the database, as it was found.
type Cluster struct {
	Name, Region string
	Context      string // of the kubeconfig
	Namespace    string
	Objects      []map[string]any // live objects of the namespace, as the API server has them
	Pods         []map[string]any // live pods of the namespace
	NodeZones    map[string]string
}

// Options say what the objects do not tell.
type Options struct {
	// Name is the deployment's; empty: the StatefulSet's.
	Name string
	// Sets are the StatefulSets to adopt; empty: the only one there is.
	Sets []string
	// Zone is the DNS zone in which the replicas get names beside their own.
	Zone string
	// Authorities are the name servers of the zone, host:port.
	Authorities []string
	// Model is the survival arithmetic of a database that is not recognised; empty: none.
	Model string
}

// Result is what was written.
type Result struct {
	// Files are topology.yaml and base/…, by their slash-separated path.
	Files map[string][]byte
	// Notes are for people: what was left alone and what is not known.
	Notes []string
}

// Ambiguous is that several StatefulSets could be meant, or none is there.
type Ambiguous struct{ Sets []string }

// Error names the choice.
func (a *Ambiguous) Error() string {
	if len(a.Sets) == 0 {
		return "there is no StatefulSet to adopt in any of these namespaces: name them with --namespace"
	}
	return "several StatefulSets could be meant; name the database's with --statefulset, once for each: " + strings.Join(a.Sets, ", ")
}

// Unfit is what has to be mended before the database can be taken over, each with what to do.
type Unfit struct{ Problems *multierror.Error }

// Error lists the problems.
func (u *Unfit) Error() string { return u.Problems.Error() }

// Unwrap gives the problems.
func (u *Unfit) Unwrap() error { return u.Problems }

// Files writes the topology and the base. The same objects give the same bytes, whatever the order in which the API
// server listed them, also once the database was adopted: what quorate itself sets is left out. The error is an
// Ambiguous choice or an Unfit database.
func Files(clusters []Cluster, o Options) (Result, error) {
	sets, err := chosen(clusters, o.Sets)
	if err != nil {
		return Result{}, err
	}
	if err := unfit(clusters, sets); err != nil {
		return Result{}, err
	}
	var out Result
	all := make([]found, len(clusters))
	for i, c := range clusters {
		all[i] = gather(c, sets)
	}
	out.Notes = together(all)
	db := recognise(all, sets)
	out.Notes = append(out.Notes, db.notes...)
	files, err := base(all)
	if err != nil {
		return Result{}, err
	}
	topology, err := writeTopology(all, sets, db, o)
	if err != nil {
		return Result{}, err
	}
	files["topology.yaml"] = topology
	out.Files = files
	return out, nil
}

// together are the notes about clusters, each once, with the clusters that it is about, in the order in which they came up.
func together(all []found) []string {
	var order []string
	about := map[string][]string{}
	for _, c := range all {
		for _, note := range c.notes {
			if about[note] == nil {
				order = append(order, note)
			}
			about[note] = append(about[note], c.Name)
		}
	}
	for i, note := range order {
		order[i] = strings.Join(about[note], ", ") + ": " + note
	}
	return order
}

// chosen are the StatefulSets to adopt, sorted.
func chosen(clusters []Cluster, wanted []string) ([]string, error) {
	var there []string
	for _, c := range clusters {
		for _, set := range ofKind(c.Objects, "StatefulSet") {
			there = append(there, nameOf(set))
		}
	}
	slices.Sort(there)
	there = slices.Compact(there)
	if len(wanted) == 0 {
		if len(there) != 1 {
			return nil, &Ambiguous{Sets: there}
		}
		return there, nil
	}
	var problems *multierror.Error
	for _, name := range wanted {
		if !slices.Contains(there, name) {
			problems = multierror.Append(problems, fmt.Errorf("there is no StatefulSet %s in these namespaces, only: %s", name, strings.Join(there, ", ")))
		}
	}
	if problems != nil {
		return nil, &Unfit{problems}
	}
	wanted = slices.Clone(wanted)
	slices.Sort(wanted)
	return slices.Compact(wanted), nil
}
