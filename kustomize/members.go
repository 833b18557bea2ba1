package kustomize

import (
	"errors"
	"slices"
	"strings"
)

// Members is how a database comes to know its members.
type Members struct {
	// ListedIn is the beginning of an argument of every replica that lists all
	// members, parted by commas, such as --initial-cluster=. The list is that of the
	// first start, so that another one would restart every replica and add nobody:
	// adding and removing members are operations of their own. Empty: the
	// database learns of its members by itself.
	ListedIn string `yaml:"listedIn"`
	// PreAdd makes the database expect a new replica, before its pod is made; it runs in
	// another replica's container, and {host}, {pod} and {cluster} are the new one's.
	// PostAdd, after the replica has started, makes it vote. PreRemove takes a member
	// out before its replica goes. {target} is the member, as in Handover. They are
	// checked and run by nothing yet.
	PreAdd    *Hook `yaml:"preAdd"`
	PostAdd   *Hook `yaml:"postAdd"`
	PreRemove *Hook `yaml:"preRemove"`
}

// Listed are the members that a pod template lists, sorted; found is false where
// no container has the argument, or the database has none.
func (m Members) Listed(podTemplate map[string]any) (members []string, found bool) {
	if m.ListedIn == "" {
		return nil, false
	}
	list, _ := field(podTemplate, "spec", "containers").([]any)
	for _, c := range list {
		container, _ := c.(map[string]any)
		for _, key := range []string{"command", "args"} {
			argv, _ := container[key].([]any)
			for _, arg := range argv {
				text, _ := arg.(string)
				if rest, ok := strings.CutPrefix(text, m.ListedIn); ok {
					return slices.Sorted(strings.SplitSeq(rest, ",")), true
				}
			}
		}
	}
	return nil, false
}

func (m Members) check(place string, port int) []error {
	var errs []error
	for _, named := range []struct {
		name string
		hook *Hook
	}{{"preAdd", m.PreAdd}, {"postAdd", m.PostAdd}, {"preRemove", m.PreRemove}} {
		if named.hook != nil {
			errs = append(errs, named.hook.checkAbout(place+"."+named.name, port)...)
		}
	}
	if strings.ContainsAny(m.ListedIn, ",\n") {
		errs = append(errs, errors.New(place+".listedIn: an argument's beginning holds no comma and no line break"))
	}
	return errs
}
