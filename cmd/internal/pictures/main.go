// Command pictures turns what a terminal shows into an SVG picture: `tmux capture-pane -p -e` on
// standard input, the picture on standard output. It draws the pictures of the documentation
// (docs/terminal/capture.sh).
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
)

func main() {
	command := flag.String("command", "", "the command that was typed, drawn as the first line")
	flag.Parse()
	if err := draw(os.Stdout, os.Stdin, *command); err != nil {
		log.Fatal(err)
	}
}

func draw(out io.Writer, in io.Reader, command string) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read the terminal's text: %w", err)
	}
	_, err = io.WriteString(out, picture(command, string(text)))
	return err
}
