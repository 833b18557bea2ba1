// Package reach finds out whether TCP connections can be opened, and how long that takes. It runs inside pods, where
// preflight looks at the network as the database will see it.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Listen accepts connections on all addresses of this machine at the ports, and closes each at once, until ctx ends.
// listening is called when all of them are open. An error names the port that cannot be listened on.
func Listen(ctx context.Context, ports []int, listening func()) error {
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			_ = l.Close() // nothing is in flight that anybody waits for
		}
	}()
	for _, port := range ports {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort("", strconv.Itoa(port)))
		if err != nil {
			return fmt.Errorf("listen on port %d: %w", port, err)
		}
		listeners = append(listeners, l)
	}
	listening()
	stop := context.AfterFunc(ctx, func() {
		for _, l := range listeners {
			_ = l.Close() // Accept ends by it
		}
	})
	defer stop()
	errs := make([]error, len(listeners))
	var group sync.WaitGroup
	for i, l := range listeners {
		group.Go(func() { errs[i] = accept(ctx, l) })
	}
	group.Wait()
	return errors.Join(errs...)
}

func accept(ctx context.Context, l net.Listener) error {
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("accept at %s: %w", l.Addr(), err)
		}
		_ = conn.Close() // that it could be opened is all that is asked
	}
}

// RoundTrip opens a TCP connection to host:port several times, one after the other, each within the limit, and gives the time of the
// fastest: a handshake is one round trip (RFC 9293 section 3.5), and the fastest waited least in queues. host is an address, since
// looking up a name would be timed too. The error is the last one, where no attempt succeeded.
func RoundTrip(ctx context.Context, address string, attempts int, limit time.Duration, now func() time.Time) (time.Duration, error) {
	var trips []time.Duration
	var last error
	for range attempts {
		trip, err := handshake(ctx, address, limit, now)
		if err != nil {
			last = err
			if ctx.Err() != nil {
				break
			}
			continue
		}
		trips = append(trips, trip)
	}
	if len(trips) == 0 {
		return 0, last
	}
	return slices.Min(trips), nil
}

func handshake(ctx context.Context, address string, limit time.Duration, now func() time.Time) (time.Duration, error) {
	dialer := net.Dialer{Timeout: limit}
	before := now()
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	trip := now().Sub(before)
	return trip, conn.Close()
}
