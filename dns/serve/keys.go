package serve

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// Key is a shared secret by which messages are signed (TSIG, RFC 8945).
type Key struct {
	Name      string
	Algorithm string // hmac-sha256, hmac-sha224, hmac-sha384 or hmac-sha512; empty: hmac-sha256
	Secret    []byte
	// NewMAC, where it is set, stands in for Secret: a new authenticator of the algorithm and a secret that stays elsewhere.
	NewMAC func() hash.Hash
}

// String names the key, without its secret.
func (k Key) String() string { return dns.Canonical(k.Name) }

// GoString does too: a key in a message or a log must not tell its secret.
func (k Key) GoString() string { return "serve.Key{" + k.String() + "}" }

// fudge is how far clocks may stand apart, in seconds (RFC 8945 §10).
const fudge = 300

// keyring holds keys by canonical name.
type keyring map[string]keyEntry

type keyEntry struct {
	name, algorithm string
	provider        provider // nil: there is no key
}

// provider signs and checks messages by what makes authenticators.
type provider func() hash.Hash

var _ mdns.TsigProvider = provider(nil)

// Generate is the authenticator of a message.
func (p provider) Generate(message []byte, _ *mdns.TSIG) ([]byte, error) {
	mac := p()
	if _, err := mac.Write(message); err != nil {
		return nil, err
	}
	return mac.Sum(nil), nil
}

// Verify compares the authenticator that a message came with, in constant time.
func (p provider) Verify(message []byte, t *mdns.TSIG) error {
	want, err := p.Generate(message, t)
	if err != nil {
		return err
	}
	if got, err := hex.DecodeString(t.MAC); err != nil || !hmac.Equal(got, want) {
		return mdns.ErrSig
	}
	return nil
}

// digests are the algorithms that are taken.
func digests(algorithm string) func() hash.Hash {
	switch algorithm {
	case mdns.HmacSHA224:
		return sha256.New224
	case mdns.HmacSHA256:
		return sha256.New
	case mdns.HmacSHA384:
		return sha512.New384
	case mdns.HmacSHA512:
		return sha512.New
	}
	return nil
}

func newKeyring(keys []Key) (keyring, error) {
	ring := keyring{}
	for _, k := range keys {
		algorithm := dns.Canonical(cmp.Or(k.Algorithm, mdns.HmacSHA256))
		digest, from := digests(algorithm), provider(k.NewMAC)
		if digest == nil {
			return nil, fmt.Errorf("name server: key %s: algorithm %q is not taken, use hmac-sha256, -sha224, -sha384 or -sha512", k, k.Algorithm)
		}
		if from == nil && len(k.Secret) > 0 {
			from = func() hash.Hash { return hmac.New(digest, k.Secret) }
		}
		if from == nil || k.String() == "." {
			return nil, fmt.Errorf("name server: key %s has no name or no secret", k)
		}
		if _, twice := ring[k.String()]; twice {
			return nil, fmt.Errorf("name server: key %s is given twice", k)
		}
		ring[k.String()] = keyEntry{k.String(), algorithm, from}
	}
	return ring, nil
}

// signature is what came of checking a query's TSIG record.
type signature struct {
	tsig  *mdns.TSIG // of the query; nil: it is not signed
	key   keyEntry
	fault uint16 // 0, or the TSIG error
}

// valid tells whether the query was signed by a key that is known.
func (s signature) valid() bool { return s.tsig != nil && s.fault == 0 }

// check verifies the signature of a message that was unpacked from wire (RFC 8945 §5.2).
func (r keyring) check(wire []byte, m *mdns.Msg) signature {
	tsig := m.IsTsig()
	if tsig == nil {
		return signature{}
	}
	s := signature{tsig: tsig}
	key, known := r[dns.Canonical(tsig.Hdr.Name)]
	if !known || dns.Canonical(tsig.Algorithm) != key.algorithm {
		s.fault = mdns.RcodeBadKey
		return s
	}
	s.key = key
	switch err := mdns.TsigVerifyWithProvider(wire, key.provider, "", false); {
	case err == nil:
	case errors.Is(err, mdns.ErrTime):
		s.fault = mdns.RcodeBadTime
	default:
		s.fault = mdns.RcodeBadSig
	}
	return s
}

// refusal is the reply to a query whose signature does not hold; nil where it does, or there is none.
func (s signature) refusal(query *mdns.Msg) *mdns.Msg {
	if s.fault == 0 {
		return nil
	}
	return new(mdns.Msg).SetRcode(query, mdns.RcodeNotAuth)
}

// pack is the reply to the query, signed where that was.
func (s signature) pack(reply *mdns.Msg) ([]byte, error) {
	wire, _, err := s.packNext(reply, "", false)
	return wire, err
}

// packNext packs one of several messages that answer the query: the first follows on the query's signature, each
// other on that of the one before, with its timers alone (RFC 8945 §5.3.1).
func (s signature) packNext(reply *mdns.Msg, before string, later bool) (wire []byte, mac string, err error) {
	if s.tsig == nil {
		wire, err = reply.Pack()
		return wire, "", err
	}
	if !later {
		before = s.tsig.MAC
	}
	reply.SetTsig(s.tsig.Hdr.Name, dns.Canonical(s.tsig.Algorithm), fudge, time.Now().Unix())
	record := reply.IsTsig()
	record.Error = s.fault
	if s.fault == mdns.RcodeBadTime {
		record.TimeSigned = s.tsig.TimeSigned
		record.OtherData, record.OtherLen = fmt.Sprintf("%012x", time.Now().Unix()), 6
	}
	return mdns.TsigGenerateWithProvider(reply, s.key.provider, before, later)
}
