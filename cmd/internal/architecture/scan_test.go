package architecture

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// skipped tells whether a directory holds no source of ours: what git or Go ignore.
func skipped(dir string) bool {
	name := path.Base(dir)
	return dir != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "bin" || name == "vendor")
}

// scan reads every Go file below root for which keep holds. Nested modules are read too.
// It parses and does not compile: it sees every platform's files, and a tree that does not build.
func scan(root fs.FS, keep func(file string) bool) ([]source, error) {
	var sources []source
	err := fs.WalkDir(root, ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skipped(file):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(file) != ".go" || !keep(file):
			return nil
		}
		s, err := read(root, file)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		sources = append(sources, s)
		return nil
	})
	return sources, err
}

// read gives what the rules need of one file.
func read(root fs.FS, file string) (source, error) {
	data, err := fs.ReadFile(root, file)
	if err != nil {
		return source{}, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, data, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	s := source{file: file, lines: bytes.Count(data, []byte("\n"))}
	named := map[string]string{} // the name in this file → import path
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, err
		}
		s.imports = append(s.imports, imported)
		named[localName(spec, imported)] = imported
	}
	s.uses = uses(parsed, named)
	return s, nil
}

// localName is how a file calls an import. The last element of the path is right for the standard
// library, whose names alone are looked up. A dot import hides its uses and counts as using all.
func localName(spec *ast.ImportSpec, imported string) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	return path.Base(imported)
}

// uses gives the names that a file uses of its imports.
func uses(file *ast.File, named map[string]string) []string {
	var found []string
	ast.Inspect(file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if name, ok := selector.X.(*ast.Ident); ok && named[name.Name] != "" {
			found = append(found, named[name.Name]+"."+selector.Sel.Name)
		}
		return true
	})
	slices.Sort(found)
	return slices.Compact(found)
}
