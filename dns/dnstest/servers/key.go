package servers

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

// TSIGKey is a key that two servers, or a server and its client, share (RFC 8945). Printed, it shows no secret.
type TSIGKey struct {
	Name      string // absolute
	Algorithm string // such as hmac-sha256
	Secret    string // base64
}

// NewKey is a key with a random secret of 32 octets.
func NewKey(name, algorithm string) TSIGKey {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	return TSIGKey{Name: name, Algorithm: algorithm, Secret: base64.StdEncoding.EncodeToString(secret)}
}

// IsZero tells that there is no key.
func (k TSIGKey) IsZero() bool { return k.Name == "" }

// String names the key.
func (k TSIGKey) String() string { return k.Name + " (" + k.Algorithm + ")" }

// GoString names the key.
func (k TSIGKey) GoString() string { return k.String() }

// BIND is the key as a statement of named.conf, which nsupdate, dig and kdig read too.
func (k TSIGKey) BIND() string {
	return fmt.Sprintf("key \"%s\" {\n\talgorithm %s;\n\tsecret \"%s\";\n};\n", k.Name, k.Algorithm, k.Secret)
}

// Knot is the key as keymgr -t prints it.
func (k TSIGKey) Knot() string {
	return fmt.Sprintf("# %s:%s:%s\nkey:\n  - id: %s\n    algorithm: %s\n    secret: %s\n", k.Algorithm, k.Name, k.Secret, k.Name, k.Algorithm, k.Secret)
}
