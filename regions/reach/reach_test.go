package reach

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// free is a port that nobody listens on.
func free(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func TestRoundTripToAListener(t *testing.T) {
	t.Parallel()
	port := free(t)
	ctx, cancel := context.WithCancel(t.Context())
	open, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- Listen(ctx, []int{port}, func() { close(open) }) }()
	select {
	case <-open:
	case err := <-ended:
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	trip, err := RoundTrip(t.Context(), address, 3, time.Second, time.Now)
	if err != nil || trip <= 0 || trip > time.Second {
		t.Errorf("%v, %v", trip, err)
	}
	if err := Listen(t.Context(), []int{port}, func() { t.Error("it listens on a port that is taken") }); err == nil || !strings.Contains(err.Error(), "listen on port "+strconv.Itoa(port)) {
		t.Errorf("a port that is taken: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("after the end: %v", err)
	}
	if _, err := RoundTrip(t.Context(), address, 2, time.Second, time.Now); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("where nobody listens: %v", err)
	}
}

// The fastest of the attempts counts, by the clock that is passed in.
func TestTheFastestCounts(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	at := time.Unix(0, 0)
	steps := []time.Duration{0, 30, 0, 10, 0, 20} // before and after each attempt
	now := func() time.Time {
		at = at.Add(steps[0] * time.Millisecond)
		steps = steps[1:]
		return at
	}
	if trip, err := RoundTrip(t.Context(), l.Addr().String(), 3, time.Second, now); trip != 10*time.Millisecond {
		t.Errorf("%v, %v", trip, err)
	}
}
