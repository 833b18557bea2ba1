package servers

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// powerSchema is where Debian's pdns-backend-sqlite3 has the tables.
const powerSchema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"

// fillPowerDNS makes the database: tables, zones, keys, and what the keys' holders may do.
func (s settings) fillPowerDNS(ctx context.Context) error {
	if err := s.sql(ctx, ".read "+powerSchema+"\n"); err != nil {
		return err
	}
	grants := ""
	if !s.Key.IsZero() {
		grants = fmt.Sprintf("INSERT INTO tsigkeys (name, algorithm, secret) VALUES ('%s', '%s', '%s');\n", s.keyName(), s.Key.Algorithm, s.Key.Secret)
	}
	for _, zone := range s.All() {
		if err := s.pdnsutil(ctx, "load-zone", zone.Zone, filepath.Join(s.Dir, zone.File)); err != nil {
			return err
		}
		if s.Signed {
			if err := s.pdnsutil(ctx, "secure-zone", zone.Zone); err != nil {
				return err
			}
		}
		grants += s.grants(zone.Zone)
	}
	return s.sql(ctx, grants)
}

// keyName is as PowerDNS keeps names: without the final dot.
func (s settings) keyName() string { return strings.TrimSuffix(s.Key.Name, ".") }

// grants are a zone's metadata, in SQL: pdnsutil starts anew for each, and takes the secret of a key as an argument, for all to see.
func (s settings) grants(zone string) string {
	metadata := [][2]string{{"TSIG-ALLOW-DNSUPDATE", s.keyName()}}
	if !s.NoTransfer {
		metadata = append(metadata, [2]string{"TSIG-ALLOW-AXFR", s.keyName()})
	}
	var sql strings.Builder
	for _, to := range s.NotifyTo {
		metadata = append(metadata, [2]string{"ALSO-NOTIFY", to.String()})
		fmt.Fprintf(&sql, "UPDATE domains SET type = 'MASTER' WHERE name = '%s';\n", strings.TrimSuffix(zone, "."))
	}
	for _, m := range metadata {
		fmt.Fprintf(&sql, "INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, '%s', '%s' FROM domains WHERE name = '%s';\n", m[0], m[1], strings.TrimSuffix(zone, "."))
	}
	return sql.String()
}

func (s settings) sql(ctx context.Context, statements string) error {
	cmd := exec.CommandContext(ctx, "sqlite3", "-bail", filepath.Join(s.Dir, "db"))
	cmd.Stdin = strings.NewReader("PRAGMA synchronous = OFF;\n" + statements)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("filling PowerDNS' database: %w: %s", err, out)
	}
	return nil
}

func (s settings) pdnsutil(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "pdnsutil", append([]string{"--config-dir=" + s.Dir}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pdnsutil %s: %w: %s", args[0], err, out)
	}
	return nil
}
