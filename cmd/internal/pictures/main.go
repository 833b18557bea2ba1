// Command pictures turns what a terminal shows into an SVG picture: `tmux capture-pane -p -e` on
// standard input, the picture on standard output. It draws the pictures of the documentation
// (docs/terminal/capture.sh).
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	command := flag.String("command", "", "the command that was typed, drawn as the first line")
	flag.Parse()
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		_, err = io.WriteString(os.Stdout, picture(*command, string(text)))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "drawing the terminal's text of standard input: %v\n", err)
		os.Exit(1)
	}
}
