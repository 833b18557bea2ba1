package rfc2136

import (
	"crypto/hmac"
	"crypto/sha1" // RFC 8945 §6 still allows it; Warnings tells of it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"strings"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// DefaultAlgorithm is what a key is used with where nothing else is said.
const DefaultAlgorithm = "hmac-sha256"

// minSecret is how many octets a secret should have at least: half of SHA-256's output.
const minSecret = 16

// Key is a TSIG key (RFC 8945). The zero Key signs nothing. However it is printed, its
// secret does not show: it is held by a closure alone.
type Key struct {
	Name      string // absolute, lower case
	Algorithm string // such as "hmac-sha256"

	newMAC func() hash.Hash
	octets int // of the secret
}

// NewKey is a key of a secret in base64. An empty algorithm is DefaultAlgorithm. Errors tell
// neither the secret nor, as parts may have been confused, any other part that is not what it should be.
func NewKey(name, algorithm, secret string) (Key, error) {
	if name == "" {
		return Key{}, errors.New("the key has no name: servers tell keys apart by it")
	}
	if _, ok := mdns.IsDomainName(name); !ok || strings.ContainsAny(name, "\" \t\r\n") {
		return Key{}, errors.New("the name of the key is no domain name (RFC 8945 §4.2)")
	}
	if algorithm == "" {
		algorithm = DefaultAlgorithm
	}
	algorithm = strings.TrimSuffix(strings.ToLower(algorithm), ".")
	newHash, err := hashOf(algorithm)
	if err != nil {
		return Key{}, err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(secret), ""))
	if err != nil || len(raw) == 0 {
		return Key{}, errors.New("the secret of the key is no base64; make one with tsig-keygen or keymgr -t")
	}
	if strings.ContainsAny(name, "+/=") { // base64 is a domain name, too: a secret in its place must not be shown as one
		return Key{}, errors.New("the name of the key is no domain name (RFC 8945 §4.2), but perhaps its secret")
	}
	return Key{
		Name: dns.Canonical(name), Algorithm: algorithm, octets: len(raw),
		newMAC: func() hash.Hash { return hmac.New(newHash, raw) },
	}, nil
}

// hashOf are the algorithms of RFC 8945 §6, but for MD5, which is broken, and truncated ones.
func hashOf(algorithm string) (func() hash.Hash, error) {
	switch algorithm {
	case "hmac-sha256":
		return sha256.New, nil
	case "hmac-sha224":
		return sha256.New224, nil
	case "hmac-sha384":
		return sha512.New384, nil
	case "hmac-sha512":
		return sha512.New, nil
	case "hmac-sha1":
		return sha1.New, nil
	case "hmac-md5", "hmac-md5.sig-alg.reg.int":
		return nil, errors.New("hmac-md5 is refused, as it must not be used any more (RFC 8945 §6): make a key of hmac-sha256 on the server")
	default:
		return nil, errors.New("the algorithm of the key is not known: hmac-sha256, hmac-sha224, hmac-sha384 and hmac-sha512 are")
	}
}

// IsZero tells that there is no key.
func (k Key) IsZero() bool { return k.newMAC == nil }

// Warnings are what is weak about the key, one sentence each.
func (k Key) Warnings() []string {
	var warnings []string
	if k.Algorithm == "hmac-sha1" {
		warnings = append(warnings, fmt.Sprintf("key %s uses hmac-sha1, which is not recommended any more (RFC 8945 §6): make a key of hmac-sha256", k.Name))
	}
	if !k.IsZero() && k.octets < minSecret {
		warnings = append(warnings, fmt.Sprintf("the secret of key %s has %d octets only: make one of %d or more with tsig-keygen or keymgr -t", k.Name, k.octets, 2*minSecret))
	}
	return warnings
}

// String names the key, without its secret.
func (k Key) String() string {
	if k.IsZero() {
		return "no key"
	}
	return k.Name + " (" + k.Algorithm + ")"
}

// Format prints the key as String does, whatever the verb.
func (k Key) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, k.String()) }

// LogValue is the key in a log, without its secret.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
