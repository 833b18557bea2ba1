//go:build !linux

package rfc2136

import (
	"io"
	"net"
)

// promptly reads from a connection.
func promptly(conn net.Conn) io.Reader { return conn }
