// Package cockroach answers the commands of the cockroach binary that an orchestrator runs in a pod,
// from what is played: init, sql, node status, node ls, version. Output, wording and exit codes follow
// CockroachDB (pkg/cli, pkg/cli/clierrorplus); what it does not play, it says.
package cockroach

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"quorate.dev/quorate/cmd/sandbox/internal/database"
)

// Result is what a command leaves: two streams and an exit code.
type Result struct {
	Stdout string
	Stderr string
	Code   int
}

// Client runs commands in one pod.
type Client struct {
	World   *database.World
	PodUID  string // where the command runs: what localhost means
	Now     time.Time
	NewID   func() string // makes the id of a database that is initialised
	Changed bool          // set if a command changed the world
}

// options are the flags of all commands; each command defines those that it has.
type options struct {
	host, port, url, certs, format, user, db string
	insecure, ranges, stats, decom, all      bool
	execute                                  []string
}

// Run executes `cockroach ARGS…`.
func (c *Client) Run(args []string) Result {
	command, rest := "", args
	if len(args) > 0 {
		command, rest = args[0], args[1:]
	}
	if command == "node" && len(rest) > 0 {
		command, rest = "node "+rest[0], rest[1:]
	}
	var run func(options, []string) (string, error)
	switch command {
	case "init":
		run = c.init
	case "sql":
		run = c.sql
	case "node status":
		run = c.nodeStatus
	case "node ls":
		run = c.nodeList
	case "version":
		run = c.version
	default:
		return failed(args, fmt.Errorf("the sandbox's played database does not have the command %q", strings.Join(args, " ")))
	}
	parsed, positional, err := parse(command, rest)
	if err != nil {
		return failed(args, err)
	}
	out, err := run(parsed, positional)
	if err != nil {
		result := failed(args, err)
		result.Stdout = out
		return result
	}
	return Result{Stdout: out}
}

// failed words an error as the binary does.
func failed(args []string, err error) Result {
	word := ""
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			break
		}
		word = strings.TrimSpace(word + " " + arg)
	}
	if after, ok := strings.CutPrefix(word, "node "); ok {
		word = "node " + strings.Fields(after)[0]
	} else if fields := strings.Fields(word); len(fields) > 0 {
		word = fields[0]
	}
	return Result{Stderr: fmt.Sprintf("ERROR: %v\nFailed running %q\n", err, word), Code: 1}
}

// parse reads the flags of a command.
func parse(command string, args []string) (options, []string, error) {
	var o options
	flags := pflag.NewFlagSet(command, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.host, "host", "", "")
	flags.StringVarP(&o.port, "port", "p", "", "")
	flags.StringVar(&o.url, "url", "", "")
	flags.StringVar(&o.certs, "certs-dir", "", "")
	flags.StringVarP(&o.user, "user", "u", "root", "")
	flags.BoolVar(&o.insecure, "insecure", false, "")
	flags.String("logtostderr", "", "")
	flags.Lookup("logtostderr").NoOptDefVal = "INFO"
	if command != "init" && command != "version" {
		flags.StringVar(&o.format, "format", "tsv", "")
	}
	switch command {
	case "sql":
		flags.StringArrayVarP(&o.execute, "execute", "e", nil, "")
		flags.StringVarP(&o.db, "database", "d", "", "")
		flags.StringArray("set", nil, "")
	case "node status", "node ls":
		flags.Duration("timeout", 0, "")
		flags.BoolVar(&o.ranges, "ranges", false, "")
		flags.BoolVar(&o.stats, "stats", false, "")
		flags.BoolVar(&o.decom, "decommission", false, "")
		flags.BoolVar(&o.all, "all", false, "")
	}
	if err := flags.Parse(args); err != nil {
		return o, nil, err
	}
	return o, flags.Args(), o.readURL()
}

// readURL takes the host from --url if that is how it was given.
func (o *options) readURL() error {
	if o.url == "" {
		return nil
	}
	parsed, err := url.Parse(o.url)
	if err != nil {
		return fmt.Errorf("invalid argument %q for \"--url\" flag: %w", o.url, err)
	}
	o.host = parsed.Host
	o.insecure = o.insecure || parsed.Query().Get("sslmode") == "disable"
	return nil
}

// dial finds the node that the command is for.
func (c *Client) dial(o options) (*database.Database, *database.Member, database.Reach, error) {
	if !o.insecure {
		return nil, nil, 0, errors.New("problem using security settings: no certificates found; does certs dir exist?")
	}
	host, port := splitHost(o)
	if host == "" || host == "localhost" || host == "127.0.0.1" || host == "::1" {
		d, m, reach := c.World.DialPod(c.PodUID, c.Now)
		return d, m, reach, dialError(reach, "localhost", port, "127.0.0.1")
	}
	d, m, reach := c.World.Dial(host, c.PodUID, c.Now)
	ip := host
	if m != nil {
		ip = m.IP
	}
	return d, m, reach, dialError(reach, host, port, ip)
}

// splitHost reads --host HOST[:PORT] and --port.
func splitHost(o options) (host, port string) {
	host, port = o.host, "26257"
	if o.port != "" {
		port = o.port
	}
	if strings.Count(host, ":") == 1 {
		host, port, _ = strings.Cut(host, ":")
	}
	return host, port
}

// dialError is what the binary says of a host that it cannot reach.
func dialError(reach database.Reach, host, port, ip string) error {
	switch reach {
	case database.NoSuchHost:
		return cannotDial(fmt.Sprintf("dial tcp: lookup %s: no such host", host))
	case database.Refused:
		return cannotDial(fmt.Sprintf("dial tcp %s:%s: connect: connection refused", ip, port))
	default:
		return nil
	}
}

func cannotDial(cause string) error {
	return fmt.Errorf("cannot dial server.\nIs the server running?\n"+
		"If the server is running, check --host client-side and --advertise server-side.\n\n%s", cause)
}

// dialSQL finds a node that answers SQL.
func (c *Client) dialSQL(o options) (*database.Database, *database.Member, error) {
	d, m, reach, err := c.dial(o)
	switch {
	case err != nil:
		return nil, nil, err
	case reach == database.Waiting:
		host, port := splitHost(o)
		return nil, nil, cannotDial(fmt.Sprintf("failed to connect to `user=%s database=`: %s:%s (%s): failed to receive message: timeout: context deadline exceeded", o.user, m.IP, port, host))
	case reach == database.NoQuorum:
		return nil, nil, errors.New("query execution canceled due to statement timeout\nSQLSTATE: 57014")
	}
	return d, m, nil
}

// init is `cockroach init`.
func (c *Client) init(o options, _ []string) (string, error) {
	_, m, _, err := c.dial(o)
	if err != nil {
		return "", err
	}
	err = c.World.Init(m.PodUID, c.Now, c.NewID)
	c.Changed = true
	if err != nil {
		return "", err
	}
	return "Cluster successfully initialized\n", nil
}

// version is `cockroach version`.
func (c *Client) version(options, []string) (string, error) {
	_, m, _ := c.World.DialPod(c.PodUID, c.Now)
	if m == nil {
		return "", errors.New("no node runs in this pod")
	}
	return "Build Tag:        " + m.Build + "\nBuild Type:       played\n", nil
}
