package regions

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFileSize bounds a topology file in bytes: a thousand clusters fit many times.
const maxFileSize = 1 << 20

// document reads the one YAML document of a file as nodes, aliases unexpanded.
// It returns nil, with the problem recorded, where there is none to decode.
func document(data []byte, file string, f *findings) *yaml.Node {
	if len(data) > maxFileSize {
		f.errorAt(place{line: 1}, "", codeTooLarge, "check that this is the topology file",
			"%s has %d bytes, more than the %d that are read", name(file), len(data), maxFileSize)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF), err == nil && isNull(root(&doc)):
		f.errorAt(place{line: 1}, "", codeEmptyFile, "begin with apiVersion: "+APIVersion+" and kind: "+Kind,
			"%s holds no topology", name(file))
		return nil
	case err != nil:
		f.syntax(err, data, file)
		return nil
	}
	var next yaml.Node
	switch err := decoder.Decode(&next); {
	case err == nil:
		f.errorAt(place{line: max(1, next.Line)}, "", codeSeveralDocuments, "a file holds one topology; remove the --- and what follows",
			"%s holds a second YAML document", name(file))
		return nil
	case !errors.Is(err, io.EOF):
		f.syntax(err, data, file)
		return nil
	}
	return root(&doc)
}

// name is how messages call the file.
func name(file string) string {
	if file == "" {
		return "the topology"
	}
	return file
}

func root(doc *yaml.Node) *yaml.Node {
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		return doc.Content[0]
	}
	return doc
}

func isNull(n *yaml.Node) bool {
	return n.Kind == 0 || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// syntax records an error of the YAML parser, at the line that its text names.
func (f *findings) syntax(err error, data []byte, file string) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits by the expression; an overflow leaves a number past the file
		message = m[2]
		// The library counts the lines of its scanner from 1 and those of its parser from 0.
		if strings.HasPrefix(message, "did not find expected") {
			line++
		}
	} else if m := regexp.MustCompile(`^unknown anchor '(.+)' referenced`).FindStringSubmatch(message); m != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		line = 1 + bytes.Count(before, []byte("\n"))
	}
	line = min(max(1, line), 1+bytes.Count(data, []byte("\n")))
	f.errorAt(place{line: line}, "", codeNotYAML, "look at this line and its neighbours: indentation, a missing colon, an unclosed quote",
		"%s is not YAML: %s", name(file), message)
}
