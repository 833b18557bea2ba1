package architecture

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// source is what the rules look at in one file of the product (tests are free to import what they need).
type source struct {
	file    string   // slash-separated, relative to the repository
	imports []string // import paths
	uses    []string // names used of imported packages, as "import path.Name"
	lines   int
}

// pkg is the package of a file, relative to the module.
func (s source) pkg() string { return path.Dir(s.file) }

// violations gives every breach of the rules in the files, one a line, sorted.
func violations(sources []source) []string {
	var found []string
	for _, s := range sources {
		row, ok := layerOf(layers(), s.pkg())
		if !ok {
			found = append(found, fmt.Sprintf("%s: package %s has no row in the table of layers: decide what it is and what it may import", s.file, s.pkg()))
			continue
		}
		for _, imported := range s.imports {
			found = append(found, forbiddenImport(s, row, imported)...)
		}
		if row.kind == pure {
			found = append(found, impurities(s)...)
		}
		if row.kind == command {
			found = append(found, buildings(s)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// forbiddenImport gives what is wrong with one import of a file in the given layer.
func forbiddenImport(s source, row layer, imported string) []string {
	var found []string
	if own, ok := strings.CutPrefix(imported, modulePath+"/"); ok {
		if why := forbiddenOwn(s, row, own); why != "" {
			found = append(found, fmt.Sprintf("%s (%s): imports %s: %s", s.file, row.kind, own, why))
		}
	}
	for _, d := range doors() {
		if below(d.library, imported) && !matchesAny(d.packages, s.pkg()) {
			found = append(found, fmt.Sprintf("%s (%s): imports %s: %s", s.file, row.kind, imported, d.why))
		}
	}
	return found
}

// forbiddenOwn says why a file may not import another package of this repository; empty if it may.
func forbiddenOwn(s source, row layer, own string) string {
	target, ok := layerOf(layers(), own)
	switch {
	case !ok:
		return "it has no row in the table of layers"
	case row.kind != support && target.kind == support:
		return "it is for tests alone"
	case matchesAny(row.imports, own):
		return ""
	case target.kind == adapter:
		return "only cmd/internal/cli knows adapters"
	}
	return fmt.Sprintf("imports point down, and here only to %v", row.imports)
}

// buildings gives the adapters that a file builds though it is not the one that wires them.
func buildings(s source) []string {
	if matches(wiring, s.file) {
		return nil
	}
	var found []string
	for _, use := range s.uses {
		imported, name := split(use)
		target, ok := layerOf(layers(), strings.TrimPrefix(imported, modulePath+"/"))
		if ok && target.kind == adapter && slices.ContainsFunc(constructors(), func(c string) bool { return strings.HasPrefix(name, c) }) {
			found = append(found, fmt.Sprintf("%s (command): uses %s: only %s builds adapters", s.file, use, wiring))
		}
	}
	return found
}

// split parts "import path.Name".
func split(use string) (imported, name string) {
	dot := strings.LastIndexByte(use, '.')
	return use[:dot], use[dot+1:]
}

// impurities gives what a file of a pure package may not import or use.
func impurities(s source) []string {
	var found []string
	for _, imported := range s.imports {
		if slices.ContainsFunc(impure(), func(i string) bool {
			return imported == i || strings.HasSuffix(i, "/") && strings.HasPrefix(imported, i)
		}) {
			found = append(found, fmt.Sprintf("%s (pure): imports %s: a pure package does no I/O and has no randomness", s.file, imported))
		}
	}
	for _, use := range s.uses {
		if imported, name := split(use); slices.Contains(impureUses()[imported], name) {
			found = append(found, fmt.Sprintf("%s (pure): uses %s: pass the value in", s.file, use))
		}
	}
	return found
}

// Sizes that keep a file readable in one sitting; a test file may hold a longer table.
const (
	maxLines     = 300
	maxTestLines = 450
)

// tooLong gives the files above their limit.
func tooLong(sources []source) []string {
	var found []string
	for _, s := range sources {
		limit := maxLines
		if strings.HasSuffix(s.file, "_test.go") {
			limit = maxTestLines
		}
		if s.lines > limit {
			found = append(found, fmt.Sprintf("%s has %d lines, more than %d: split it by what it is about", s.file, s.lines, limit))
		}
	}
	return found
}
