// Command quorate deploys one stateful system over many Kubernetes clusters in
// many regions, and keeps it quorate meanwhile.
package main

import (
	"os"

	"quorate.dev/quorate/cmd/internal/cli"
)

func main() { os.Exit(cli.Main()) }
