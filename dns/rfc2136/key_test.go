package rfc2136_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"quorate.dev/quorate/dns/rfc2136"
)

const (
	bindKey = `key "quorate" {
	algorithm hmac-sha256;
	secret "` + secret + `";
};
`
	knotKey = `# hmac-sha512:Quorate.example:` + secret + `
key:
  - id: Quorate.example
    algorithm: hmac-sha512
    secret: ` + secret + `
`
)

func TestReadKeyFile(t *testing.T) {
	files := fstest.MapFS{}
	put := func(name, text string) { files[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o600} }
	put("bind.key", bindKey)
	put("knot.key", knotKey)
	put("named.conf", `
// the server's
options { directory "/var/lib/bind"; listen-on { any; }; }; /* and its
keys */ include "keys/two.conf"; # both
include "/bind.key";
zone "example.com" { type primary; update-policy { grant quorate zonesub ANY; }; };`)
	put("keys/two.conf", `key one. { secret `+secret+`; algorithm HMAC-SHA384; }; key "Two" { algorithm "hmac-sha224."; secret "`+secret+`"; };`)
	put("knot.conf", "server:\n  listen: 127.0.0.1@53\ninclude: keys/more.conf\nacl:\n  - id: a\n    key: [k, l]\n    action: update\n")
	put("keys/more.conf", "key:\n- id: k\n  secret: "+secret+"\n- id: l\n  algorithm: hmac-sha256\n  secret: \""+secret+"\"\n")
	put("line", "hmac-sha384:quorate:"+secret+"\n")
	put("line2", "# of the update\n\nquorate "+secret)
	put("line3", "hmac-sha224:quorate "+secret)
	for _, test := range []struct{ file, name, want string }{
		{"bind.key", "", "quorate. (hmac-sha256)"},
		{"bind.key", "QUORATE.", "quorate. (hmac-sha256)"},
		{"/bind.key", "quorate", "quorate. (hmac-sha256)"},
		{"knot.key", "", "quorate.example. (hmac-sha512)"},
		{"named.conf", "quorate", "quorate. (hmac-sha256)"},
		{"named.conf", "one", "one. (hmac-sha384)"},
		{"named.conf", "two", "two. (hmac-sha224)"},
		{"knot.conf", "k", "k. (hmac-sha256)"},
		{"knot.conf", "l", "l. (hmac-sha256)"},
		{"line", "", "quorate. (hmac-sha384)"},
		{"line2", "", "quorate. (hmac-sha256)"},
		{"line3", "quorate", "quorate. (hmac-sha224)"},
	} {
		key, warnings, err := rfc2136.ReadKeyFile(files, test.file, test.name)
		if err != nil || key.String() != test.want || len(warnings) != 0 {
			t.Errorf("%s of %s: got %v, %q, %v; want %s", test.name, test.file, key, warnings, err, test.want)
		}
	}
}

func TestBadKeyFiles(t *testing.T) {
	files := fstest.MapFS{}
	for i, test := range []struct{ text, name, want string }{
		{"", "", "holds no key"},
		{bindKey, "other", "holds no key other, but quorate."},
		{bindKey + strings.Replace(bindKey, "quorate", "two", 1), "", "holds 2 keys (quorate., two.): say which"},
		{bindKey + bindKey, "", ":5: key quorate. is there twice"},
		{"\n\nkey \"q\" { algorithm hmac-md5; secret \"" + secret + "\"; };", "", ":3: hmac-md5 is refused"},
		{"key \"q\" { algorithm hmac-sha3; secret \"" + secret + "\"; };", "", ":1: the algorithm of the key is not known"},
		{"key \"q\" { secret \"" + secret + "!\"; };", "", ":1: the secret of the key is no base64"},
		{"key \"q\" { secret \"" + secret + "; };", "", ":1: the quoted string"},
		{"key \"q\" { secret \"" + secret + "\" };", "", ":1: the statement does not end with a semicolon"},
		{"key \"q\" { secret \"" + secret + "\"; }", "", ":1: the statement does not end"},
		{"key \"q\" { secrets \"" + secret + "\"; };", "", ":1: a key holds algorithm and secret alone"},
		{"key { " + secret + "; };", "", ":1: a key is written"},
		{"options { a b;", "", ":1: the statement that begins here has no end"},
		{"/* {", "", ":1: the comment"},
		{"include \"f5\";\n{};", "", "f5:3: hmac-md5 is refused"},
		{"include \"f16\"; {};", "", ":1: key file f16 includes itself"},
		{"include \"nowhere\"; {};", "", "nowhere"},
		{"key:\n  - id: q\n    secret: '!!'\n", "", ":2: the secret of the key is no base64"},
		{"key:\n  - id: q\n    secret: [" + secret + "\n", "", "neither YAML"},
		{"key:\n  - " + secret + "\n", "", ":2: an item of section key"},
		{secret, "", ":1: no key: it is written"},
		{secret + ":q", "", ":1: the secret of the key is no base64"},
		{"q:hmac-sha256:" + secret, "", ":1: the algorithm of the key is not known"},
		{"Private-key-format: v1.3\nAlgorithm: 163 (HMAC_SHA256)\nKey: " + secret + "\n", "", "dnssec-keygen"},
		{strings.Repeat("#", 2<<20), "", "larger than"},
	} {
		file := fmt.Sprintf("f%d", i+1)
		files[file] = &fstest.MapFile{Data: []byte(test.text), Mode: 0o600}
		_, _, err := rfc2136.ReadKeyFile(files, file, test.name)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error that says %q", file, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), secret[:10]) {
			t.Errorf("%s: the error shows the secret: %v", file, err)
		}
	}
}

