package tree

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// ManifestName is the file in which Write notes what it wrote, in the form of
// sha256sum, so that sha256sum -c checks it.
const ManifestName = ".quorate-rendered"

const manifestHeader = "# Written by quorate: the files in this directory that are its own.\n"

// manifest holds the digests that each of our files may have: one at rest, two
// while a Write that changes the file is under way.
type manifest map[string][]string

func manifestOf(files map[string][]byte) manifest {
	m := manifest{}
	for name, data := range files {
		m[name] = []string{digest(data)}
	}
	return m
}

// union is both manifests, as they may be true at once.
func (m manifest) union(other manifest) manifest {
	out := maps.Clone(m)
	for name, digests := range other {
		all := slices.Concat(out[name], digests)
		slices.Sort(all)
		out[name] = slices.Compact(all)
	}
	return out
}

func (m manifest) owns(name string, data []byte) bool {
	return slices.Contains(m[name], digest(data))
}

// encode writes the manifest sorted by path, then digest.
func (m manifest) encode() []byte {
	var b bytes.Buffer
	b.WriteString(manifestHeader)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		for _, d := range m[name] {
			fmt.Fprintf(&b, "%s  %s\n", d, name)
		}
	}
	return b.Bytes()
}

// decodeManifest reads what encode wrote. A path that could lead out of the
// directory is refused.
func decodeManifest(data []byte) (manifest, error) {
	m := manifest{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		sum, name, ok := strings.Cut(line, "  ")
		raw, err := hex.DecodeString(sum)
		if !ok || err != nil || len(raw) != sha256.Size || !fs.ValidPath(name) {
			return nil, fmt.Errorf("line %d is not a digest and a path within the directory: %q", n, line)
		}
		m[name] = append(m[name], sum)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	return m, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
