package rfc2136

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

const fuzzSecret = "NWYkDX+E8dIEeaRxccdGV9kVM7YuCgatLDSlTFjCPOg="

// Key files of any content are read or refused, and a secret in them is never in what is said.
func FuzzKeyFile(f *testing.F) {
	for _, text := range []string{
		`key "q" { algorithm hmac-sha256; secret "` + fuzzSecret + `"; };`,
		"key:\n  - id: q\n    algorithm: hmac-sha512\n    secret: " + fuzzSecret,
		"hmac-sha384:q:" + fuzzSecret, "q " + fuzzSecret, `include "a"; key q { secret ` + fuzzSecret + `; };`,
		"include: a\n", "options { a { b; }; }; // {", "/* */ # \n{", "key: *" + fuzzSecret, "key: &a [*a]", "key:\n- " + fuzzSecret + ": q",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := fstest.MapFS{"a": {Data: []byte(text), Mode: 0o600}}
		key, warnings, err := ReadKeyFile(files, "a", "")
		said := strings.Join(warnings, "\n")
		if err != nil {
			said += err.Error()
		} else if key.IsZero() || len(key.newMAC().Sum(nil)) < 20 {
			t.Errorf("key %v signs nothing", key)
		}
		if strings.Contains(said, fuzzSecret[:16]) && !strings.Contains(strings.ToLower(key.Name), strings.ToLower(fuzzSecret[:16])) {
			t.Errorf("the secret shows: %s", said)
		}
		if _, err := ParseKeyValue(text, "", ""); err != nil && strings.Contains(err.Error(), fuzzSecret[:16]) {
			t.Errorf("the secret shows: %v", err)
		}
	})
}

func fuzzKey(t testing.TB) Key {
	key, err := NewKey("q", "", fuzzSecret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// fuzzMessages are a signed reply, an unsigned one, and one with a broken count.
func fuzzMessages(t testing.TB) [][]byte {
	var all [][]byte
	m := new(mdns.Msg)
	m.SetReply(new(mdns.Msg).SetQuestion("example.com.", mdns.TypeAXFR))
	m.Id, m.Authoritative = 1, true
	for _, line := range []string{"example.com. 1 IN SOA a. b. 1 1 1 1 1", "a.example.com. 1 IN TXT \"a\"", "example.com. 1 IN SOA a. b. 1 1 1 1 1"} {
		rr, err := mdns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	plain, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	signed, _, err := sign(m, fuzzKey(t), time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(signed)
	broken[11] = 200
	return append(all, plain, signed, broken, []byte{}, make([]byte, 12))
}

// No message is verified but those that were signed, and none makes a crash.
func FuzzReply(f *testing.F) {
	for _, wire := range fuzzMessages(f) {
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		c := chain{key: fuzzKey(t), now: func() time.Time { return time.Unix(1e9, 0) }, mac: []byte{1, 2, 3}}
		before := hex.EncodeToString(wire)
		if signed, err := c.verify(wire); err == nil || signed {
			t.Error("a message was believed that answers another request")
		}
		if hex.EncodeToString(wire) != before {
			t.Error("verifying changed the message")
		}
	})
}

// A stream is a whole zone or an error.
func FuzzTransfer(f *testing.F) {
	var whole []byte
	for _, wire := range fuzzMessages(f) {
		whole = frame(whole, wire)
		f.Add(whole)
		f.Add(frame(nil, wire))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := &transferReader{zone: "example.com.", id: 1, sets: sets{}}
		if err := r.read(bytes.NewReader(stream)); err != nil {
			return
		}
		list := r.sets.list()
		if r.first == nil || len(list) == 0 {
			t.Error("a zone without SOA was read")
		}
		for _, s := range list {
			if s.Name != dns.Canonical(s.Name) || len(s.Values) == 0 || !within("example.com.", s.Name) {
				t.Errorf("read %v", s)
			}
		}
	})
}
