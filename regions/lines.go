package regions

import (
	"fmt"
	"reflect"
)

// ReplicaLines tells on which line of a topology's text each cluster's replicas (or pools)
// are written, for messages that name the edit to make. A cluster for which they are not
// written has the line of the cluster itself. The text is one that Parse accepts.
func ReplicaLines(data []byte, file string) map[string]int {
	f := newFindings()
	node := document(data, file, f)
	if node == nil {
		return nil
	}
	t := &Topology{}
	(&decoder{findings: f}).decode(node, reflect.ValueOf(t).Elem(), "")
	out := map[string]int{}
	for i, region := range t.Spec.Regions {
		for j, c := range region.Clusters {
			at := fmt.Sprintf("spec.regions[%d].clusters[%d]", i, j)
			if path := at + ".pools"; f.written(path) {
				out[c.Name] = f.placeOf(path).line
				continue
			}
			out[c.Name] = f.placeOf(at + ".replicas").line
		}
	}
	return out
}

// LineOf is the line of a topology's text on which a path such as spec.base is written, or else the
// nearest thing that holds it: 1 where there is none.
func LineOf(data []byte, file, path string) int {
	f := newFindings()
	if node := document(data, file, f); node != nil {
		(&decoder{findings: f}).decode(node, reflect.ValueOf(&Topology{}).Elem(), "")
	}
	return f.placeOf(path).line
}
