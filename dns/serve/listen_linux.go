package serve

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// sharesPorts: several sockets may be bound to one port, and the system spreads what comes over them.
const sharesPorts = true

// shared allows that. Another process of the same user could join them, which the TCP socket, bound first and alone, rules out.
func shared(_, _ string, conn syscall.RawConn) error {
	var err error
	outer := conn.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }) //nolint:gosec // a descriptor is small
	return errors.Join(outer, err)
}
