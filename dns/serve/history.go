package serve

import (
	"iter"
	"slices"
	"sync/atomic"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// transferCounters count transfers.
type transferCounters struct{ full, incremental, refused atomic.Uint64 }

func (c *transferCounters) sent(incremental bool) {
	if incremental {
		c.incremental.Add(1)
	} else {
		c.full.Add(1)
	}
}

const (
	// keptDiffs is how many changes are kept for secondaries that ask for what changed.
	keptDiffs = 100
	// keptRecords is how many records they may hold together, or as many as the zone has.
	keptRecords = 4096
)

// diff is what changed between two serials: sets of single values where only some of a set's changed.
type diff struct {
	from, to uint32
	gone     []dns.RecordSet
	added    []dns.RecordSet
}

// records is how many a diff holds.
func (d diff) records() (n int) {
	for _, s := range slices.Concat(d.gone, d.added) {
		n += len(s.Values)
	}
	return n
}

// difference is what turns the records of the one snapshot into those of the other.
func difference(old, next *snapshot) diff {
	d := diff{from: old.serial, to: next.serial}
	a, b := old.sets, next.sets
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && compareSets(a[0], b[0]) < 0:
			d.gone, a = append(d.gone, a[0]), a[1:]
		case len(a) == 0 || compareSets(a[0], b[0]) > 0:
			d.added, b = append(d.added, b[0]), b[1:]
		default:
			d.compare(a[0], b[0])
			a, b = a[1:], b[1:]
		}
	}
	return d
}

// compare adds what differs in a set.
func (d *diff) compare(old, next dns.RecordSet) {
	if sameSet(old, next) {
		return
	}
	gone, added := old, next
	if old.TTL == next.TTL {
		gone.Values, added.Values = without(old.Values, next.Values), without(next.Values, old.Values)
	}
	if len(gone.Values) > 0 {
		d.gone = append(d.gone, gone)
	}
	if len(added.Values) > 0 {
		d.added = append(d.added, added)
	}
}

// without are the values of the one list that are not in the other; both are sorted.
func without(values, other []string) []string {
	var out []string
	for _, v := range values {
		if _, found := slices.BinarySearch(other, v); !found {
			out = append(out, v)
		}
	}
	return out
}

// remember keeps what changed between two complete snapshots. What is kept holds not many more records than the zone:
// the zone itself would be the shorter answer. Slices are never changed once they are stored.
func remember(history []diff, old, next *snapshot) []diff {
	if !old.complete() || !next.complete() {
		return nil
	}
	history = append(slices.Clip(history), difference(old, next))
	if len(history) > keptDiffs {
		history = history[len(history)-keptDiffs:]
	}
	most, count := max(keptRecords, next.recordCount()), 0
	for i, step := range slices.Backward(history) {
		if count += step.records(); count > most {
			return slices.Clone(history[i+1:])
		}
	}
	return slices.Clone(history)
}

func (s *snapshot) recordCount() (n int) {
	for _, set := range s.sets {
		n += len(set.Values)
	}
	return n
}

// whole are the records of a full transfer: the SOA first and last.
func (s *snapshot) whole() iter.Seq[mdns.RR] {
	return func(yield func(mdns.RR) bool) {
		_ = yield(s.soa(apexTTL)) && yieldSets(s.sets, yield) && yield(s.soa(apexTTL))
	}
}

// since are the records that bring a secondary from a serial to the snapshot's, and whether they are less than the zone
// (RFC 1995 §4): the SOA alone where it is there already.
func (z *Zone) since(s *snapshot, serial uint32) (iter.Seq[mdns.RR], bool) {
	if !serialLess(serial, s.serial) {
		return func(yield func(mdns.RR) bool) { yield(s.soa(apexTTL)) }, true
	}
	from := slices.IndexFunc(s.history, func(d diff) bool { return d.from == serial })
	if from < 0 {
		return s.whole(), false
	}
	return func(yield func(mdns.RR) bool) {
		if !yield(s.soa(apexTTL)) {
			return
		}
		for _, d := range s.history[from:] {
			if !yield(s.soaAt(d.from)) || !yieldSets(d.gone, yield) || !yield(s.soaAt(d.to)) || !yieldSets(d.added, yield) {
				return
			}
		}
		yield(s.soa(apexTTL))
	}, true
}

func (s *snapshot) soaAt(serial uint32) mdns.RR {
	soa := s.soa(apexTTL)
	soa.Serial = serial
	return soa
}

// yieldSets gives the records of sets one by one; false where no more are wanted.
func yieldSets(sets []dns.RecordSet, yield func(mdns.RR) bool) bool {
	for _, s := range sets {
		rrtype, ok := typeOf(s.Type)
		if !ok {
			continue
		}
		var space [64]byte
		for _, value := range s.Values {
			data, ok := appendData(space[:0], rrtype, value)
			if !ok {
				continue
			}
			header := mdns.RR_Header{Name: s.Name, Rrtype: rrtype, Class: mdns.ClassINET, Ttl: uint32(s.TTL), Rdlength: uint16(len(data))} //nolint:gosec // both are small
			rr, _, err := mdns.UnpackRRWithHeader(header, data, 0)
			if err == nil && !yield(rr) {
				return false
			}
		}
	}
	return true
}
