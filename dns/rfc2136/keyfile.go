package rfc2136

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxKeyFile is the most that a key file is read of, in bytes.
const maxKeyFile = 1 << 20

// maxIncludes bounds how many files one key file takes in.
const maxIncludes = 16

// ReadKeyFile is the key of that name in a file; an empty name stands for the only one there. The file
// may be of BIND (key "name" { algorithm …; secret "…"; };), of Knot DNS (the YAML of keymgr -t or knot.conf), or hold lines
// [algorithm:]name:secret, as nsupdate -y and knsupdate -k take them, also with a blank before the secret. Includes are followed, relative to
// the file that has them.
//
// The warnings are about the key and about who may read the file. Errors name file and line, never a secret.
func ReadKeyFile(fsys fs.FS, file, name string) (Key, []string, error) {
	r := keyReader{fsys: fsys}
	if err := r.read(file); err != nil {
		return Key{}, nil, err
	}
	key, err := choose(r.keys, file, name)
	return key, append(r.warnings, key.Warnings()...), err
}

// ParseKeys are all keys in the text of a file, as ReadKeyFile takes them; file is its name in errors. Text with includes
// is an error.
func ParseKeys(file string, text []byte) ([]Key, error) {
	r := keyReader{}
	err := r.parse(file, string(text))
	return r.keys, err
}

// ParseKeyValue is a key in a variable's value: [[algorithm:]name:]secret. What the value does not tell is taken from
// name and algorithm; a name in both must be the same. Errors never show the value.
func ParseKeyValue(value, name, algorithm string) (Key, error) {
	parts := strings.Split(strings.TrimSpace(value), ":")
	if len(parts) > 3 {
		return Key{}, fmt.Errorf("a key is written [algorithm:]name:secret; this value has %d parts", len(parts))
	}
	secret := parts[len(parts)-1]
	switch len(parts) {
	case 3:
		algorithm = parts[0]
		fallthrough
	case 2:
		if given := parts[len(parts)-2]; name == "" || sameName(name, given) {
			name = given
		} else {
			return Key{}, fmt.Errorf("the value holds a key of another name than %s", name)
		}
	}
	return NewKey(name, algorithm, secret)
}

func choose(keys []Key, file, name string) (Key, error) {
	if name == "" && len(keys) == 1 {
		return keys[0], nil
	}
	var names []string
	for _, k := range keys {
		if name != "" && sameName(k.Name, name) {
			return k, nil
		}
		names = append(names, k.Name)
	}
	switch {
	case len(keys) == 0:
		return Key{}, fmt.Errorf("%s holds no key", file)
	case name == "":
		return Key{}, fmt.Errorf("%s holds %d keys (%s): say which by its name", file, len(keys), strings.Join(names, ", "))
	}
	return Key{}, fmt.Errorf("%s holds no key %s, but %s", file, name, strings.Join(names, ", "))
}

type keyReader struct {
	fsys     fs.FS
	seen     []string
	keys     []Key
	warnings []string
}

func (r *keyReader) read(file string) error {
	file = path.Clean(file)
	if slices.Contains(r.seen, file) {
		return fmt.Errorf("key file %s includes itself", file)
	}
	if len(r.seen) >= maxIncludes {
		return fmt.Errorf("key file %s: more than %d files include each other", r.seen[0], maxIncludes)
	}
	r.seen = append(r.seen, file)
	text, err := r.load(file)
	if err != nil {
		return err
	}
	return r.parse(file, text)
}

func (r *keyReader) load(file string) (string, error) {
	f, err := r.fsys.Open(strings.TrimPrefix(file, "/")) // an fs.FS has no leading slash
	if err != nil {
		return "", fmt.Errorf("reading key file %s: %w", file, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("reading key file %s: %w", file, err)
	}
	if info.Mode().Perm()&0o004 != 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("key file %s is readable by everybody on this machine: chmod o-r it", file))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return "", fmt.Errorf("reading key file %s: %w", file, err)
	}
	if len(text) > maxKeyFile {
		return "", fmt.Errorf("key file %s is larger than %d bytes", file, maxKeyFile)
	}
	return string(text), nil
}

// include takes in another file that the statement at line names.
func (r *keyReader) include(file string, line int, other string) error {
	if r.fsys == nil {
		return fmt.Errorf("%s:%d: includes are not followed here", file, line)
	}
	if !path.IsAbs(other) {
		other = path.Join(path.Dir(file), other)
	}
	if err := r.read(other); err != nil {
		return fmt.Errorf("%s:%d: %w", file, line, err)
	}
	return nil
}

func (r *keyReader) add(file string, line int, name, algorithm, secret string) error {
	key, err := NewKey(name, algorithm, secret)
	if err != nil {
		return fmt.Errorf("%s:%d: %w", file, line, err)
	}
	for _, k := range r.keys {
		if k.Name == key.Name {
			return fmt.Errorf("%s:%d: key %s is there twice", file, line, key.Name)
		}
	}
	r.keys = append(r.keys, key)
	return nil
}

func (r *keyReader) parse(file, text string) error {
	text = strings.TrimPrefix(text, "\ufeff") // some editors begin a file with it
	if strings.Contains(text, "\x00") {
		return fmt.Errorf("%s:1: this is no plain text, but perhaps UTF-16: save it as UTF-8", file)
	}
	bare := regexp.MustCompile(`(?m)^\s*(#|;|//).*$`).ReplaceAllString(text, "")
	switch {
	case strings.Contains(bare, "Private-key-format:"):
		return fmt.Errorf("%s:1: this is a key of dnssec-keygen: write it as key \"name\" { algorithm …; secret \"…\"; };, as tsig-keygen does", file)
	case regexp.MustCompile(`(?m)^[A-Za-z][\w-]*:(\s|$)`).MatchString(bare):
		return r.parseKnot(file, text)
	case strings.Contains(bare, "{") || regexp.MustCompile(`(?m)^\s*include\s+".*;`).MatchString(bare):
		return r.parseBIND(file, text)
	}
	return r.parseLines(file, text)
}

// parseLines takes [algorithm:]name:secret and [algorithm:]name secret, one key a line.
func (r *keyReader) parseLines(file, text string) error {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") || strings.HasPrefix(line, "//") {
			continue
		}
		if err := r.parseLine(file, number, line); err != nil {
			return err
		}
	}
	return nil
}

func (r *keyReader) parseLine(file string, number int, line string) error {
	name, secret, blank := strings.Cut(strings.Join(strings.Fields(line), " "), " ")
	parts := strings.Split(name, ":")
	if blank {
		parts = append(parts, secret)
	}
	switch len(parts) {
	case 2:
		return r.add(file, number, parts[0], "", parts[1])
	case 3:
		return r.add(file, number, parts[1], parts[0], parts[2])
	}
	return fmt.Errorf("%s:%d: no key: it is written [algorithm:]name:secret, or as BIND or Knot DNS write theirs", file, number)
}
