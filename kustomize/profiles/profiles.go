// Package profiles holds what each database needs, as data: one directory a
// profile, with
//
//	profile.yaml  ports, hooks and gate, decoded by kustomize.LoadProfile
//	base/         templates of the manifests that all clusters share; absent where the user brings them
//	overlay/      templates of one cluster's overlay
//
// and beside them shared/, named parts that the templates of several profiles use.
//
// Templates are text/template over the values that kustomize.Render documents.
// A value is always written through the function scalar, which quotes what YAML
// would read as something other than a string.
package profiles

import (
	"embed"
	"io/fs"
)

//go:embed cockroachdb etcd generic
var files embed.FS

//go:embed shared
var shared embed.FS

// FS is the tree of all built-in profiles, one directory each. It is read-only.
func FS() fs.FS { return files }

// Shared are the named parts that templates of several profiles use: files *.tmpl,
// each of which defines templates. It is read-only.
func Shared() fs.FS {
	sub, err := fs.Sub(shared, "shared")
	if err != nil {
		return shared // the name is valid, so that this never happens
	}
	return sub
}
