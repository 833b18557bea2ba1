package kustomize

import (
	"fmt"
	"strconv"
	"strings"
)

// Handover moves the leadership of a database away from a replica that is about to
// be restarted, so that its clients do not wait for an election.
type Handover struct {
	// Ask asks a replica, inside its own container, which member it is and who leads.
	Ask Ask `yaml:"ask"`
	// Move makes another member the leader; it runs in the leader's container.
	// {target} in its Argv is the member as Ask reads it, {target:hex} the same number in hexadecimal.
	Move Hook `yaml:"move"`
}

// Ask is a command whose JSON answer tells of the replica that it runs in. It holds
// a list of one row, as in Table.
type Ask struct {
	Hook `yaml:",inline"`
	Rows string `yaml:"rows"`
	// Member and Leader are columns, as in Table: the member that the replica is, and
	// the one that it follows. It leads where both are equal. Leader is left out,
	// zero or empty where there is none.
	Member string `yaml:"member"`
	Leader string `yaml:"leader"`
}

// The forms of the member that a handover is about, in an argument vector.
const (
	blankTarget    = "{target}"
	blankTargetHex = "{target:hex}"
)

// CommandFor is the argument vector about one member, run on the replica of that
// stable name. It fails where the member should be written in hexadecimal and is no
// number of 64 bits.
func (h Hook) CommandFor(host string, port int, member string) ([]string, error) {
	hex := ""
	if strings.Contains(strings.Join(h.Argv, "\x00"), blankTargetHex) {
		n, err := strconv.ParseUint(member, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("write member %q in hexadecimal for %q: %w", member, strings.Join(h.Argv, " "), err)
		}
		hex = strconv.FormatUint(n, 16)
	}
	argv := h.Command(host, port)
	for i := range argv {
		argv[i] = strings.NewReplacer(blankTargetHex, hex, blankTarget, member).Replace(argv[i])
	}
	return argv, nil
}

func (h Handover) check(place string, port int) []error {
	errs := h.Ask.Hook.check(place+".ask", port)
	if h.Ask.Member == "" || h.Ask.Leader == "" {
		errs = append(errs, fmt.Errorf("%s.ask: member and leader are both needed", place))
	}
	errs = append(errs, h.Move.checkAbout(place+".move", port)...)
	if !strings.Contains(strings.Join(h.Move.Argv, " "), "{target") {
		errs = append(errs, fmt.Errorf("%s.move.argv: %s is missing: nothing says to whom leadership moves", place, blankTarget))
	}
	return errs
}

// checkAbout checks a hook that is about a member.
func (h Hook) checkAbout(place string, port int) []error {
	plain := h
	plain.Argv = make([]string, len(h.Argv))
	for i, arg := range h.Argv {
		plain.Argv[i] = strings.NewReplacer(blankTargetHex, "", blankTarget, "").Replace(arg)
	}
	return plain.check(place, port)
}
