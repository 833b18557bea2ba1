package serve

import (
	"slices"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// View is what a Server knows at one moment, consistent in itself: all of it follows from the
// same reading of the clusters. It is for those that make records true elsewhere (a
// publisher that follows the clusters) and must not be changed.
type View struct {
	Topology  *regions.Topology
	Slots     []regions.ReplicaID // behind the seed names, slot 0 first
	Ports     []dns.Port          // that have SRV records
	Endpoints []dns.Endpoint      // the pods of all clusters, as last known, in the order of the sources
	Names     []dns.Name          // dns.Names of the topology and the slots
	Records   []dns.RecordSet     // dns.Desired of these, sorted by name and type
	// Unread are the clusters that were not read by this process, sorted: what Endpoints holds
	// of them, if anything, is what another run knew (see Restored).
	Unread []string
	// Restored are those of Unread whose pods come from the last known state, and when they were known.
	Restored map[string]time.Time
	Serial   uint32 // of the zone with these records
}

// Complete tells whether the cluster's pods were read by this process.
func (v View) Complete() bool { return len(v.Unread) == 0 }

// View is what is known now, and a channel that is closed once something of it changed. It needs no
// listener: whoever wants no more than watches of all clusters calls New and Run, and this.
func (s *Server) View() (View, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view, s.replaced
}

// Changed is a channel that is closed at the next change of what View gives. To miss none, use the one that View returns.
func (s *Server) Changed() <-chan struct{} {
	_, replaced := s.View()
	return replaced
}

// show makes the present contents the view; the caller holds mu, or is alone.
func (s *Server) show(c Contents) {
	next := s.zone.view(c)
	if s.replaced != nil && next.same(s.view) {
		return
	}
	s.view = next
	if s.replaced != nil {
		close(s.replaced)
	}
	s.replaced = make(chan struct{})
}

// view is what the zone, which was just updated with them, makes of the contents.
func (z *Zone) view(c Contents) View {
	current := z.current.Load()
	v := View{
		Topology: c.Topology, Slots: c.Slots, Ports: c.Ports, Endpoints: c.Endpoints,
		Names: current.declared, Records: current.records, Serial: current.serial,
		Unread: slices.Clone(c.Unread), Restored: c.Restored,
	}
	for cluster := range c.Restored {
		v.Unread = append(v.Unread, cluster)
	}
	slices.Sort(v.Unread)
	return v
}

// same tells whether nobody who looked at the one would do anything else at the other.
func (v View) same(other View) bool {
	return v.Serial == other.Serial && v.Topology == other.Topology && slices.Equal(v.Slots, other.Slots) &&
		slices.Equal(v.Unread, other.Unread) && len(v.Restored) == len(other.Restored)
}
