package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

//go:generate go run quorate.dev/quorate/cmd/quorate man --markdown ../../../docs/reference/commands

// manCommand is for those who package quorate, and for the reference in docs/reference/commands.
func (a *app) manCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use:    "man DIRECTORY",
		Hidden: true,
		Short:  "Write a man page for every command",
		Long: "man writes a man page for every command into a directory, which it makes if need be. With --markdown it\n" +
			"writes Markdown instead, and removes the pages of commands that are no more. The pages have no date and\n" +
			"no version: the same commands give the same bytes.",
		Example: "  quorate man /usr/local/share/man/man1\n  quorate man --markdown docs/reference/commands",
		Args:    oneDirectory,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := writePages(cmd.Root(), args[0], markdown); err != nil {
				return fmt.Errorf("write the pages of all commands into %s: %w", args[0], err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "write Markdown instead of man pages")
	return cmd
}

func oneDirectory(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return invalidInput{fmt.Errorf("%s takes one directory, got %d", cmd.CommandPath(), len(args))}
	}
	return nil
}

func writePages(root *cobra.Command, dir string, markdown bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if markdown {
		if err := removePages(dir); err != nil {
			return err
		}
	}
	for _, cmd := range documented(root) {
		page, name, err := manPage, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1", error(nil)
		if markdown {
			page, name = markdownPage, strings.ReplaceAll(cmd.CommandPath(), " ", "_")+".md"
		}
		cmd.DisableAutoGenTag = true
		content, err := page(cmd)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// removePages removes the Markdown pages of an earlier time; nothing else carries such names.
func removePages(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, "quorate*.md"))
	if err != nil {
		return err
	}
	var errs []error
	for _, page := range old {
		errs = append(errs, os.Remove(page))
	}
	return errors.Join(errs...)
}

// documented is a command with all below it that `--help` shows.
func documented(cmd *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{cmd}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() && !child.IsAdditionalHelpTopicCommand() {
			out = append(out, documented(child)...)
		}
	}
	return out
}

func markdownPage(cmd *cobra.Command) ([]byte, error) {
	var out bytes.Buffer
	if err := doc.GenMarkdown(cmd, &out); err != nil {
		return nil, err
	}
	return append(bytes.TrimRight(out.Bytes(), "\n"), '\n'), nil
}

// manPage is in section 1. The generator wants a date; the page is better off without.
func manPage(cmd *cobra.Command) ([]byte, error) {
	var out bytes.Buffer
	var none time.Time
	header := &doc.GenManHeader{Section: "1", Source: "quorate", Manual: "quorate", Date: &none}
	if err := doc.GenMan(cmd, header, &out); err != nil {
		return nil, err
	}
	return bytes.Replace(out.Bytes(), []byte(`"`+none.Format("Jan 2006")+`"`), []byte(`""`), 1), nil
}
