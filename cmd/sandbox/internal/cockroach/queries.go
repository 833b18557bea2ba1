package cockroach

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"quorate.dev/quorate/cmd/sandbox/internal/database"
)

// What a node holds, for columns that nobody judges by: each live node counts the same.
const (
	rangesPerNode  = 52
	leadersPerNode = 17
	// shortOf is how many ranges a live node reports under-replicated while any are.
	shortOf = 3
)

// timeFormat is how node status prints times.
const timeFormat = "2006-01-02 15:04:05.999999 +0000 UTC"

// headers of `node status`, in the order of pkg/cli/node.go.
func statusHeaders(o options) []string {
	headers := []string{"id", "address", "sql_address", "build", "started_at", "updated_at", "locality", "is_available", "is_live"}
	if o.ranges || o.all {
		headers = append(headers, "replicas_leaders", "replicas_leaseholders", "ranges", "ranges_unavailable", "ranges_underreplicated")
	}
	if o.stats || o.all {
		headers = append(headers, "live_bytes", "key_bytes", "value_bytes", "intent_bytes", "system_bytes")
	}
	if o.decom || o.all {
		headers = append(headers, "gossiped_replicas", "is_decommissioning", "membership", "is_draining")
	}
	return headers
}

// nodeStatus is `cockroach node status [ID]`.
func (c *Client) nodeStatus(o options, args []string) (string, error) {
	d, _, err := c.dialSQL(o)
	if err != nil {
		return "", err
	}
	if len(args) > 1 {
		return "", errors.New("expected no arguments or a single node ID")
	}
	var rows [][]string
	for _, member := range d.Nodes() {
		if len(args) == 0 || args[0] == strconv.Itoa(member.NodeID) {
			rows = append(rows, c.statusRow(o, d, member))
		}
	}
	if len(args) == 1 && len(rows) == 0 {
		return "", fmt.Errorf("node %s doesn't exist", args[0])
	}
	return render(o.format, statusHeaders(o), rows)
}

// statusRow is one node's row.
func (c *Client) statusRow(o options, d *database.Database, m *database.Member) []string {
	live := m.Live(c.Now)
	updated := c.Now
	if !live && !m.DownSince.IsZero() {
		updated = m.DownSince
	}
	row := []string{
		strconv.Itoa(m.NodeID), m.Address, m.Address, m.Build,
		m.StartedAt.UTC().Format(timeFormat), updated.UTC().Format(timeFormat),
		m.Locality, strconv.FormatBool(live), strconv.FormatBool(live),
	}
	if o.ranges || o.all {
		leaders, short := 0, 0
		if live {
			leaders = leadersPerNode
			if d.UnderReplicated(c.World.Settings, c.Now) {
				short = shortOf
			}
		}
		row = append(row, strconv.Itoa(leaders), strconv.Itoa(leaders), strconv.Itoa(rangesPerNode), "0", strconv.Itoa(short))
	}
	if o.stats || o.all {
		row = append(row, "1048576", "65536", "983040", "0", "16384")
	}
	if o.decom || o.all {
		row = append(row, strconv.Itoa(rangesPerNode), "false", "active", "false")
	}
	return row
}

// nodeList is `cockroach node ls`.
func (c *Client) nodeList(o options, _ []string) (string, error) {
	d, _, err := c.dialSQL(o)
	if err != nil {
		return "", err
	}
	var rows [][]string
	for _, member := range d.Nodes() {
		rows = append(rows, []string{strconv.Itoa(member.NodeID)})
	}
	return render(o.format, []string{"id"}, rows)
}

// sql is `cockroach sql --execute=…`. Every statement is answered in turn; the first that fails ends it.
func (c *Client) sql(o options, _ []string) (string, error) {
	if len(o.execute) == 0 {
		return "", errors.New("the sandbox's played database has no SQL shell; use --execute")
	}
	d, m, err := c.dialSQL(o)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, text := range o.execute {
		for statement := range strings.SplitSeq(text, ";") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			answer, err := query(d, m, statement, o.format)
			if err != nil {
				return out.String(), err
			}
			out.WriteString(answer)
		}
	}
	return out.String(), nil
}

// query answers one statement of those that are played.
func query(d *database.Database, m *database.Member, statement, format string) (string, error) {
	text := strings.ToLower(strings.Join(strings.Fields(statement), " "))
	text, alias, _ := strings.Cut(text, " as ")
	header, value := "", ""
	switch text {
	case "select crdb_internal.cluster_id()":
		header, value = "crdb_internal.cluster_id", d.ClusterID
	case "select crdb_internal.node_id()":
		header, value = "crdb_internal.node_id", strconv.Itoa(m.NodeID)
	case "select version()":
		header, value = "version", "CockroachDB CCL "+m.Build+" (played by the sandbox)"
	case "select 1":
		header, value = "?column?", "1"
	default:
		return "", fmt.Errorf("the sandbox's played database does not know this statement: %s\nSQLSTATE: 0A000", strings.TrimSpace(statement))
	}
	if alias != "" {
		header = alias
	}
	return render(format, []string{header}, [][]string{{value}})
}

// render prints rows in one of the binary's formats.
func render(format string, headers []string, rows [][]string) (string, error) {
	var out bytes.Buffer
	switch format {
	case "csv", "tsv":
		writer := csv.NewWriter(&out)
		if format == "tsv" {
			writer.Comma = '\t'
		}
		if err := writer.WriteAll(append([][]string{headers}, rows...)); err != nil {
			return "", fmt.Errorf("print the rows: %w", err)
		}
	case "table":
		writeTable(&out, headers, rows)
	default:
		return "", fmt.Errorf("invalid argument %q for \"--format\" flag: the sandbox plays csv, tsv and table", format)
	}
	return out.String(), nil
}

// writeTable draws the rows as the binary does on a terminal, all columns to the left.
func writeTable(out *bytes.Buffer, headers []string, rows [][]string) {
	widths := make([]int, len(headers))
	for _, row := range append([][]string{headers}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	line := func(row []string) {
		for i, cell := range row {
			fmt.Fprintf(out, "  %-*s ", widths[i], cell)
			if i < len(row)-1 {
				out.WriteString("|")
			}
		}
		out.WriteString("\n")
	}
	line(headers)
	for i, width := range widths {
		out.WriteString(strings.Repeat("-", width+3))
		if i < len(widths)-1 {
			out.WriteString("+")
		}
	}
	out.WriteString("\n")
	for _, row := range rows {
		line(row)
	}
	plural := "s"
	if len(rows) == 1 {
		plural = ""
	}
	fmt.Fprintf(out, "(%d row%s)\n", len(rows), plural)
}
