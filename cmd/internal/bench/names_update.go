package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/rfc2136"
)

// The names that are made, then all replaced, then taken away again.
const updatedNames = 2000

// updates measures changes of names in BIND against nsupdate, which proves nothing of what it wrote.
func updates(ctx context.Context, b *bench) ([]row, error) {
	steps, err := changes(updatedNames)
	if err != nil {
		return nil, err
	}
	primary, err := b.launch(ctx, servers.BIND, servers.Config{Zone: namesZone, Workers: runtime.NumCPU()})
	if err != nil {
		return nil, err
	}
	defer primary.Stop() //nolint:errcheck // its directory and process end with the run
	batch, err := b.bestBatch(ctx, primary, steps)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, how := range []struct {
		key, what string
		blind     bool
	}{{"update", "proved by a transfer", false}, {"update-blind", "proved by queries", true}} {
		publisher, err := opened(primary, how.blind)
		if err != nil {
			return nil, err
		}
		ours := func() (time.Duration, error) { return published(ctx, publisher, steps) }
		theirs := func() (time.Duration, error) { return b.nsupdated(ctx, primary, steps, batch) }
		const times = 7
		we, they, err := inTurn(times, ours, theirs)
		if err != nil {
			return nil, err
		}
		rows = append(rows, updateRow(how.key, how.what, batch, we, they))
	}
	return rows, nil
}

func updateRow(key, what string, batch int, we, they time.Duration) row {
	rate := func(d time.Duration) float64 { return 2 * updatedNames / d.Seconds() } // made and replaced
	return row{
		key: key, what: "names a second into BIND, " + what, ours: fmt.Sprintf("%.0f", rate(we)),
		against: fmt.Sprintf("nsupdate, %d names a message: %.0f", batch, rate(they)), ratio: fmt.Sprintf("%.2f", rate(we)/rate(they)), aim: "≥ 0.9",
	}
}

func opened(primary *servers.Server, blind bool) (*rfc2136.Publisher, error) {
	key := primary.Config.Key
	k, err := rfc2136.NewKey(key.Name, key.Algorithm, key.Secret)
	if err != nil {
		return nil, err
	}
	return rfc2136.Open(rfc2136.Config{Server: primary.Address, Zone: namesZone, Key: k, Blind: blind})
}

// changes are change sets that make the names, that replace their addresses, and that take them away.
func changes(replicas int) ([][]dns.ChangeSet, error) {
	var zone dns.Snapshot
	var out [][]dns.ChangeSet
	t := namesTopology(replicas)
	for generation := range 2 {
		wanted := dns.WantedOf(t, nil, namesEndpoints(replicas, generation), nil)
		wanted.Sets = slices.DeleteFunc(wanted.Sets, func(s dns.RecordSet) bool { return len(s.Values) != 1 }) // not the sets of all
		r, err := dns.Reconcile(wanted, zone, dns.Options{})
		if err != nil {
			return nil, err
		}
		if len(r.Sets) != replicas {
			return nil, fmt.Errorf("%d change sets were planned for %d names", len(r.Sets), replicas)
		}
		zone = dns.Snapshot{}
		for _, set := range r.Sets {
			for _, c := range set.Changes {
				zone.Sets = append(zone.Sets, dns.RecordSet{Name: c.Name, Type: c.Type, TTL: c.TTL, Values: c.After})
			}
		}
		out = append(out, r.Sets)
	}
	return append(out, undone(out[1])), nil
}

// undone takes away what change sets leave.
func undone(sets []dns.ChangeSet) []dns.ChangeSet {
	out := make([]dns.ChangeSet, len(sets))
	for i, set := range sets {
		out[i].Name = set.Name
		for _, c := range set.Changes {
			out[i].Changes = append(out[i].Changes, dns.Change{Action: dns.Delete, Name: c.Name, Type: c.Type, Cluster: c.Cluster, Before: c.After})
		}
	}
	return out
}

// published carries out all steps; the last one, which cleans up, is not measured.
func published(ctx context.Context, publisher *rfc2136.Publisher, steps [][]dns.ChangeSet) (took time.Duration, err error) {
	if _, err := publisher.Read(ctx, namesZone, []string{replicaName(0)}); err != nil { // as whoever plans does before
		return 0, err
	}
	for i, sets := range steps {
		began := time.Now()
		results, err := publisher.Apply(ctx, namesZone, sets)
		if i < len(steps)-1 {
			took += time.Since(began)
		}
		for _, r := range results {
			err = cmp.Or(err, r.Err) // the first one tells enough
		}
		if err != nil {
			return 0, err
		}
	}
	return took, nil
}

// bestBatch is how many names a message nsupdate is fastest with. More than 200 do not fit into one (64 KiB).
func (b *bench) bestBatch(ctx context.Context, primary *servers.Server, steps [][]dns.ChangeSet) (int, error) {
	best, least := 0, time.Duration(0)
	for _, batch := range []int{10, 20, 50, 100, 200} {
		all, err := repeat(3, func() (time.Duration, error) { return b.nsupdated(ctx, primary, steps, batch) }) //nolint:mnd // rounds
		if err != nil {
			return 0, err
		}
		if best == 0 || median(all) < least {
			best, least = batch, median(all)
		}
	}
	return best, nil
}

// nsupdated has nsupdate carry out the same steps, over TCP; the last one is not measured.
func (b *bench) nsupdated(ctx context.Context, primary *servers.Server, steps [][]dns.ChangeSet, batch int) (took time.Duration, err error) {
	host, port, _ := strings.Cut(primary.Address, ":")
	for i, sets := range steps {
		file, err := b.write(fmt.Sprintf("step-%d", i), script(host, port, sets, batch))
		if err != nil {
			return 0, err
		}
		f, err := b.exec(ctx, "nsupdate", "-v", "-k", primary.KeyFile, file)
		if err != nil {
			return 0, err
		}
		if i < len(steps)-1 {
			took += f.wall
		}
	}
	return took, os.Remove(fmt.Sprintf("%s/step-%d", b.dir, len(steps)-1))
}

// script is what nsupdate reads: the records that change sets make and take away.
func script(host, port string, sets []dns.ChangeSet, batch int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "server %s %s\nzone %s\n", host, port, namesZone)
	for i, set := range sets {
		for _, c := range set.Changes {
			for _, value := range c.Before {
				fmt.Fprintf(&text, "update delete %s %s %s\n", c.Name, c.Type, value)
			}
			for _, value := range c.After {
				fmt.Fprintf(&text, "update add %s %d %s %s\n", c.Name, c.TTL, c.Type, value)
			}
		}
		if (i+1)%batch == 0 {
			text.WriteString("send\n")
		}
	}
	text.WriteString("send\n")
	return text.String()
}
