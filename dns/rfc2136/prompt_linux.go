package rfc2136

import (
	"io"
	"net"
	"syscall"
)

// promptly reads from a connection so that what comes is acknowledged at once. A server that does not turn
// Nagle's algorithm off sends the second of two small answers only when the first was acknowledged, and that
// may take 40 ms (RFC 896, RFC 1122 §4.2.3.2; BIND 9.18 does so).
func promptly(conn net.Conn) io.Reader {
	if tcp, ok := conn.(syscall.Conn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			return &promptReader{conn: conn, raw: raw}
		}
	}
	return conn
}

type promptReader struct {
	conn net.Conn
	raw  syscall.RawConn
}

// Read asks for prompt acknowledgement each time, since the kernel forgets it (tcp(7), TCP_QUICKACK).
func (r *promptReader) Read(b []byte) (int, error) {
	_ = r.raw.Control(func(fd uintptr) { // without it reading is slower, not wrong
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
	return r.conn.Read(b)
}
