package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"quorate.dev/quorate/kustomize"
)

// Answer is what one cluster's replica said when it was asked for the gate's tables.
type Answer struct {
	Cluster string
	// Problem is why nobody could be asked; empty where Outputs has one for each table.
	Problem string
	Outputs []Output
}

// Output is what the command of one table printed and how it ended.
type Output struct {
	Stdout, Stderr string
	ExitCode       int
	Failure        string // why the command could not be run; empty where it was
}

// Judge reads what a database's health commands printed in all clusters and says what
// is still wrong with it, in words for people; empty means the gate is open. hosts are
// the stable names of the replicas that there should be, port is the profile's SeedPort.
//
// An answer that cannot be read keeps the gate shut: a missing column is no health,
// and neither is a figure that is no number (NULL). So does a command that fails,
// whatever it prints; what it prints is judged all the same, since it says more.
func Judge(gate kustomize.Gate, port int, answers []Answer, hosts []string) []string {
	said := map[string][]string{} // problem → clusters in which it was told
	views := make([][]clusterView, len(gate.Tables))
	for _, a := range answers {
		if a.Problem != "" {
			said[a.Problem] = append(said[a.Problem], a.Cluster)
			continue
		}
		for i, t := range gate.Tables {
			read, problems := judgeOutput(t, port, a.Outputs[i], hosts)
			for _, problem := range problems {
				if !slices.Contains(said[problem], a.Cluster) {
					said[problem] = append(said[problem], a.Cluster)
				}
			}
			if read != nil {
				views[i] = append(views[i], clusterView{a.Cluster, read.everywhere(t)})
			}
		}
	}
	var out []string
	for _, problem := range slices.Sorted(maps.Keys(said)) {
		out = append(out, fmt.Sprintf("the database, asked in %s: %s", strings.Join(said[problem], ", "), problem))
	}
	for i, t := range gate.Tables {
		out = append(out, disagreements(t, views[i])...)
	}
	return out
}

// judgeOutput is nil beside the problems where the output is no table.
func judgeOutput(t kustomize.Table, port int, o Output, hosts []string) (*table, []string) {
	if o.Failure != "" {
		return nil, []string{o.Failure}
	}
	read, err := readTable(t, o.Stdout)
	if err != nil {
		if o.ExitCode != 0 {
			return nil, []string{ended(t, o)}
		}
		return nil, []string{err.Error()}
	}
	problems := judgeTable(t, port, *read, hosts)
	if o.ExitCode != 0 {
		problems = append(problems, ended(t, o))
	}
	return read, problems
}

// ended says how a command failed, by the first line that is meant for people.
func ended(t kustomize.Table, o Output) string {
	for line := range strings.SplitSeq(o.Stderr+"\n"+o.Stdout, "\n") {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '{' && line[0] != '[' { // structured logs, or the table itself
			return fmt.Sprintf("the command for its %s ended with exit %d: %s", t.Name, o.ExitCode, shorten(line))
		}
	}
	return fmt.Sprintf("the command for its %s ended with exit %d and no word", t.Name, o.ExitCode)
}

