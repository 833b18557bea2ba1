// Package schema carries the JSON Schema of a topology file, as generated from the types of package regions.
package schema

import _ "embed" // the schema

//go:generate go run quorate.dev/quorate/cmd/internal/schemagen ../../regions/topology.go topology.schema.json

// topology is the generated schema.
//
//go:embed topology.schema.json
var topology string // filled by go:embed, which takes a variable

// Topology is the JSON Schema (draft 2020-12) of a topology file.
func Topology() string { return topology }
