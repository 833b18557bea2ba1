// Command sandbox runs real Kubernetes control planes on loopback: several clusters in named regions
// and zones, with played nodes, pods, volumes and a played database, for demonstrations, tests and
// rehearsals of quorate. It needs Go, a network for Go modules, and no container runtime.
package main

import (
	"embed"
	"os"

	"quorate.dev/quorate/cmd/sandbox/internal/command"
)

// sources is what `sandbox build` compiles the control plane from. It is embedded, so that the
// binary works from any directory and the digest in the cache key is that of what was built.
//
//go:embed go.mod go.sum controlplane/main.go
var sources embed.FS

func main() {
	os.Exit(command.Run(os.Args[1:], sources, os.Stdout, os.Stderr))
}
