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
	if out, err := exec.CommandContext(ctx, "sqlite3", filepath.Join(s.Dir, "db"), ".read "+powerSchema).CombinedOutput(); err != nil {
		return fmt.Errorf("making PowerDNS' tables: %w: %s", err, out)
	}
	name := strings.TrimSuffix(s.Key.Name, ".")
	steps := [][]string{}
	if !s.Key.IsZero() {
		steps = append(steps, []string{"import-tsig-key", s.Key.Name, s.Key.Algorithm, s.Key.Secret})
	}
	for _, zone := range s.All() {
		steps = append(steps, []string{"load-zone", zone.Zone, filepath.Join(s.Dir, zone.File)}, []string{"set-meta", zone.Zone, "TSIG-ALLOW-DNSUPDATE", name})
		if !s.NoTransfer {
			steps = append(steps, []string{"set-meta", zone.Zone, "TSIG-ALLOW-AXFR", name})
		}
		if s.Signed {
			steps = append(steps, []string{"secure-zone", zone.Zone})
		}
		for _, to := range s.NotifyTo {
			steps = append(steps, []string{"set-kind", zone.Zone, "primary"}, []string{"add-meta", zone.Zone, "ALSO-NOTIFY", to.String()})
		}
	}
	for _, step := range steps {
		cmd := exec.CommandContext(ctx, "pdnsutil", append([]string{"--config-dir=" + s.Dir}, step...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("pdnsutil %s: %w: %s", step[0], err, out)
		}
	}
	return nil
}
