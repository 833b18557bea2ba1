package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"quorate.dev/quorate/dns/sync"
)

// writerHealthTimeout bounds how long a request for the writer's health may take to arrive.
const writerHealthTimeout = 5 * time.Second

// serveWriterHealth answers probes and metrics on the listener until ctx is done.
func serveWriterHealth(ctx context.Context, listener net.Listener, writer *sync.Writer) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := writer.Status().Waiting; err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		fmt.Fprint(w, writerMetrics(writer.Status()))
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: writerHealthTimeout}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("probes on %s are not answered any more: %w", listener.Addr(), err)
	}
	return nil
}

// metric is one family of the writer's metrics, with a value for each zone.
type metric struct {
	name, kind, help string
	value            func(sync.ZoneStatus) float64
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func metrics() []metric {
	return []metric{
		{"quorate_dns_zone_right", "gauge", "1 while the zone is known to hold what the clusters call for.", func(z sync.ZoneStatus) float64 { return truth(z.Err == nil && !z.LastRight.IsZero()) }},
		{"quorate_dns_zone_last_read_timestamp_seconds", "gauge", "When the zone was last read.", func(z sync.ZoneStatus) float64 { return seconds(z.LastRead) }},
		{"quorate_dns_zone_last_right_timestamp_seconds", "gauge", "When the zone was last known to hold what is wanted.", func(z sync.ZoneStatus) float64 { return seconds(z.LastRight) }},
		{"quorate_dns_zone_changes_total", "counter", "Record sets that were written.", func(z sync.ZoneStatus) float64 { return float64(z.Changed) }},
		{"quorate_dns_zone_conflicts_total", "counter", "Names that another hand had changed first.", func(z sync.ZoneStatus) float64 { return float64(z.Conflicts) }},
		{"quorate_dns_zone_drift_total", "counter", "Names that another hand was found to have changed.", func(z sync.ZoneStatus) float64 { return float64(z.Drift) }},
		{"quorate_dns_zone_failures_total", "counter", "Readings and writings that failed.", func(z sync.ZoneStatus) float64 { return float64(z.Failures) }},
		{"quorate_dns_zone_obstacles", "gauge", "Names that cannot be published.", func(z sync.ZoneStatus) float64 { return float64(z.Obstacles) }},
		{"quorate_dns_zone_withheld_deletes", "gauge", "Names whose deletion the cap refuses.", func(z sync.ZoneStatus) float64 { return float64(z.Withheld) }},
	}
}

// writerMetrics is the text format of Prometheus, version 0.0.4.
func writerMetrics(status sync.Status) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# HELP quorate_dns_writer_leading 1 while this process writes.\n# TYPE quorate_dns_writer_leading gauge\nquorate_dns_writer_leading %g\n", truth(status.Leading))
	for _, m := range metrics() {
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		for _, z := range status.Zones {
			fmt.Fprintf(&out, "%s{server=%q,zone=%q} %s\n", m.name, z.Server, z.Zone, strconv.FormatFloat(m.value(z), 'f', -1, 64))
		}
	}
	return out.String()
}