// judgeTable holds the rules of one table against one answer.
func judgeTable(t kustomize.Table, port int, read table, hosts []string) []string {
	members, problems := read.members(t, port, hosts)
	for _, m := range members {
		if m.host != "" {
			problems = append(problems, m.broken(t)...)
		}
	}
	for _, column := range t.Zero {
		if problem := nonZero(column, members); problem != "" {
			problems = append(problems, problem)
		}
	}
	for _, column := range t.Agree {
		if problem := disagree(t, column, members); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}

// member is a row that counts; host is empty for a stranger's.
type member struct {
	host string
	row  row
}

// name is what messages call it.
func (m member) name(t kustomize.Table) string {
	if m.host != "" {
		return m.host
	}
	return m.row.text(t.Key)
}

// members are the rows that count, those of the expected hosts first, and what is
// wrong with who is there.
func (read table) members(t kustomize.Table, port int, hosts []string) (members []member, problems []string) {
	taken := map[int]bool{}
	for _, host := range hosts {
		rows := read.find(t.Key, t.Expected(host, port))
		if len(rows) == 0 {
			problems = append(problems, fmt.Sprintf("%s is not among the %s yet", host, t.Name))
			continue
		}
		if t.Exact && len(rows) > 1 {
			problems = append(problems, fmt.Sprintf("%s is among the %s %d times", host, t.Name, len(rows)))
		}
		// The newest: rows come by ascending member number, and a replica that lost its
		// disk leaves an older row behind.
		last := rows[len(rows)-1]
		members = append(members, member{host, read.rows[last]})
		for _, i := range rows {
			taken[i] = t.Exact || i == last
		}
	}
	for i, r := range read.rows {
		switch {
		case taken[i]:
		case t.Exact:
			problems = append(problems, stranger(t, r))
		case alive(t, r):
			members = append(members, member{row: r})
		}
	}
	return members, problems
}

func stranger(t kustomize.Table, r row) string {
	if key := r.text(t.Key); key != "" {
		return fmt.Sprintf("%s is among the %s and is none of the replicas", shorten(key), t.Name)
	}
	return fmt.Sprintf("one of the %s has no %s: it is none of the replicas", t.Name, t.Key)
}

// alive tells whether a row's True columns are all true. Rows that are neither
// expected nor alive are former members: their figures are those of the moment at which
// they died, and what is missing because of them shows in the figures of the living.
func alive(t kustomize.Table, r row) bool {
	return !slices.ContainsFunc(t.True, func(column string) bool { return !r.isTrue(column) })
}

// broken are the rules of a single row that the member breaks.
func (m member) broken(t kustomize.Table) []string {
	var out []string
	for _, column := range t.True {
		if !m.row.isTrue(column) {
			out = append(out, m.sentence(t, column))
		}
	}
	for _, column := range t.Empty {
		if !m.row.isEmpty(column) {
			out = append(out, m.sentence(t, column))
		}
	}
	return out
}

func (m member) sentence(t kustomize.Table, column string) string {
	text := fmt.Sprintf("%s: %s is %s", m.name(t), column, m.row.quoted(column))
	if words := t.Words[column]; words != "" {
		text = m.name(t) + " " + words
	}
	if because := m.row.text(t.Because); t.Because != "" && because != "" {
		text += " (" + shorten(because) + ")"
	}
	return text
}

// nonZero says that a column's figures over the members' rows are not all zero.
func nonZero(column string, members []member) string {
	sum := 0
	for _, m := range members {
		n, ok := m.row.figure(column)
		if !ok {
			return fmt.Sprintf("%s is %s, no number", column, m.row.quoted(column))
		}
		sum = max(sum, sum+n) // never wraps round to zero
	}
	if sum != 0 {
		return fmt.Sprintf("%s is %d", column, sum)
	}
	return ""
}

// disagree says that the members do not hold one value in a column, or that one holds none.
func disagree(t kustomize.Table, column string, members []member) string {
	what := t.Words[column]
	if what == "" {
		what = column
	}
	var said []string
	values := map[string]bool{}
	for _, m := range members {
		value := m.row.text(column)
		if value == "" || value == "0" {
			return fmt.Sprintf("%s does not know %s", m.name(t), what)
		}
		values[value] = true
		said = append(said, m.name(t)+" says "+shorten(value))
	}
	if len(values) <= 1 {
		return ""
	}
	return fmt.Sprintf("they do not agree on %s: %s", what, strings.Join(said, ", "))
}

// clusterView is what one cluster's answer says of the columns that must be the same everywhere.
type clusterView struct {
	cluster string
	rows    map[string]string // key → the columns in words
}

// disagreements says how the clusters' answers differ.
func disagreements(t kustomize.Table, views []clusterView) []string {
	if len(t.Same) == 0 {
		return nil
	}
	keys := map[string]bool{}
	for _, v := range views {
		for key := range v.rows {
			keys[key] = true
		}
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		var said []string
		versions := map[string]bool{}
		for _, v := range views {
			text, listed := v.rows[key]
			if !listed {
				text = "it is none"
			}
			versions[text] = true
			said = append(said, v.cluster+" says "+text)
		}
		if len(versions) > 1 {
			out = append(out, fmt.Sprintf("the regions disagree about the %s: of %s %s", t.Name, shorten(key), strings.Join(said, ", ")))
		}
	}
	return out
}
