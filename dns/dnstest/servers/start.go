package servers

import (
	"context"
	"os"
	"testing"
)

// The variables that let these tests run.
const (
	Variable        = "QUORATE_NAMESERVERS" // 1: name servers are installed
	CoreDNSVariable = "QUORATE_COREDNS"     // path of the binary
)

// Needed skips the test where name servers are not to be run.
func Needed(t testing.TB) {
	t.Helper()
	if os.Getenv(Variable) != "1" {
		t.Skipf("real name servers: set %s=1 where they are installed (.ci/packages names)", Variable)
	}
}

// Primary is a server of a test: it ends with the test, and shows its log where the test failed.
type Primary struct {
	*Server
	Zone string
	Key  TSIGKey
}

// Start runs a primary for a test, and waits until it answers.
func Start(t testing.TB, kind Kind, cfg Config) *Primary {
	t.Helper()
	return start(t, func(ctx context.Context, dir string) (*Server, error) { return Launch(ctx, dir, kind, cfg) })
}

// Each runs a test for a primary of each kind, in parallel; with no kinds: of each that takes DNS UPDATE.
func Each(t *testing.T, cfg Config, test func(*testing.T, *Primary), kinds ...Kind) {
	t.Helper()
	Needed(t)
	if len(kinds) == 0 {
		kinds = Updatable()
	}
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, Start(t, kind, cfg))
		})
	}
}

func start(t testing.TB, launch func(context.Context, string) (*Server, error)) *Primary {
	t.Helper()
	Needed(t)
	// Not t.TempDir, whose path may be too long for the sockets that servers make in it (108 bytes).
	dir, err := os.MkdirTemp("", "names-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	server, err := launch(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	p := &Primary{Server: server, Zone: server.Config.Zone, Key: server.Config.Key}
	t.Cleanup(func() { p.end(t) })
	return p
}

// end ends the server with its test.
func (p *Primary) end(t testing.TB) {
	if p.Running() {
		if err := p.Server.Kill9(); err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.Logf("the end of the log of %s at %s:\n%s", p.Kind, p.Address, p.Log(40))
	}
}

// Stop asks the server to end and waits until it has.
func (p *Primary) Stop(t testing.TB) { check(t, p.Server.Stop()) }

// Kill9 kills the server as a crash would.
func (p *Primary) Kill9(t testing.TB) { check(t, p.Server.Kill9()) }

// Start starts the server again and waits until it answers.
func (p *Primary) Start(t testing.TB) { check(t, p.Server.Start(t.Context())) }

// Restart is Stop and Start.
func (p *Primary) Restart(t testing.TB) {
	p.Stop(t)
	p.Start(t)
}

// Reload has the server read its files anew.
func (p *Primary) Reload(t testing.TB) { check(t, p.Server.Reload()) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
