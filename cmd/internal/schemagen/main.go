// Command schemagen writes the JSON Schema of a topology: schemagen TYPES.go OUT.json. Descriptions are the
// comments of the types and their fields in TYPES.go.
package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
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
	if len(args) != 2 {
		return errors.New("usage: schemagen TYPES.go OUT.json")
	}
	comments, err := commentsOf(args[0])
	if err != nil {
		return err
	}
	out, err := regions.Schema(func(typeName, fieldName string) string { return comments[typeName+"."+fieldName] })
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[1], out, 0o644); err != nil {
		return fmt.Errorf("write the schema: %w", err)
	}
	return nil
}

// commentsOf are the comments of a file's types ("Type.") and fields ("Type.Field"), each on one line.
func commentsOf(file string) (map[string]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("read the types: %w", err)
	}
	out := map[string]string{}
	for _, declaration := range parsed.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			if named, ok := spec.(*ast.TypeSpec); ok {
				out[named.Name.Name+"."] = oneLine(general.Doc)
				addFields(out, named)
			}
		}
	}
	return out, nil
}

func addFields(out map[string]string, named *ast.TypeSpec) {
	structure, ok := named.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range structure.Fields.List {
		for _, name := range f.Names {
			text := oneLine(f.Doc)
			if text == "" {
				text = oneLine(f.Comment)
			}
			out[named.Name.Name+"."+name.Name] = text
		}
	}
}

func oneLine(comment *ast.CommentGroup) string {
	return strings.Join(strings.Fields(comment.Text()), " ")
}
