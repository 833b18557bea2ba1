package serve

import "time"

// transferFloor is the least pace of a transfer, in octets a second, over all that was sent so far: that of a bad line. A secondary
// that stays below it gives its place to another.
const transferFloor = 64 << 10

// pace bounds how long a transfer may take: each message has the idle time to be taken in, and all of them together have
// it once, and beside it what the floor allows for their octets. A zone that is large enough is sent in many messages, so that a
// bound on each alone would let a slow reader have its place for an hour.
type pace struct {
	began time.Time
	idle  time.Duration
	sent  int // octets, those of the next message included
}

// until is when a message of this many octets, sent from now on, must have been taken in.
func (p *pace) until(now time.Time, octets int) time.Time {
	p.sent += octets
	each, all := now.Add(p.idle), p.began.Add(p.idle+time.Duration(p.sent)*time.Second/transferFloor)
	if all.Before(each) {
		return all
	}
	return each
}
