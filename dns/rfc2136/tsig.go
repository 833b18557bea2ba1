package rfc2136

import (
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// fudge is how many seconds clocks may differ (RFC 8945 §10 recommends 300).
const fudge = 300

// maxUnsigned is how many messages in a row may lack a signature within one transfer (RFC 8945 §5.3.1).
const maxUnsigned = 99

// errUnsigned and errBadMAC are why a reply is not believed.
var (
	errUnsigned = errors.New("the reply is not signed, so it may come from anybody")
	errBadMAC   = errors.New("the reply's signature is wrong: the server's secret of this key is another, or somebody changes the traffic")
)

// sign packs a request and signs it where there is a key. The MAC is what replies are verified against.
func sign(m *mdns.Msg, key Key, now time.Time) (wire, mac []byte, err error) {
	m.Compress = true
	if key.IsZero() {
		wire, err = m.Pack()
		return wire, nil, err
	}
	m.SetTsig(key.Name, key.Algorithm+".", fudge, now.Unix())
	wire, text, err := mdns.TsigGenerateWithProvider(m, provider{key}, "", false)
	if err != nil {
		return nil, nil, err
	}
	mac, err = hex.DecodeString(text)
	return wire, mac, err
}

// tsigRoom is the most that a signature adds to a message.
func tsigRoom(key Key) int {
	if key.IsZero() {
		return 0
	}
	return len(key.Name) + 1 + 10 + len(key.Algorithm) + 2 + 16 + key.newMAC().Size()
}

// provider signs for the library, which then needs no secret of its own.
type provider struct{ key Key }

func (p provider) Generate(msg []byte, _ *mdns.TSIG) ([]byte, error) {
	mac := p.key.newMAC()
	mac.Write(msg)
	return mac.Sum(nil), nil
}

func (provider) Verify([]byte, *mdns.TSIG) error {
	return errors.New("replies are verified by a chain")
}

// chain verifies the messages of the reply to one request, one after the other (RFC 8945 §5.3, §5.3.1).
// The library's own verification has another clock, and takes no unsigned messages amid a transfer.
type chain struct {
	key      Key
	now      func() time.Time
	mac      []byte // of the request, then of the last signed message
	later    bool   // a message of the reply was verified before
	unsigned [][]byte
}

// verify takes the next message, which is not changed. It tells whether that one was signed; before a signed one has followed, nothing of an
// unsigned one may be believed. The error is a *TSIGError, errUnsigned or errBadMAC.
func (c *chain) verify(wire []byte) (bool, error) {
	if c.key.IsZero() {
		return true, nil
	}
	body, sig, err := splitTSIG(wire)
	if err != nil {
		return false, err
	}
	if sig == nil {
		if !c.later || len(c.unsigned) >= maxUnsigned {
			return false, errUnsigned
		}
		c.unsigned = append(c.unsigned, wire)
		return false, nil
	}
	if err := c.check(body, sig); err != nil {
		return false, err
	}
	c.later, c.unsigned = true, nil
	return true, nil
}

func (c *chain) check(body []byte, sig *mdns.TSIG) error {
	if sig.Error != mdns.RcodeSuccess {
		return c.refused(sig)
	}
	if !sameName(sig.Hdr.Name, c.key.Name) || !sameName(sig.Algorithm, c.key.Algorithm) {
		return fmt.Errorf("the reply is signed with key %s (%s), not with %s", sig.Hdr.Name, sig.Algorithm, c.key)
	}
	got, err := hex.DecodeString(sig.MAC)
	if err != nil {
		return errBadMAC
	}
	want := c.digest(body, sig)
	if len(got) < len(want) {
		return &TSIGError{Key: c.key.Name, Code: mdns.RcodeBadTrunc}
	}
	if !hmac.Equal(got, want) {
		return errBadMAC
	}
	c.mac = got
	skew := time.Duration(int64(sig.TimeSigned)-c.now().Unix()) * time.Second
	if skew.Abs() > time.Duration(sig.Fudge)*time.Second {
		return &TSIGError{Key: c.key.Name, Code: mdns.RcodeBadTime, Skew: skew}
	}
	return nil
}

// refused is why the server did not take our signature.
func (c *chain) refused(sig *mdns.TSIG) error {
	e := &TSIGError{Key: c.key.Name, Code: int(sig.Error)}
	// RFC 8945 §5.2.3: the server's time, 48 bits of seconds.
	if other, err := hex.DecodeString(sig.OtherData); err == nil && e.Code == mdns.RcodeBadTime && len(other) == 6 {
		server := int64(binary.BigEndian.Uint16(other))<<32 | int64(binary.BigEndian.Uint32(other[2:]))
		e.Skew = time.Duration(server-c.now().Unix()) * time.Second
	}
	return e
}

// digest is the MAC that a message should have: over the MAC before it, unsigned messages since then, the
// message without its signature, and the signature's variables: all of the first, the times of later ones.
func (c *chain) digest(body []byte, sig *mdns.TSIG) []byte {
	h := c.key.newMAC()
	h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(c.mac))))
	h.Write(c.mac)
	for _, wire := range c.unsigned {
		h.Write(wire)
	}
	h.Write(body)
	h.Write(variables(sig, c.later))
	return h.Sum(nil)
}

