package architecture

import (
	"path"
	"slices"
	"strings"
)

// modulePath is what the imports of this repository start with.
const modulePath = "quorate.dev/quorate"

// kind says what a package is for, and so which rules it obeys.
type kind string

const (
	pure    kind = "pure"    // values and arithmetic: no I/O, no clock, no randomness
	engine  kind = "engine"  // acts through the interfaces it declares
	adapter kind = "adapter" // the one door to something outside
	command kind = "command" // what the user runs
	support kind = "support" // used by tests alone
)

// layer is one row: the packages that match, what they are, and which other packages of this
// repository they may import. Patterns are those of path.Match; "/..." at the end matches all below.
type layer struct {
	packages string
	kind     kind
	imports  []string
}

// layers gives the table, the first match counts. The rows of packages that are not written yet keep
// their place: the design named them.
func layers() []layer {
	core := []string{"regions", "dns", "kustomize", "kustomize/profiles", "kustomize/lint", "planner"}
	running := append(slices.Clone(core), "planner/journal", "planner/rollout", "planner/drill", "planner/access", "planner/preflight")
	all := append(slices.Clone(running), "docs/schema", "cmd/internal/*", "regions/*", "kustomize/*", "dns/*")
	return []layer{
		{"regions", pure, nil},
		{"regions/edit", pure, []string{"regions"}},
		{"regions/discover", pure, []string{"regions"}},
		{"regions/kube", adapter, []string{"regions", "regions/discover"}},
		{"regions/reach", adapter, nil},

		{"kustomize/profiles", pure, nil},
		{"kustomize", pure, []string{"regions", "kustomize/profiles"}},
		{"kustomize/lint", pure, []string{"regions", "kustomize", "kustomize/profiles"}},
		{"kustomize/adopt", pure, []string{"regions"}},
		{"kustomize/build", adapter, []string{"regions", "kustomize"}},
		{"kustomize/tree", adapter, []string{"regions", "kustomize"}},

		{"dns", pure, []string{"regions"}},
		{"dns/dnstest", support, []string{"regions", "dns"}},
		{"dns/dnstest/servers", support, nil},
		{"dns/sync", engine, []string{"regions", "dns"}},
		{"dns/*", adapter, []string{"regions", "dns"}},

		{"planner", pure, []string{"regions", "dns", "kustomize"}},
		{"planner/access", pure, []string{"regions"}},
		{"planner/preflight", pure, []string{"regions"}},
		{"planner/journal", engine, []string{"planner"}},
		{"planner/rollout", engine, append(slices.Clone(core), "planner/journal")},
		{"planner/drill", engine, append(slices.Clone(core), "planner/journal", "planner/rollout")},
		{"planner/rollout/*", support, running},
		{"planner/*", support, core},

		{"docs/schema", pure, nil},
		{"cmd/quorate", command, []string{"cmd/internal/cli"}},
		{"cmd/internal/architecture", support, nil},
		{"cmd/internal/e2e/...", support, []string{"..."}},
		{"cmd/internal/bench", support, []string{"..."}},
		{"cmd/internal/cli", command, all},
		{"cmd/internal/...", command, append(slices.Clone(running), "cmd/internal/*", "regions/edit", "regions/discover")},
	}
}

// wiring are the files that may build adapters: call what constructors says of them. The rest of the
// command line may know an adapter's values and errors.
const wiring = "cmd/internal/cli/wire*.go"

// constructors is how the functions that build an adapter begin.
func constructors() []string { return []string{"New", "Open", "Listen", "Dial", "Connect", "Start"} }

// door is a library that only some packages may import directly.
type door struct {
	library  string // the import path and all below it
	packages []string
	why      string
}

// doors gives the libraries that are kept behind a door, so that replacing one stays cheap.
func doors() []door {
	commands := []string{"cmd/quorate", "cmd/internal/..."}
	return []door{
		{"k8s.io/client-go", []string{"regions/kube", "dns/*", "cmd/internal/cli", "cmd/internal/e2e/...", "cmd/internal/bench"}, "only adapters talk to clusters"},
		{"sigs.k8s.io/kustomize/api", []string{"kustomize/build"}, "krusty changes process-wide state: one door, one lock"},
		{"github.com/miekg/dns", []string{"dns/*", "dns/dnstest/servers", "cmd/internal/e2e/..."}, "only the adapters below dns speak the wire format"},
		{"github.com/spf13/viper", []string{"cmd/internal/cli"}, "its keys ignore case: it reads settings, nothing else"},
		{"github.com/spf13/cobra", commands, "only cmd has a command line"},
		{"testing", []string{"dns/dnstest/...", "planner/*", "planner/rollout/*", "cmd/internal/e2e/..."}, "only packages for tests know that they are tested"},
	}
}

// impure are the imports that a pure package may not have, by path; a trailing slash means all below.
func impure() []string {
	return []string{
		"os", "os/", "syscall", "path/filepath", "net/http", "net/http/", "crypto/rand", "math/rand", "math/rand/",
		"k8s.io/client-go/", "sigs.k8s.io/kustomize/api/", "github.com/miekg/dns", "github.com/spf13/",
	}
}

// impureUses are the names that a pure package may not use of a package that it may import.
func impureUses() map[string][]string {
	return map[string][]string{
		"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
		"net": {
			"Dial", "DialTimeout", "DialIP", "DialTCP", "DialUDP", "DialUnix", "Dialer", "Listen", "ListenPacket", "ListenTCP", "ListenUDP",
			"ListenConfig", "LookupAddr", "LookupCNAME", "LookupHost", "LookupIP", "LookupMX", "LookupNS", "LookupPort", "LookupSRV", "LookupTXT",
			"Resolver", "DefaultResolver", "ResolveIPAddr", "ResolveTCPAddr", "ResolveUDPAddr", "Interfaces", "InterfaceAddrs",
		},
	}
}

// matches tells whether the package (relative to the module) is meant by the pattern.
func matches(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == below || strings.HasPrefix(pkg, below+"/")
	}
	ok, err := path.Match(pattern, pkg)
	return err == nil && ok
}

// matchesAny tells whether one of the patterns means the package.
func matchesAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, pkg) })
}

// layerOf gives the row of a package; a package in no row is nobody's.
func layerOf(table []layer, pkg string) (layer, bool) {
	i := slices.IndexFunc(table, func(l layer) bool { return matches(l.packages, pkg) })
	if i < 0 {
		return layer{}, false
	}
	return table[i], true
}

// below tells whether an import path is the library or a package below it.
func below(library, imported string) bool {
	return imported == library || strings.HasPrefix(imported, strings.TrimSuffix(library, "/")+"/")
}
