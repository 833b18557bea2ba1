package view

import (
	"strings"
	"testing"

	"quorate.dev/quorate/dns"
)

// The last line of a plan without changes does not call right what is not.
func TestZonesLastLine(t *testing.T) {
	blocked := ZoneChanges{Zone: "example.com.", Server: "ns:53", Obstacles: []dns.Obstacle{{Name: "a.example.com.", Why: "it is taken"}}}
	for name, c := range map[string]struct {
		zone ZoneChanges
		want string
	}{
		"right":          {ZoneChanges{Zone: "example.com."}, "Nothing to do: the zones hold what the clusters call for."},
		"obstacle":       {blocked, "Nothing can be changed: 1 name cannot be published, see above what stands in its way."},
		"ownership":      {ZoneChanges{Zone: "example.com.", Ownership: 2}, "Record sets: none; ownership records: 2 to write."},
		"change blocked": {ZoneChanges{Zone: "example.com.", Changes: []dns.Change{{Action: dns.Create, Name: "b.example.com.", Type: dns.TypeA, After: []string{"10.0.0.1"}}}, Obstacles: blocked.Obstacles}, "Record sets: 1 to create, 0 to update, 0 to delete. 1 name cannot be published."},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			Zones(&out, Style{}, ZonesDocument{Deployment: "bank", Zones: []ZoneChanges{c.zone}})
			if !strings.HasSuffix(out.String(), "\n"+c.want+"\n") {
				t.Errorf("want at the end %q:\n%s", c.want, out.String())
			}
		})
	}
}
