// Command problemsgen writes the page of all problems that a topology may have: problemsgen OUT.md.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"quorate.dev/quorate/regions"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: problemsgen OUT.md")
	}
	if err := os.WriteFile(args[0], []byte(page()), 0o644); err != nil {
		return fmt.Errorf("write the problems: %w", err)
	}
	return nil
}

const head = `# The problems of a topology

What ` + "`quorate validate`" + ` can find, by code. Codes are stable: scripts may match on them, in ` + "`quorate validate --output json`" + ` too. An error
makes the topology invalid (exit 10); a warning does not; a note states what was computed. Each problem comes with its line,
its path and what to do about it.

| code | severity | meaning |
|---|---|---|
`

// page is the whole page, in the order of regions.Codes.
func page() string {
	var out strings.Builder
	out.WriteString(head)
	for _, c := range regions.Codes() {
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", c.Code, c.Severity, strings.ReplaceAll(c.Meaning, "|", `\|`))
	}
	return out.String()
}
