// Command sandbox runs real Kubernetes control planes on one machine: several clusters in named regions
// and zones, for demonstrations, tests and rehearsals of quorate. Nodes, pods, volumes and the database
// are played, which needs Go and a network for Go modules; or they are real ones, with kubelets and
// containers in namespaces of their own, which needs Linux and root.
package main

import (
	"embed"
	"os"

	"quorate.dev/quorate/cmd/sandbox/internal/command"
)

// sources is what `sandbox build` compiles the control plane from. It is embedded, so that the
// binary works from any directory and the digest in the cache key is that of what was built.
//
//go:embed go.mod go.sum controlplane/main.go pause/main.go components
var sources embed.FS

func main() {
	os.Exit(command.Run(os.Args[1:], sources, os.Stdout, os.Stderr))
}
