package view

import (
	"bytes"
	"strings"
	"testing"
)

func sampleMatrix() MatrixDocument {
	all := func(right, asked int) MatrixCell { return MatrixCell{right, asked} }
	name := func(n string) string { return n + ".bank.example.com." }
	return MatrixDocument{
		Deployment: "bank", Zone: "bank.example.com", Columns: []string{"usw1", "use1", "regions", "SRV"},
		Rows: []MatrixRow{
			{From: "authority 10.0.0.53:53", Kind: "authority", Cells: map[string]MatrixCell{"usw1": all(4, 4), "use1": all(3, 4), "regions": all(2, 2), "SRV": all(0, 2)}},
			{From: "authority inside usw1", Kind: "authority", Problem: "cannot be asked: no replica of it is ready", Cells: map[string]MatrixCell{"usw1": all(0, 4), "use1": all(0, 4), "regions": all(0, 2), "SRV": all(0, 2)}},
			{From: "inside usw1 (bank-0)", Kind: "replica", Cells: map[string]MatrixCell{"usw1": all(4, 4), "use1": all(4, 4), "regions": all(2, 2)}},
		},
		Holes: []Hole{
			{From: "authority 10.0.0.53:53", Name: name("bank-0.use1"), Type: "address", Wanted: []string{"10.1.0.4", "fd00::4"}},
			{From: "authority 10.0.0.53:53", Name: name("_sql._tcp"), Type: "SRV", Wanted: []string{"0 100 1 a.", "0 100 1 b."}, Got: []string{"0 100 1 b.", "0 100 1 c."}},
			{From: "authority 10.0.0.53:53", Name: name("_sql._tcp.east"), Type: "SRV", Wanted: []string{"0 100 1 a."}, Got: []string{"0 100 1 b."}},
		},
		Away: []string{name("bank-1.use1")}, Unread: map[string]string{"euw1": "connection refused"},
	}
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	const wide = `Names of bank in bank.example.com

  asked at                usw1  use1   regions  SRV
  authority 10.0.0.53:53  4/4   3/4 !  2/2      0/2 !
  authority inside usw1   ?     ?      ?        ?
  inside usw1 (bank-0)    4/4   4/4    2/2      -

Not asked
  ! authority inside usw1 cannot be asked: no replica of it is ready

Not right at authority 10.0.0.53:53
  ! bank-0.use1.bank.example.com     answers no address; it is 10.1.0.4 fd00::4
  ! _sql._tcp.bank.example.com       SRV lacks 0 100 1 a, and has too 0 100 1 c
  ! _sql._tcp.east.bank.example.com  answers 0 100 1 b; it is 0 100 1 a

note: no pod stands behind these names now, so they were not asked for: bank-1.use1.bank.example.com

note: euw1 does not answer, so its names were not asked for: connection refused

Not right: 4 answers or places.
`
	var out bytes.Buffer
	Matrix(&out, Style{}, sampleMatrix())
	if out.String() != wide {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), wide)
	}
	// On a narrow terminal the columns that do not fit stand in a table of their own, below their heads.
	const narrow = `
  asked at                usw1  use1
  authority 10.0.0.53:53  4/4   3/4 !
  authority inside usw1   ?     ?
  inside usw1 (bank-0)    4/4   4/4

  asked at                regions  SRV
  authority 10.0.0.53:53  2/2      0/2 !
  authority inside usw1   ?        ?
  inside usw1 (bank-0)    2/2      -
`
	out.Reset()
	Matrix(&out, Style{Width: 42}, sampleMatrix())
	if !strings.Contains(out.String(), narrow) {
		t.Errorf("got:\n%s\nwant in it:\n%s", out.String(), narrow)
	}
	for line := range strings.Lines(out.String()) {
		if len(strings.TrimSuffix(line, "\n")) > 42 {
			t.Errorf("too wide: %q", line)
		}
	}
}

func TestMatrixManyHoles(t *testing.T) {
	t.Parallel()
	d := sampleMatrix()
	for range shownHoles {
		d.Holes = append(d.Holes, d.Holes[0])
	}
	var out bytes.Buffer
	Matrix(&out, Style{}, d)
	if !strings.Contains(out.String(), "\n  and 3 more, all of them in --output json\n") || !strings.Contains(out.String(), "Not right: 16 ") {
		t.Errorf("%s", out.String())
	}
}

// What was not asked for is not called right.
func TestMatrixLastLine(t *testing.T) {
	t.Parallel()
	row := MatrixRow{From: "a", Cells: map[string]MatrixCell{"use1": {1, 1}}}
	for want, d := range map[string]MatrixDocument{
		"Every name is answered rightly wherever it was asked for.\n":                        {Rows: []MatrixRow{row}},
		"Every name that was asked for is answered rightly; not asked for: those of euw1.\n": {Rows: []MatrixRow{row}, Unread: map[string]string{"euw1": "away"}},
		"Nothing was asked for.\n":        {Rows: []MatrixRow{{From: "a"}}},
		"Not right: 1 answer or place.\n": {Rows: []MatrixRow{{From: "a", Problem: "cannot be asked"}}},
	} {
		var out bytes.Buffer
		Matrix(&out, Style{}, d)
		if !strings.HasSuffix(out.String(), "\n"+want) {
			t.Errorf("want at the end %q:\n%s", want, out.String())
		}
	}
}

func TestMatrixJSON(t *testing.T) {
	t.Parallel()
	d := sampleMatrix()
	d.Rows, d.Holes = d.Rows[1:2], d.Holes[:1]
	d.Rows[0].Cells = map[string]MatrixCell{"use1": {0, 4}}
	const want = `{
  "format_version": "1.0",
  "right": false,
  "deployment": "bank",
  "zone": "bank.example.com",
  "columns": [
    "usw1",
    "use1",
    "regions",
    "SRV"
  ],
  "rows": [
    {
      "from": "authority inside usw1",
      "kind": "authority",
      "cells": {
        "use1": {
          "right": 0,
          "asked": 4
        }
      },
      "problem": "cannot be asked: no replica of it is ready"
    }
  ],
  "holes": [
    {
      "from": "authority 10.0.0.53:53",
      "name": "bank-0.use1.bank.example.com.",
      "type": "address",
      "wanted": [
        "10.1.0.4",
        "fd00::4"
      ],
      "got": []
    }
  ],
  "away": [
    "bank-1.use1.bank.example.com."
  ],
  "unread": {
    "euw1": "connection refused"
  }
}
`
	var out bytes.Buffer
	if err := MatrixJSON(&out, d); err != nil || out.String() != want {
		t.Errorf("%v got:\n%s\nwant:\n%s", err, out.String(), want)
	}
	out.Reset()
	if err := MatrixJSON(&out, MatrixDocument{Columns: []string{}, Rows: []MatrixRow{}}); err != nil || !strings.Contains(out.String(), `"right": true`) || !strings.Contains(out.String(), `"holes": []`) {
		t.Errorf("%v %s", err, out.String())
	}
}
