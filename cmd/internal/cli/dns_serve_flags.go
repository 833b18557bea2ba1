package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// flagProblems are all that is wrong with the flags of a standing authority that can be told before anything is asked.
func (o inClusterOptions) flagProblems() error {
	return errors.Join(
		hostPort("--listen", o.listen, "127.0.0.1:5300"),
		hostPort("--health", o.health, "127.0.0.1:8080"),
		o.standing.keeps(),
	)
}

// hostPort checks an address that is listened on; empty: none.
func hostPort(flag, address, example string) error {
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%s %q is not host:port, such as %s", flag, address, example)
	}
	return nil
}

// stateBegins is how a file begins that --state names: written by serve, whole.
const stateBegins = `{"format_version":`

// keeps tells why the file of --state cannot be meant: its directory is not there, or it holds something else, which would be
// replaced.
func (o standingOptions) keeps() error {
	if o.state == "" {
		return nil
	}
	if info, err := os.Stat(filepath.Dir(o.state)); err != nil || !info.IsDir() {
		return fmt.Errorf("--state %s: there is no directory %s", o.state, filepath.Dir(o.state))
	}
	file, err := os.Open(o.state)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--state %s: %w", o.state, err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	head := make([]byte, len(stateBegins))
	n, err := io.ReadFull(file, head)
	switch {
	case errors.Is(err, io.EOF): // an empty file is as good as none
		return nil
	case err != nil && n == 0:
		return fmt.Errorf("--state %s: %w", o.state, err)
	case string(head) != stateBegins:
		return fmt.Errorf("--state %s holds something else than the state of quorate dns serve, and would be replaced: name another file", o.state)
	}
	return nil
}
