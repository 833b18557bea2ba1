package sync

import (
	"fmt"
	"slices"

	"quorate.dev/quorate/dns"
)

// say logs once what holds from now on; unsay has it logged again when it returns.
func (k *worker) say(zone, what string, log func()) {
	if !k.said[zone][what] {
		k.said[zone][what] = true
		log()
	}
}

// note tells of a plan what is new: names that cannot be published, and names that another hand has changed.
func (k *worker) note(p ZonePlan, fresh bool, withheld int) {
	holds := map[string]bool{"withheld": withheld > 0}
	log := k.w.c.Log.With("zone", p.Zone, "server", p.Server)
	for _, o := range p.Obstacles {
		key := "obstacle " + o.Name + " " + o.Why
		holds[key] = true
		k.say(p.Zone, key, func() { log.Warn("a name cannot be published", "name", o.Name, "why", o.Why) })
	}
	if fresh {
		for _, e := range p.Edited {
			key := fmt.Sprint("edit ", e)
			holds[key] = true
			k.say(p.Zone, key, func() {
				end := "it is put right"
				if e.Stays {
					end = "it stays so for now"
				}
				log.Warn("another hand has changed a name since it was written; "+end, "name", e.Name, "found", values(e.Found))
			})
		}
		if p.Blind != "" {
			k.say(p.Zone, "blind", func() { log.Warn("the zone cannot be seen whole", "why", p.Blind) })
		}
		holds["blind"] = p.Blind != ""
	} else {
		holds["blind"] = k.said[p.Zone]["blind"]
	}
	for key := range k.said[p.Zone] {
		if !holds[key] {
			delete(k.said[p.Zone], key)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.zones[p.Zone]
	s.Obstacles, s.Withheld, s.Err = len(p.Obstacles), withheld, p.Err
	if fresh {
		s.LastRead, s.Serial, s.Blind = k.read, p.Serial, p.Blind
		s.Drift += uint64(len(p.Edited))
	}
}

func values(sets []dns.RecordSet) []string {
	var out []string
	for _, s := range sets {
		for _, v := range s.Values {
			out = append(out, string(s.Type)+" "+v)
		}
	}
	slices.Sort(out)
	return out
}

// count takes up what became of a pass.
func (k *worker) count(plans []ZonePlan, written map[string]int, conflicts map[string]uint64, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.w.c.Now()
	for _, p := range plans {
		s := k.zones[p.Zone]
		s.Changed += uint64(written[p.Zone])
		s.Conflicts += conflicts[p.Zone]
		if written[p.Zone] > 0 {
			s.LastWritten = now
			k.w.c.Log.Info("zone changed", "zone", p.Zone, "server", p.Server, "sets", written[p.Zone])
		}
		if err != nil {
			s.Err = err
			s.Failures++
			continue
		}
		s.LastRight = now
	}
}

func (k *worker) failed(zone string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.zones[zone].Err = err
	k.zones[zone].Failures++
}

// told logs a failure when it begins or becomes another one, and its end.
func (k *worker) told(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == k.trouble {
		return
	}
	if err != nil {
		k.w.c.Log.Warn("the server's zones are not all right; it is tried again", "server", k.target.Server, "error", err)
	} else {
		k.w.c.Log.Info("the server's zones are right again", "server", k.target.Server)
	}
	k.trouble = text
}

func (k *worker) status() []ZoneStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []ZoneStatus
	for _, zone := range k.target.Zones() {
		out = append(out, *k.zones[zone])
	}
	return out
}