func TestKeyWarnings(t *testing.T) {
	files := fstest.MapFS{
		"open": {Data: []byte(bindKey), Mode: 0o644},
		"sha1": {Data: []byte("hmac-sha1:q:c2hvcnQ="), Mode: 0o640},
	}
	_, open, err := rfc2136.ReadKeyFile(files, "open", "")
	if err != nil || len(open) != 1 || !strings.Contains(open[0], "chmod o-r") {
		t.Errorf("got %q, %v", open, err)
	}
	_, sha1, err := rfc2136.ReadKeyFile(files, "sha1", "")
	if err != nil || len(sha1) != 2 || !strings.Contains(sha1[0], "hmac-sha1") || !strings.Contains(sha1[1], "5 octets only") {
		t.Errorf("got %q, %v", sha1, err)
	}
}

func TestParseKeyValue(t *testing.T) {
	for _, test := range []struct{ value, name, algorithm, want string }{
		{secret, "q", "", "q. (hmac-sha256)"},
		{" " + secret + "\n", "q", "hmac-sha512", "q. (hmac-sha512)"},
		{"q:" + secret, "", "", "q. (hmac-sha256)"},
		{"hmac-sha384:q:" + secret, "Q.", "hmac-sha256", "q. (hmac-sha384)"},
		{secret, "", "", "error: the key has no name"},
		{"r:" + secret, "q", "", "error: the value holds a key of another name than q"},
		{"a:b:c:" + secret, "", "", "error: a key is written"},
		{secret + ":q", "", "", "error: the secret of the key is no base64"},
		{secret + ":q:r", "", "", "error: the algorithm"},
	} {
		key, err := rfc2136.ParseKeyValue(test.value, test.name, test.algorithm)
		got := key.String()
		if err != nil {
			got = "error: " + err.Error()
		}
		if !strings.HasPrefix(got, test.want) || strings.Contains(got, secret[:10]) {
			t.Errorf("%q, %q: got %s, want %s", test.name, test.algorithm, got, test.want)
		}
	}
}

// However a key, or what holds one, is printed: its secret is not.
func TestSecretsDoNotShow(t *testing.T) {
	key, err := rfc2136.NewKey("q", "", secret)
	if err != nil {
		t.Fatal(err)
	}
	cfg := rfc2136.Config{Server: "127.0.0.1:53", Key: key, Transfer: key}
	publisher, err := rfc2136.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, v := range []any{key, &key, []rfc2136.Key{key}, cfg, &cfg, publisher, map[string]any{"k": key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		_ = json.NewEncoder(&out).Encode(v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("a", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("a", "v", v)
	}
	raw := "\x35\x66\x24\x0d" // the secret's first octets
	for _, shown := range []string{secret, secret[:12], raw, fmt.Sprintf("%x", raw), fmt.Sprintf("%v", []byte(raw))[1:12], `"0x35, 0x66`} {
		if strings.Contains(out.String(), shown) {
			t.Errorf("%q shows in\n%s", shown, out.String())
		}
	}
	if !strings.Contains(out.String(), "q. (hmac-sha256)") {
		t.Error("not even the key's name shows")
	}
}
