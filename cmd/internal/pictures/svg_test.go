package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPicture(t *testing.T) {
	t.Parallel()
	got := picture("quorate plan", "\x1b[1mClusters\x1b[0m <3>\n  \x1b[2mdim\x1b[0m\x1b[32m+ create\x1b[39m it\n\x1b[31mstands\nstill red\x1b[0m\n\n  \n")
	for _, want := range []string{
		`>$</text>`, `> quorate plan</text>`,
		`font-weight="bold" xml:space="preserve" textLength="67.2">Clusters</text>`,
		`> &lt;3&gt;</text>`,
		`x="36.8" y="87" fill="#8b929b" xml:space="preserve" textLength="25.2">dim</text>`,
		`fill="#7fbf7f" xml:space="preserve" textLength="67.2">+ create</text>`,
		`fill="#dfe3e8" xml:space="preserve" textLength="25.2"> it</text>`,
		`fill="#e06c75" xml:space="preserve" textLength="75.6">still red</text>`,
		`width="174" height="154"`, // 16 columns, 6 lines: the empty ones at the end are not drawn
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in:\n%s", want, got)
		}
	}
	decoder := xml.NewDecoder(strings.NewReader(got))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("no XML: %v\n%s", err, got)
		}
	}
}