func variables(sig *mdns.TSIG, timesOnly bool) []byte {
	times := binary.BigEndian.AppendUint16(nil, uint16(sig.TimeSigned>>32))
	times = binary.BigEndian.AppendUint32(times, uint32(sig.TimeSigned))
	times = binary.BigEndian.AppendUint16(times, sig.Fudge)
	if timesOnly {
		return times
	}
	v := appendName(nil, sig.Hdr.Name)
	v = binary.BigEndian.AppendUint16(v, mdns.ClassANY)
	v = binary.BigEndian.AppendUint32(v, 0)
	v = appendName(v, sig.Algorithm)
	v = append(v, times...)
	v = binary.BigEndian.AppendUint16(v, sig.Error)
	other, _ := hex.DecodeString(sig.OtherData)
	v = binary.BigEndian.AppendUint16(v, uint16(len(other)))
	return append(v, other...)
}

// appendName is a name in canonical wire form (RFC 4034 §6.2).
func appendName(b []byte, name string) []byte {
	buf := make([]byte, 256)
	n, err := mdns.PackDomainName(dns.Canonical(name), buf, 0, nil, false)
	if err != nil {
		return b // such a name was in no message: the MAC will not fit
	}
	return append(b, buf[:n]...)
}

const headerLen = 12

// splitTSIG is a message as it was before it was signed, and its signature, which is its last record (RFC 8945 §5.1); nil where
// there is none.
func splitTSIG(wire []byte) ([]byte, *mdns.TSIG, error) {
	start, err := lastRecord(wire)
	if err != nil || start == 0 {
		return nil, nil, err
	}
	rr, end, err := mdns.UnpackRR(wire, start)
	if err != nil {
		return nil, nil, fmt.Errorf("the reply is malformed: %w", err)
	}
	sig, ok := rr.(*mdns.TSIG)
	if !ok || end != len(wire) {
		return nil, nil, nil
	}
	body := append([]byte(nil), wire[:start]...)
	binary.BigEndian.PutUint16(body, sig.OrigId)
	binary.BigEndian.PutUint16(body[10:], binary.BigEndian.Uint16(wire[10:])-1)
	return body, sig, nil
}

// lastRecord is where the last record of the additional section begins, 0 where that section is empty.
func lastRecord(wire []byte) (int, error) {
	if len(wire) < headerLen {
		return 0, errShort
	}
	count := func(at int) int { return int(binary.BigEndian.Uint16(wire[at:])) }
	if count(10) == 0 {
		return 0, nil
	}
	at := headerLen
	for range count(4) {
		if at = skipName(wire, at) + 4; at > len(wire) {
			return 0, errShort
		}
	}
	for range count(6) + count(8) + count(10) - 1 {
		fixed := skipName(wire, at)
		if fixed+10 > len(wire) {
			return 0, errShort
		}
		at = fixed + 10 + count(fixed+8)
	}
	if at >= len(wire) {
		return 0, errShort
	}
	return at, nil
}

var errShort = errors.New("the reply is malformed: it ends too early")

// skipName is where what follows a name begins; beyond the message where the name does not end in it.
func skipName(wire []byte, at int) int {
	for at < len(wire) {
		switch n := int(wire[at]); {
		case n == 0:
			return at + 1
		case n >= 0xC0: // a pointer ends a name, RFC 1035 §4.1.4
			return at + 2
		default:
			at += 1 + n
		}
	}
	return len(wire) + 1
}
