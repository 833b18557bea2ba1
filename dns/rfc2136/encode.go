package rfc2136

import (
	"fmt"
	"math"
	"slices"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// item is a change set on its way.
type item struct {
	at      int // its place in the call
	name    string
	fresh   bool
	changes []dns.Change // canonical names, values as a server prints them

	prerequisites, deletes, adds []mdns.RR
	size                         int // the most that it adds to a message, in bytes

	unknown bool // it was sent last, and the outcome is not known
	lost    bool // an outcome was not known once: the zone may hold it already
}

// encode makes records of a change set. Its names must be the set's own and that of its ownership record, inside the zone.
func encode(zone string, at int, set dns.ChangeSet) (*item, error) {
	it := &item{at: at, name: dns.Canonical(set.Name), fresh: set.Fresh}
	for _, c := range set.Changes {
		c.Name = dns.Canonical(c.Name)
		if !set.Belongs(c.Name) {
			return nil, fmt.Errorf("the change set of %s holds a change of %s", set.Name, c.Name)
		}
		if err := checkName(zone, c.Name); err != nil {
			return nil, err
		}
		if err := it.add(c); err != nil {
			return nil, err
		}
	}
	if it.fresh && len(it.changes) > 0 {
		it.prerequisites = append([]mdns.RR{absent(it.name, mdns.TypeANY)}, it.prerequisites...)
	}
	it.size = packedSize(zone, it)
	return it, nil
}

func checkName(zone, name string) error {
	if err := dns.CheckName(name); err != nil {
		return err
	}
	if !within(zone, name) {
		return fmt.Errorf("name %s is outside zone %s", name, zone)
	}
	return nil
}

// add turns one change into prerequisites (RFC 2136 §2.4), deletes and adds (§2.5).
func (it *item) add(c dns.Change) error {
	if c.TTL < 0 || c.TTL > math.MaxInt32 {
		return fmt.Errorf("%s %s: a TTL of %d s is outside of what RFC 2181 §8 allows", c.Name, c.Type, c.TTL)
	}
	if c.Action == dns.Delete {
		c.After = nil
	}
	held, before, err := recordsOf(c.Name, c.Type, 0, c.Before)
	if err != nil {
		return err
	}
	added, after, err := recordsOf(c.Name, c.Type, c.TTL, c.After)
	if err != nil {
		return err
	}
	c.Before, c.After = before, after
	code, ok := typeCode(c.Type)
	switch {
	case !ok:
		return fmt.Errorf("%s %s: the type is not known", c.Name, c.Type)
	case c.Action == dns.Create && len(before) == 0 && len(after) > 0:
		it.mustBeAbsent(c.Name, code)
	case c.Action == dns.Update && len(before) > 0 && len(after) > 0, c.Action == dns.Delete && len(before) > 0:
		it.prerequisites = append(it.prerequisites, held...)
		it.deletes = append(it.deletes, &mdns.ANY{Hdr: mdns.RR_Header{Name: c.Name, Rrtype: code, Class: mdns.ClassANY}})
	default:
		return fmt.Errorf("%s %s %s: from %d values to %d is no such change", c.Action, c.Name, c.Type, len(before), len(after))
	}
	it.adds = append(it.adds, added...)
	it.changes = append(it.changes, c)
	return nil
}

// mustBeAbsent makes the set's absence a prerequisite, and that of an alias beside it: adds there would be
// ignored without a word (RFC 2136 §3.4.2.2).
func (it *item) mustBeAbsent(name string, code uint16) {
	if it.fresh && name == it.name {
		return // nothing at all may be there
	}
	for _, code := range []uint16{code, mdns.TypeCNAME} {
		same := func(rr mdns.RR) bool { return rr.Header().Name == name && rr.Header().Rrtype == code }
		if !slices.ContainsFunc(it.prerequisites, same) {
			it.prerequisites = append(it.prerequisites, absent(name, code))
		}
	}
}

// absent is the prerequisite that a set, or with type ANY a name, does not exist (RFC 2136 §2.4.3, §2.4.5).
func absent(name string, code uint16) mdns.RR {
	return &mdns.ANY{Hdr: mdns.RR_Header{Name: name, Rrtype: code, Class: mdns.ClassNONE}}
}

// message is one UPDATE of several change sets; all happen, or none.
func message(zone string, items []*item) *mdns.Msg {
	m := new(mdns.Msg)
	m.SetUpdate(zone)
	m.Compress = true
	for _, it := range items {
		m.Answer = append(m.Answer, it.prerequisites...)
		m.Ns = append(m.Ns, it.deletes...)
	}
	for _, it := range items {
		m.Ns = append(m.Ns, it.adds...)
	}
	return m
}

// packedSize is the size of a change set in a message of its own. Among others it takes no more, since names that
// were there before are compressed.
func packedSize(zone string, it *item) int {
	return message(zone, []*item{it}).Len() - emptySize(zone)
}

func emptySize(zone string) int { return message(zone, nil).Len() }

// packer deals change sets out to messages of at most limit bytes, in their order; one that is larger goes alone.
type packer struct {
	empty, limit int
	send         func([]*item)

	batch []*item
	size  int
	again []*item        // of names that were sent before
	names map[string]int // → how many change sets there were
}

// add takes a change set. What is sent at once may be carried out in any order, so a second one of a
// name has to wait.
func (p *packer) add(it *item) {
	if p.names[it.name]++; p.names[it.name] > 1 {
		p.again = append(p.again, it)
		return
	}
	if len(p.batch) > 0 && p.size+it.size > p.limit {
		p.flush()
	}
	p.batch = append(p.batch, it)
	p.size += it.size
}

func (p *packer) flush() {
	if len(p.batch) > 0 {
		p.send(p.batch)
	}
	p.batch, p.size = nil, p.empty
}

// waiting are the change sets that had to wait, to be added anew.
func (p *packer) waiting() []*item {
	again := p.again
	p.again, p.names = nil, map[string]int{}
	return again
}
