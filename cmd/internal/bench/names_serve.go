package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"quorate.dev/quorate/dns/dnstest/servers"
)

// authority is a child that serves names.
type authority struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	address string
	heap    int64 // octets that serving took
}

// authority starts one, and waits until it answers.
func (b *bench) authority(ctx context.Context, replicas int) (*authority, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &authority{command: exec.CommandContext(ctx, self, "-serve-names", strconv.Itoa(replicas))}
	a.command.Stderr = b.narration
	if a.in, err = a.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := a.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.out = bufio.NewScanner(out)
	if err := a.command.Start(); err != nil {
		return nil, err
	}
	if _, err := fmt.Sscan(a.line(), &a.address, &a.heap); err != nil {
		return nil, errors.Join(fmt.Errorf("serving %d names: %w", replicas, err), a.end())
	}
	return a, nil
}

func (a *authority) line() string {
	a.out.Scan()
	return a.out.Text()
}

// move is how long it took until the new address of a pod was answered.
func (a *authority) move() (took time.Duration, err error) {
	if _, err = fmt.Fprintln(a.in); err == nil {
		_, err = fmt.Sscan(a.line(), (*int64)(&took))
	}
	return took, err
}

func (a *authority) end() error {
	return errors.Join(a.in.Close(), a.command.Wait())
}

// The load: each server in turn, several times.
const (
	servedNames  = 1000
	loadRounds   = 3
	loadFor      = "3"   // seconds
	loadClients  = "8"   // sockets
	loadInFlight = "100" // queries that wait for an answer
)

// load measures queries a second beside other name servers that answer for the same zone.
func load(ctx context.Context, b *bench) (_ []row, err error) {
	queries, err := b.write("queries", queriesFor(servedNames))
	if err != nil {
		return nil, err
	}
	ours, err := b.authority(ctx, servedNames)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ours.end()) }()
	asked := []target{{name: "quorate", address: ours.address}}
	for _, kind := range []servers.Kind{servers.CoreDNS, servers.BIND, servers.Knot, servers.NSD} {
		server, err := b.launch(ctx, kind, servers.Config{Zone: namesZone, Records: zoneLines(servedNames), Workers: runtime.NumCPU()})
		if err != nil {
			return nil, err
		}
		defer server.Stop() //nolint:errcheck // the run's own directory and process end anyway
		asked = append(asked, target{name: string(kind), address: server.Address})
	}
	for range loadRounds {
		for i := range asked {
			rate, err := b.perform(ctx, asked[i].address, queries)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", asked[i].name, err)
			}
			asked[i].rates = append(asked[i].rates, rate)
		}
	}
	return []row{loadRow(asked)}, nil
}

// target is a name server under load.
type target struct {
	name, address string
	rates         []float64 // queries a second
}

func (t target) rate() float64 {
	sorted := slices.Sorted(slices.Values(t.rates))
	return sorted[len(sorted)/2]
}

// loadRow compares the first with the others; the ratio is to CoreDNS, which is the second.
func loadRow(asked []target) row {
	var others []string
	for _, t := range asked[1:] {
		others = append(others, fmt.Sprintf("%s %s", t.name, thousands(t.rate())))
	}
	return row{
		key: "queries", what: fmt.Sprintf("queries a second, %d names, under dnsperf", servedNames), ours: thousands(asked[0].rate()),
		against: strings.Join(others, ", "), ratio: fmt.Sprintf("%.1f × CoreDNS", asked[0].rate()/asked[1].rate()), aim: "≥ 2 × CoreDNS",
	}
}

func thousands(rate float64) string {
	const thousand = 1000
	return fmt.Sprintf("%.0f k", rate/thousand)
}

// launch starts a name server of others in the run's directory.
func (b *bench) launch(ctx context.Context, kind servers.Kind, cfg servers.Config) (*servers.Server, error) {
	if kind == servers.CoreDNS && os.Getenv(servers.CoreDNSVariable) == "" {
		out, err := b.exec(ctx, b.sandbox, "build", "--containers", "--print-path")
		if err != nil {
			return nil, err
		}
		if err := os.Setenv(servers.CoreDNSVariable, filepath.Join(strings.TrimSpace(out.stdout), "coredns")); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(b.dir, string(kind))
	if err != nil {
		return nil, err
	}
	server, err := servers.Launch(ctx, dir, kind, cfg)
	if err != nil {
		return nil, fmt.Errorf("%w (`.ci/packages names` installs name servers, `make container-binaries` builds CoreDNS)", err)
	}
	return server, nil
}

// nobody is how many queries, one in so many, are for a name that is not there.
const nobody = 20

// queriesFor asks for all names, and now and then for one that is not there.
func queriesFor(replicas int) string {
	var text strings.Builder
	for i := range replicas {
		fmt.Fprintf(&text, "%s A\n", replicaName(i))
		if i%nobody == 0 {
			fmt.Fprintf(&text, "nobody-%d.%s.%s A\n", i, namesCluster, namesZone)
		}
	}
	return text.String()
}

// zoneLines are the same names in a zone file.
func zoneLines(replicas int) []string {
	lines := make([]string, replicas)
	for i := range lines {
		lines[i] = fmt.Sprintf("%s-%d.%s %d A %s", namesDeployment, i, namesCluster, namesTTL, namesAddress(i, 0))
	}
	return lines
}

// perform puts a server under load.
func (b *bench) perform(ctx context.Context, address, queries string) (float64, error) {
	host, port, _ := strings.Cut(address, ":")
	f, err := b.exec(ctx, "dnsperf", "-s", host, "-p", port, "-d", queries, "-l", loadFor, "-c", loadClients, "-q", loadInFlight)
	if err != nil {
		return 0, err
	}
	return performed(f.stdout)
}

// performed reads dnsperf's report. Answers that are not those to the queries would make it worth nothing.
func performed(report string) (float64, error) {
	codes := regexp.MustCompile(`Response codes: +NOERROR \d+ \((\d+)\.\d+%\), NXDOMAIN \d+ \((\d+)\.\d+%\)\s*\n`).FindStringSubmatch(report)
	rate := regexp.MustCompile(`Queries per second: +([0-9.]+)`).FindStringSubmatch(report)
	const found, missing = "95", "4" // percent: of 1,050 queries, 50 are for nobody
	if codes == nil || rate == nil || codes[1] != found || codes[2] != missing {
		return 0, fmt.Errorf("dnsperf reports other answers than NOERROR to %s %% and NXDOMAIN to %s %%:\n%s", found, missing, report)
	}
	return strconv.ParseFloat(rate[1], 64)
}

// manyNames measures what a very large zone takes.
func manyNames(ctx context.Context, b *bench) ([]row, error) {
	const replicas, times = 100_000, 9
	a, err := b.authority(ctx, replicas)
	if err != nil {
		return nil, err
	}
	all, err := repeat(times, a.move)
	if err := errors.Join(err, a.end()); err != nil {
		return nil, err
	}
	return []row{{
		key: "names", what: "serve with 100,000 names: memory in use, and from an EndpointSlice's change to the answer",
		ours: megabytes(a.heap) + ", " + milliseconds(median(all)),
	}}, nil
}
