// Package processes finds and ends the processes of a sandbox, also those that a crash left
// without anybody who knows them.
package processes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a running process and its command line.
type Process struct {
	PID  int
	Args []string
}

// Name is the base name of the process's executable as it was called.
func (p Process) Name() string {
	if len(p.Args) == 0 {
		return ""
	}
	return filepath.Base(p.Args[0])
}

// Under gives the processes that were started for files below dir: those with an argument that names
// a path there and one of these base names. Sorted by process id.
func Under(dir string, names ...string) ([]Process, error) {
	all, err := list()
	if err != nil {
		return nil, fmt.Errorf("look for processes of %s: %w", dir, err)
	}
	prefix := filepath.Clean(dir) + string(filepath.Separator)
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var found []Process
	for _, process := range all {
		if process.PID != os.Getpid() && wanted[process.Name()] && mentions(process.Args, prefix) {
			found = append(found, process)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].PID < found[j].PID })
	return found, nil
}

// mentions tells whether any argument contains the path prefix, as in --data-dir=/path.
func mentions(args []string, prefix string) bool {
	for _, arg := range args {
		if strings.Contains(arg, prefix) {
			return true
		}
	}
	return false
}

// list gives all processes: from /proc where there is one, else from ps.
func list() ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil || len(entries) == 0 {
		return listByPS()
	}
	var all []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if args := arguments(pid); args != nil {
			all = append(all, Process{PID: pid, Args: args})
		}
	}
	return all, nil
}

// arguments is the command line of a process by /proc, nil where it has none: it ended meanwhile, or is
// a kernel thread or a zombie.
func arguments(pid int) []string {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
}

// Runs tells, by /proc, whether its pid is still that of this process: one whose command line is
// another is another process. One that is ending has no command line any more and may still run.
func (p Process) Runs() bool {
	now := arguments(p.PID)
	return now == nil || slices.Equal(now, p.Args)
}

// listByPS serves systems without /proc, such as macOS.
func listByPS() ([]Process, error) {
	out, err := exec.Command("ps", "-axww", "-o", "pid=,args=").Output()
	if err != nil {
		return nil, fmt.Errorf("ps: %w", err)
	}
	var all []Process
	for line := range strings.SplitSeq(string(out), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if pid, err := strconv.Atoi(fields[0]); err == nil {
			all = append(all, Process{PID: pid, Args: fields[1:]})
		}
	}
	return all, nil
}

// endPoll is how often an ending process is looked at: a process that is no child cannot be waited for.
const endPoll = 20 * time.Millisecond

// End stops the processes that find gives, again and again until it gives none: first asked to, then,
// after grace, killed. It fails when ctx ends while some still run.
func End(ctx context.Context, grace time.Duration, find func() ([]Process, error)) error {
	deadline := time.Now().Add(grace)
	ticker := time.NewTicker(endPoll)
	defer ticker.Stop()
	asked := map[int]bool{}
	for {
		running, err := find()
		if err != nil || len(running) == 0 {
			return err
		}
		for _, process := range running {
			signal := syscall.SIGTERM
			if grace == 0 || time.Now().After(deadline) {
				signal = syscall.SIGKILL
			} else if asked[process.PID] {
				continue
			}
			asked[process.PID] = true
			if err := syscall.Kill(process.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end %s (pid %d): %w", process.Name(), process.PID, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d processes to end, the first %s (pid %d): %w", len(running), running[0].Name(), running[0].PID, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
