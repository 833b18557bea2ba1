// Package profiles holds what each database needs, as data: one directory a
// profile, with
//
//	profile.yaml  ports, hooks and gate, decoded by kustomize.LoadProfile
//	base/         templates of the manifests that all clusters share; absent where the user brings them
//	overlay/      templates of one cluster's overlay
//
// Templates are text/template over the values that kustomize.Render documents.
// A value is always written through the function scalar, which quotes what YAML
// would read as something other than a string.
package profiles

import (
	"embed"
	"io/fs"
)

//go:embed cockroachdb generic
var files embed.FS

// FS is the tree of all built-in profiles, one directory each. It is read-only.
func FS() fs.FS { return files }
