package rfc2136

import "hash"

// NewMAC is a new authenticator of the key's algorithm and secret (RFC 2104), for a name server
// in this process that takes messages signed with the same key. The secret stays with the key. It is nil for the zero Key.
func (k Key) NewMAC() hash.Hash {
	if k.newMAC == nil {
		return nil
	}
	return k.newMAC()
}
