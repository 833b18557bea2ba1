package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// Server is a name server of its own process. Its methods are for one goroutine at a time.
type Server struct {
	Kind    Kind
	Address string // host:port, UDP and TCP
	Dir     string
	KeyFile string // the key as BIND and its tools read it; KnotKeyFile: as keymgr prints it
	Config  Config // as it was started with, defaults and keys filled in

	KnotKeyFile string

	settings settings
	process  process
}

// Launch starts a primary in a directory of the caller's, and waits until it answers for its zones. It stops with
// Stop or Kill9. Tests use Start.
func Launch(ctx context.Context, dir string, kind Kind, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	s := settings{Config: cfg}
	for _, to := range cfg.NotifyTo {
		a, err := parseAddress(to)
		if err != nil {
			return nil, err
		}
		s.NotifyTo = append(s.NotifyTo, a)
	}
	return launch(ctx, dir, kind, s)
}

func launch(ctx context.Context, dir string, kind Kind, s settings) (*Server, error) {
	host := "127.0.0.1"
	if s.IPv6 {
		host = "::1"
	}
	var err error
	if s.Port == "" {
		if s.address, err = freeAddress(host); err != nil {
			return nil, err
		}
	}
	s.Dir, s.File, s.Workers = dir, "zone0", max(s.Workers, 1)
	argv, err := commandLine(kind, dir, s.Workers)
	if err != nil {
		return nil, err
	}
	server := &Server{
		Kind: kind, Address: s.address.String(), Dir: dir, Config: s.Config, settings: s,
		KeyFile: filepath.Join(dir, "tsig.key"), KnotKeyFile: filepath.Join(dir, "tsig.conf"),
		process: process{kind: kind, dir: dir, argv: argv},
	}
	if err := s.write(kind); err != nil {
		return nil, err
	}
	if kind == PowerDNS {
		if err := s.fillPowerDNS(ctx); err != nil {
			return nil, err
		}
	}
	return server, server.Start(ctx)
}

// commandLine starts a product in the foreground.
func commandLine(kind Kind, dir string, workers int) ([]string, error) {
	config, n := filepath.Join(dir, configName(kind)), strconv.Itoa(workers)
	argv, ok := map[Kind][]string{
		BIND:     {"named", "-g", "-n", n, "-U", n, "-c", config},
		Knot:     {"knotd", "-c", config},
		PowerDNS: {"pdns_server", "--config-dir=" + dir},
		NSD:      {"nsd", "-d", "-c", config},
		Unbound:  {"unbound", "-d", "-c", config},
		CoreDNS:  {os.Getenv(CoreDNSVariable), "-conf", config},
	}[kind]
	if !ok {
		return nil, fmt.Errorf("name server %q is not known", kind)
	}
	path, err := exec.LookPath(argv[0])
	if err != nil && kind != CoreDNS {
		path, err = exec.LookPath("/usr/sbin/" + argv[0]) // where Debian has it, and some users' PATH does not
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not installed (.ci/packages names; %s for CoreDNS): %w", kind, CoreDNSVariable, err)
	}
	argv[0] = path
	return argv, nil
}

// Start starts a stopped server again, on its port and in its directory, and waits until it answers. One that does
// not is killed.
func (s *Server) Start(ctx context.Context) error {
	if err := s.process.launch(); err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		return errors.Join(fmt.Errorf("%w; its log:\n%s", err, s.Log(40)), s.Kill9())
	}
	return nil
}

// Stop asks the server to end (SIGTERM) and waits until it has.
func (s *Server) Stop() error { return s.process.end(false) }

// Kill9 kills the server as a crash would.
func (s *Server) Kill9() error { return s.process.end(true) }

// Running tells whether the server was started and neither stopped nor killed since.
func (s *Server) Running() bool { return s.process.cmd != nil }

// Reload has the server read its files anew (SIGHUP). PowerDNS, which reads its database at each query, has no such thing.
func (s *Server) Reload() error {
	if s.Kind == PowerDNS || s.Kind == CoreDNS {
		return fmt.Errorf("%s does not reload on SIGHUP", s.Kind)
	}
	return s.process.signal(syscall.SIGHUP, false)
}

// Log is the end of what the server wrote, at most n lines, without secrets.
func (s *Server) Log(n int) string { return s.process.log(n, s.settings.Keys()...) }
