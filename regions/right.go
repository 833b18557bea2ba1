package regions

import (
	"cmp"
	"strings"
)

// Right is one thing that is done at an API server, in the words of RBAC
// (rbac.authorization.k8s.io/v1, PolicyRule).
type Right struct {
	Verb     string `json:"verb"`
	Group    string `json:"group"`    // API group; empty: core
	Resource string `json:"resource"` // plural, with the subresource: pods/exec
	// Namespace is where it is done; empty: in the whole cluster, or to what has no namespace. A Namespace itself
	// lies, for the authorizer, in the namespace of its own name.
	Namespace string `json:"namespace,omitempty"`
	// Name is the one object that it is done to; empty: any.
	Name string `json:"name,omitempty"`
}

// String is a phrase such as "patch statefulsets.apps bank in namespace bank".
func (r Right) String() string {
	var text strings.Builder
	text.WriteString(r.Verb + " " + r.Resource)
	if r.Group != "" {
		text.WriteString("." + r.Group)
	}
	if r.Name != "" {
		text.WriteString(" " + r.Name)
	}
	if r.Namespace != "" {
		return text.String() + " in namespace " + r.Namespace
	}
	return text.String() + " in the whole cluster"
}

// Compare orders rights by namespace, group, resource, name, verb.
func (r Right) Compare(o Right) int {
	return cmp.Or(cmp.Compare(r.Namespace, o.Namespace), cmp.Compare(r.Group, o.Group),
		cmp.Compare(r.Resource, o.Resource), cmp.Compare(r.Name, o.Name), cmp.Compare(r.Verb, o.Verb))
}
