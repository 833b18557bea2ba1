package serve

import (
	"encoding/binary"
	"hash/maphash"
	"iter"

	mdns "github.com/miekg/dns"
)

// table holds the record sets of one snapshot as they go over the wire, found by name. All of it lies
// in one block of memory, so that a hundred thousand names cost the garbage collector nothing,
// and an answer is a few copies.
//
// A node in the block is its name's length in one octet, its name on the wire in lower case, its flags,
// the number of its sets, and the sets. A set is its type (2 octets), the number of its records (4), their
// length (4), and the records: the answer section as it is sent right after a
// question, every owner a pointer to it (RFC 1035 §4.1.4). Names inside the records stand in full.
type table struct {
	seed  maphash.Seed
	slots []uint32 // of a hash: where a node begins, 0: nowhere; a power of two, half of them empty at least
	block []byte   // its first octet is no node's
}

const (
	setHeader   = 10
	ownPointer  = 0xc00c // to the name in the question, which begins at octet 12
	headerSize  = 12     // of a message
	recordFixed = 12     // the octets of a record before its data, its owner being a pointer
	ednsSize    = 11     // an OPT record without options
	// unknownFlag marks a name of which nothing can be said: its clusters were never read.
	unknownFlag = 1
)

// entry is a node as it is found: views into the block.
type entry struct {
	name  []byte // wire form, lower case
	flags byte
	sets  []byte
	count int
}

func (e entry) unknown() bool { return e.flags&unknownFlag != 0 }

// set is a record set as it is found.
type set struct {
	rrtype  uint16
	count   int
	records []byte
}

// at reads the node at an offset of the block, and gives the offset of the set that would follow.
func (t *table) at(offset uint32) entry {
	b := t.block[offset:]
	n := int(b[0])
	return entry{name: b[1 : 1+n], flags: b[1+n], count: int(b[2+n]), sets: b[3+n:]}
}

// find is the node of a name on the wire, in lower case.
func (t *table) find(name []byte) (entry, bool) {
	mask := uint64(len(t.slots) - 1)
	for i := maphash.Bytes(t.seed, name) & mask; ; i = (i + 1) & mask {
		offset := t.slots[i]
		if offset == 0 {
			return entry{}, false
		}
		if e := t.at(offset); string(e.name) == string(name) {
			return e, true
		}
	}
}

// each goes through the sets of a node.
func (e entry) each() iter.Seq[set] {
	return func(yield func(set) bool) {
		rest := e.sets
		for range e.count {
			s := readSet(rest)
			if !yield(s) {
				return
			}
			rest = rest[setHeader+len(s.records):]
		}
	}
}

func readSet(b []byte) set {
	size := binary.BigEndian.Uint32(b[6:])
	return set{
		rrtype: binary.BigEndian.Uint16(b), count: int(binary.BigEndian.Uint32(b[2:])),
		records: b[setHeader : setHeader+size],
	}
}

// of is the set of a type.
func (e entry) of(rrtype uint16) (set, bool) {
	rest := e.sets
	for range e.count {
		s := readSet(rest)
		if s.rrtype == rrtype {
			return s, true
		}
		rest = rest[setHeader+len(s.records):]
	}
	return set{}, false
}

// rrs are the records of a set under an owner name in presentation form.
func (s set) rrs(owner string) []mdns.RR {
	out := make([]mdns.RR, 0, s.count)
	for b := s.records; len(b) >= recordFixed; {
		size := binary.BigEndian.Uint16(b[10:])
		header := mdns.RR_Header{
			Name: owner, Rrtype: s.rrtype, Class: binary.BigEndian.Uint16(b[4:]),
			Ttl: binary.BigEndian.Uint32(b[6:]), Rdlength: size,
		}
		data := b[recordFixed : recordFixed+size]
		if rr, _, err := mdns.UnpackRRWithHeader(header, data, 0); err == nil { // it was packed here
			out = append(out, rr)
		}
		b = b[recordFixed+int(size):]
	}
	return out
}

// builder makes a table. Nodes are added one after the other, each followed by its sets.
type builder struct {
	block []byte
	nodes []uint32 // where they begin
	sets  int      // where the number of sets of the last node stands
}

// node begins a node; the name is on the wire, in lower case.
func (b *builder) node(name []byte, flags byte) {
	b.nodes = append(b.nodes, uint32(len(b.block))) //nolint:gosec // a block is far smaller than 4 GiB
	b.block = append(b.block, byte(len(name)))
	b.block = append(b.block, name...)
	b.sets = len(b.block) + 1
	b.block = append(b.block, flags, 0)
}

// set begins a set of the last node; end closes it.
func (b *builder) set(rrtype uint16) (start int) {
	b.block[b.sets]++
	b.block = binary.BigEndian.AppendUint16(b.block, rrtype)
	b.block = append(b.block, 0, 0, 0, 0, 0, 0, 0, 0)
	return len(b.block)
}

// record adds a record to the last set; data appends what the record holds.
func (b *builder) record(rrtype uint16, ttl int, data func([]byte) ([]byte, bool)) bool {
	start := len(b.block)
	b.block = binary.BigEndian.AppendUint16(b.block, ownPointer)
	b.block = binary.BigEndian.AppendUint16(b.block, rrtype)
	b.block = binary.BigEndian.AppendUint16(b.block, mdns.ClassINET)
	b.block = binary.BigEndian.AppendUint32(b.block, uint32(ttl)) //nolint:gosec // dns.TTL is positive and small
	b.block = append(b.block, 0, 0)
	block, ok := data(b.block)
	size := len(block) - start - recordFixed
	if !ok || size > mdns.MaxMsgSize {
		b.block = b.block[:start]
		return false
	}
	binary.BigEndian.PutUint16(block[start+recordFixed-2:], uint16(size)) //nolint:gosec // it was compared
	b.block = block
	return true
}

// end closes the set that began at start and has this many records; an empty one is taken back.
func (b *builder) end(start, count int) {
	if count == 0 {
		b.block = b.block[:start-setHeader]
		b.block[b.sets]--
		return
	}
	binary.BigEndian.PutUint32(b.block[start-8:], uint32(count))              //nolint:gosec // far fewer
	binary.BigEndian.PutUint32(b.block[start-4:], uint32(len(b.block)-start)) //nolint:gosec // far fewer
}

// table indexes what was added.
func (b *builder) table(seed maphash.Seed) *table {
	size := 1
	for size < 2*(len(b.nodes)+1) {
		size *= 2
	}
	t := &table{seed: seed, slots: make([]uint32, size), block: b.block}
	mask := uint64(size - 1)
	for _, offset := range b.nodes {
		i := maphash.Bytes(seed, t.at(offset).name) & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = offset
	}
	return t
}
