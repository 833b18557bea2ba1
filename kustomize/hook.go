package kustomize

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Hook is a command run inside the database's container: an argument vector,
// never a shell. In Argv, {host} is the replica's stable name without the final
// dot, {pod} and {cluster} the first and the second label of it, and {port} the
// profile's SeedPort.
type Hook struct {
	Argv []string `yaml:"argv"`
	// AlreadyDone is a regular expression; output that matches it means success,
	// whatever the exit code.
	AlreadyDone string `yaml:"alreadyDone"`
	// Value is a regular expression whose one group is what the hook reads from the output.
	Value string `yaml:"value"`
	// Timeout is a Go duration.
	Timeout string `yaml:"timeout"`
}

// Command is the argument vector for one replica: host is its stable name, with
// or without the final dot.
func (h Hook) Command(host string, port int) []string { return expandAll(h.Argv, host, port) }

// TimeoutDuration is Timeout, valid in a profile from LoadProfile.
func (h Hook) TimeoutDuration() time.Duration { return mustDuration(h.Timeout) }

// Done tells whether the output says that the hook's work was already done.
func (h Hook) Done(output string) bool {
	if h.AlreadyDone == "" {
		return false
	}
	re, err := regexp.Compile(h.AlreadyDone)
	return err == nil && re.MatchString(output)
}

// Extract is the value that the hook reads from its output.
func (h Hook) Extract(output string) (string, error) {
	re, err := regexp.Compile(h.Value)
	if err != nil {
		return "", fmt.Errorf("compile the expression of %q: %w", strings.Join(h.Argv, " "), err)
	}
	m := re.FindStringSubmatch(output)
	if len(m) != 2 {
		return "", fmt.Errorf("the output of %q holds no value of the form %s: %q", strings.Join(h.Argv, " "), h.Value, output)
	}
	return m[1], nil
}

func (h Hook) check(place string, port int) []error {
	errs := checkCommand(place, h.Argv, h.Timeout, port)
	if _, err := regexp.Compile(h.AlreadyDone); err != nil {
		errs = append(errs, fmt.Errorf("%s.alreadyDone: %w", place, err))
	}
	re, err := regexp.Compile(h.Value)
	switch {
	case err != nil:
		errs = append(errs, fmt.Errorf("%s.value: %w", place, err))
	case h.Value != "" && re.NumSubexp() != 1:
		errs = append(errs, fmt.Errorf("%s.value: %s must have exactly one group", place, h.Value))
	}
	return errs
}

// checkCommand checks what hooks and gates have in common.
func checkCommand(place string, argv []string, timeout string, port int) []error {
	var errs []error
	if len(argv) == 0 {
		errs = append(errs, fmt.Errorf("%s.argv is empty", place))
	}
	for i, arg := range argv {
		errs = append(errs, checkPlaceholders(fmt.Sprintf("%s.argv[%d]", place, i), arg, port)...)
	}
	return append(errs, checkDuration(place+".timeout", timeout)...)
}

func checkDuration(place, value string) []error {
	if d, err := time.ParseDuration(value); err != nil || d <= 0 {
		return []error{fmt.Errorf("%s: %q is not a positive duration such as 30s", place, value)}
	}
	return nil
}

func checkPlaceholders(place, s string, port int) []error {
	rest := expand(s, "", 0)
	if strings.ContainsAny(rest, "{}") {
		return []error{fmt.Errorf("%s: %q holds a placeholder other than {host}, {pod}, {cluster} and {port}", place, s)}
	}
	if strings.Contains(s, "{port}") && port == 0 {
		return []error{errors.New(place + ": {port} is used but seedPort is not set")}
	}
	return nil
}

func expandAll(argv []string, host string, port int) []string {
	out := make([]string, len(argv))
	for i, arg := range argv {
		out[i] = expand(arg, host, port)
	}
	return out
}

func expand(s, host string, port int) string {
	host = strings.TrimSuffix(host, ".")
	pod, rest, _ := strings.Cut(host, ".")
	cluster, _, _ := strings.Cut(rest, ".")
	return strings.NewReplacer("{host}", host, "{pod}", pod, "{cluster}", cluster, "{port}", strconv.Itoa(port)).Replace(s)
}

// mustDuration reads a duration that check has accepted; 0 for any other.
func mustDuration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0
	}
	return d
}
