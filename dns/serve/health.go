package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthTimeout bounds how long a probe's request may take to arrive.
const healthTimeout = 5 * time.Second

// Health answers probes over HTTP: GET /livez with 200 while the process answers at all, GET
// /readyz with 200 while ready gives nil, and else with 503 and the reason, and GET /metrics as metrics does, where it is not nil.
func Health(ready func() error, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return mux
}

// ListenHealth binds host:port for ServeHealth.
func ListenHealth(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("name server: cannot answer probes on %s: %w", address, err)
	}
	return listener, nil
}

// ServeHealth answers probes, and with metrics where they are not nil, on the listener until ctx is done, then closes it and returns nil.
func ServeHealth(ctx context.Context, listener net.Listener, ready func() error, metrics http.Handler) error {
	server := &http.Server{Handler: Health(ready, metrics), ReadHeaderTimeout: healthTimeout}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("name server: probes on %s are not answered any more: %w", listener.Addr(), err)
	}
	return nil
}
