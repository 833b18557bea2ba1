package serve

import (
	"net/http"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// SetDrift notes how many record sets of the zone elsewhere differ from what is wanted, for whoever publishes what this
// server knows. It is 0 for a server that answers itself.
func (s *Server) SetDrift(sets int) { s.drift.Store(int64(sets)) }

// Metrics answers with the server's figures in Prometheus' text format. Whoever asks adds them up: answering
// queries takes no lock for them.
func (s *Server) Metrics() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
		for _, family := range s.families() {
			if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
				s.log.Debug("the metrics could not be sent", "error", err)
				return
			}
		}
	})
}

// families are all figures, sorted by name.
func (s *Server) families() []*dto.MetricFamily {
	view, _ := s.View()
	out := slices.Concat(s.queryFamilies(), s.clusterFamilies(), s.transferFamilies(), []*dto.MetricFamily{
		gauge("quorate_dns_zone_serial", "Serial of the zone's SOA.", sample(float64(view.Serial))),
		gauge("quorate_dns_zone_record_sets", "Record sets of the deployment that are served.", sample(float64(len(view.Records)))),
		gauge("quorate_dns_zone_names", "Names that the topology declares.", sample(float64(len(view.Names)))),
		gauge("quorate_dns_drift_record_sets", "Record sets of a zone elsewhere that differ from what is wanted.", sample(float64(s.drift.Load()))),
		gauge("quorate_dns_tcp_connections", "TCP connections that are open.", sample(float64(s.connections()))),
	})
	if saved := s.saved.Load(); saved != 0 {
		out = append(out, gauge("quorate_dns_state_saved_timestamp_seconds", "When the last known state was last kept.", sample(float64(saved))))
	}
	out = slices.DeleteFunc(out, func(f *dto.MetricFamily) bool { return len(f.Metric) == 0 }) // such as notifies, where there is nobody to tell
	slices.SortFunc(out, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out
}

// queryFamilies are the queries and what was dropped, over all listeners.
func (s *Server) queryFamilies() []*dto.MetricFamily {
	s.mu.Lock()
	readers := slices.Clone(s.counters)
	s.mu.Unlock()
	total := new(counters)
	for _, c := range readers {
		total.add(c)
	}
	queries := counter("quorate_dns_queries_total", "Queries that were answered.")
	for transport, types := range [...]string{UDP: "udp", TCP: "tcp"} {
		for t := range total.queries[transport] {
			for r := range total.queries[transport][t] {
				if n := total.queries[transport][t][r].Load(); n > 0 {
					queries.Metric = append(queries.Metric, sample(float64(n), "transport", types, "type", typeLabel(t), "rcode", rcodeLabel(r)))
				}
			}
		}
	}
	drops := counter("quorate_dns_dropped_total", "Queries and connections that were not answered as asked: over a limit, or no queries.")
	for why := range dropReasons {
		drops.Metric = append(drops.Metric, sample(float64(total.drops[why].Load()), "reason", dropReason(why).String()))
	}
	return []*dto.MetricFamily{queries, drops}
}

func typeLabel(i int) string {
	if i == len(countedTypes) {
		return "other"
	}
	return mdns.TypeToString[countedTypes[i]]
}

func rcodeLabel(i int) string {
	if i == len(countedRcodes) {
		return "other"
	}
	return mdns.RcodeToString[countedRcodes[i]]
}

// clusterFamilies are how well each cluster is known.
func (s *Server) clusterFamilies() []*dto.MetricFamily {
	synced := gauge("quorate_dns_cluster_synced", "Whether the cluster was read by this process (1), so that its names are not those last known or unknown (0).")
	watched := gauge("quorate_dns_cluster_watched", "Whether the cluster is watched now (1) or does not answer (0).")
	contact := gauge("quorate_dns_cluster_last_contact_timestamp_seconds", "When the cluster's API server last told anything; of another run, where it was not read yet.")
	age := gauge("quorate_dns_cluster_last_contact_age_seconds", "How long ago that was.")
	pods := gauge("quorate_dns_cluster_pods", "Pods of the cluster with an address, as last known.")
	for _, c := range s.Status() {
		add := func(f *dto.MetricFamily, v float64) { f.Metric = append(f.Metric, sample(v, "cluster", c.Cluster)) }
		add(synced, truth(c.Synced))
		add(watched, truth(c.Synced && c.Err == nil))
		add(pods, float64(c.Pods))
		if at := c.lastKnown(); !at.IsZero() {
			add(contact, float64(at.UnixMilli())/float64(time.Second/time.Millisecond))
			add(age, max(0, s.now().Sub(at).Seconds()))
		}
	}
	return []*dto.MetricFamily{synced, watched, contact, age, pods}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// transferFamilies are the transfers to secondaries, and what they were told.
func (s *Server) transferFamilies() []*dto.MetricFamily {
	c := s.transfers.counters
	transfers := counter("quorate_dns_transfers_total", "Transfers of the zone to secondaries.",
		sample(float64(c.full.Load()), "kind", "full"), sample(float64(c.incremental.Load()), "kind", "incremental"),
		sample(float64(c.refused.Load()), "kind", "refused"))
	notifies := counter("quorate_dns_notifies_total", "Notifies to secondaries.")
	for _, n := range s.notifiers {
		notifies.Metric = append(notifies.Metric,
			sample(float64(n.acknowledged.Load()), "secondary", n.target.Address, "result", "acknowledged"),
			sample(float64(n.failed.Load()), "secondary", n.target.Address, "result", "failed"))
	}
	return []*dto.MetricFamily{transfers, notifies}
}

// connections counts the TCP connections of all listeners.
func (s *Server) connections() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		if tcp, ok := l.(*streams); ok {
			n += tcp.count()
		}
	}
	return n
}

// count is how many connections are open.
func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func counter(name, help string, samples ...*dto.Metric) *dto.MetricFamily {
	return &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_COUNTER.Enum(), Metric: samples}
}

func gauge(name, help string, samples ...*dto.Metric) *dto.MetricFamily {
	return &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum(), Metric: samples}
}

// sample is a figure with its labels, names and values in turn.
func sample(value float64, labels ...string) *dto.Metric {
	m := &dto.Metric{Counter: &dto.Counter{Value: &value}, Gauge: &dto.Gauge{Value: &value}}
	for pair := range slices.Chunk(labels, 2) {
		m.Label = append(m.Label, &dto.LabelPair{Name: &pair[0], Value: &pair[1]})
	}
	return m
}
