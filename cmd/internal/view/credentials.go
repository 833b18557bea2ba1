package view

import (
	"io"
	"time"

	"quorate.dev/quorate/planner"
)

// What became of a credential.
const (
	CredentialIssued  = "issued"
	CredentialKept    = "kept"
	CredentialMissing = "missing"
)

// Credentials are what the authorities inside the clusters hold; of each one only that it
// is there, never the token.
type Credentials struct {
	FormatVersion string       `json:"format_version"`
	Deployment    string       `json:"deployment"`
	Credentials   []Credential `json:"credentials"`
}

// Credential lets the authority of one cluster watch another one.
type Credential struct {
	Cluster string    `json:"cluster"`
	Watches string    `json:"watches"`
	Action  string    `json:"action"` // issued | kept | missing
	Expires time.Time `json:"expires,omitzero"`
}

// NewCredentials begins an account of a deployment's credentials.
func NewCredentials(deployment string) Credentials {
	return Credentials{FormatVersion: planner.FormatVersion, Deployment: deployment, Credentials: []Credential{}}
}

// Add tells of one credential; expires is zero where there is none.
func (c *Credentials) Add(cluster, watches, action string, expires time.Time) {
	c.Credentials = append(c.Credentials, Credential{cluster, watches, action, expires.UTC()})
}

// Text prints a line a credential.
func (c Credentials) Text(w io.Writer) {
	var rows [][]string
	for _, k := range c.Credentials {
		until := ""
		if !k.Expires.IsZero() {
			until = "expires " + k.Expires.Format(time.RFC3339)
		}
		rows = append(rows, []string{k.Cluster, "watches " + k.Watches, k.Action, until})
	}
	plainTable(w, rows)
}

// JSON prints one document.
func (c Credentials) JSON(w io.Writer) error { return document(w, c) }
