// Package sync makes the zones of other name servers true: it reads what they hold, reconciles that with what the
// clusters call for (dns.Reconcile), and writes the difference. Plan and Apply do so once; a Writer
// goes on with it for as long as it runs.
//
// What it reads and writes it knows by interfaces alone: a Source of what is wanted, a dns.Provider for each
// server, an Elector. Two writers of one zone are harmless: every change is conditional on what the
// zone was seen to hold (RFC 2136 §2.4), and what another hand has changed is read again before anything is written over it.
package sync
