package servers

import (
	"bytes"
	"embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"text/template"
)

//go:embed configs
var configs embed.FS

// address is where a server listens.
type address struct{ Host, Port string }

// String is host:port, an IPv6 host in brackets.
func (a address) String() string { return net.JoinHostPort(a.Host, a.Port) }

func parseAddress(s string) (address, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return address{}, fmt.Errorf("address %q of a name server: %w", s, err)
	}
	return address{Host: host, Port: port}, nil
}

// settings is what a configuration file is made of.
type settings struct {
	Config
	address
	Dir      string
	File     string // of the zone
	NotifyTo []address

	Secondary bool
	Resolver  bool
	Forward   bool
	Cache     bool
	OverUDP   bool
	noWait    bool
	From      address // of the primary that a secondary or resolver asks
}

// Keys are all keys that the server must know.
func (s settings) Keys() []TSIGKey {
	return slices.DeleteFunc([]TSIGKey{s.Key, s.Outside}, TSIGKey.IsZero)
}

// Own is the text of Config.Statements.
func (s settings) Own() string {
	if s.Statements == nil {
		return ""
	}
	return s.Statements(s.Dir)
}

// KeyOr is the name of the key, or what is written where there is none.
func (s settings) KeyOr(none string) string {
	if s.Key.IsZero() {
		return none
	}
	return s.Key.Name
}

// All is one settings for each zone; a resolver holds none.
func (s settings) All() []settings {
	if s.Resolver {
		return nil
	}
	var all []settings
	for i, zone := range s.Zones() {
		one := s
		one.Zone, one.File = zone, fmt.Sprintf("zone%d", i)
		if !s.Key.IsZero() && s.Views {
			one.File = s.Key.Name + one.File
		}
		all = append(all, one)
	}
	return all
}

// PerView is one settings for each view.
func (s settings) PerView() []settings {
	outside := s
	outside.Key = s.Outside
	return []settings{s, outside}
}

// write renders the configuration, and for a primary its zone files, into the directory; readable by the
// owner alone, since keys are in it.
func (s settings) write(kind Kind) error {
	all, err := template.ParseFS(configs, "configs/"+string(kind)+".conf")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := all.Execute(&text, s); err != nil {
		return fmt.Errorf("configuration of %s: %w", kind, err)
	}
	files := map[string]string{configName(kind): text.String()}
	if !s.Key.IsZero() {
		files["tsig.key"], files["tsig.conf"] = s.Key.BIND(), s.Key.Knot()
	}
	if !s.Outside.IsZero() {
		files["outside.key"] = s.Outside.BIND()
	}
	for _, zone := range append(s.All(), s.outsideZones()...) {
		if !s.Secondary {
			files[zone.File] = s.ZoneFile(zone.Zone)
		}
	}
	for name, content := range files {
		if err := s.writeFile(name, content); err != nil {
			return err
		}
	}
	return nil
}

func (s settings) outsideZones() []settings {
	if !s.Views {
		return nil
	}
	return s.PerView()[1].All()
}

func (s settings) writeFile(name, content string) error {
	return os.WriteFile(filepath.Join(s.Dir, name), []byte(content), 0o600)
}

// configName is what the configuration file is called; pdns_server takes no other name.
func configName(kind Kind) string {
	if kind == PowerDNS {
		return "pdns.conf"
	}
	return string(kind) + ".conf"
}
