package cli

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/rfc2136"
	"quorate.dev/quorate/dns/sync"
	"quorate.dev/quorate/regions"
)

// keySource says where a TSIG key of the topology comes from.
type keySource struct {
	path, prefix               string // of the fields, such as spec.dns.publish[0].rfc2136 and the key of keyFile
	name, file, env, algorithm string
}

// targets are the primaries that the topology has updated, with their keys. Nothing is asked yet. What is wrong with
// keys is reported together.
func (w *wired) targets(env func(string) string) ([]sync.Target, error) {
	var out []sync.Target
	var problems *multierror.Error
	for i, p := range w.topology.Spec.DNS.Publish {
		if p.RFC2136 == nil {
			continue
		}
		target, err := w.target(env, fmt.Sprintf("spec.dns.publish[%d].rfc2136", i), *p.RFC2136)
		problems = multierror.Append(problems, err)
		out = append(out, target)
	}
	if err := problems.ErrorOrNil(); err != nil {
		return nil, advised{invalidInput{err}, "put the keys where the topology says, or correct it; `quorate validate` checks all but the keys"}
	}
	return out, nil
}

func (w *wired) target(env func(string) string, path string, p regions.RFC2136Publisher) (sync.Target, error) {
	key, err := w.key(env, keySource{path, "key", p.KeyName, p.KeyFile, p.KeyEnv, p.Algorithm})
	if err != nil {
		return sync.Target{}, err
	}
	transfer := key
	if p.TransferKeyName != "" {
		if transfer, err = w.key(env, keySource{path, "transferKey", p.TransferKeyName, p.TransferKeyFile, p.TransferKeyEnv, p.Algorithm}); err != nil {
			return sync.Target{}, err
		}
	}
	publisher, err := rfc2136.Open(rfc2136.Config{
		Server: p.Server, Key: key, Transfer: transfer, Blind: p.Transfer == "query", Now: w.now, Log: w.log,
	})
	if err != nil {
		return sync.Target{}, fmt.Errorf("%s: %w", path, err)
	}
	return sync.Target{Server: p.Server, Zone: p.Zone, Reverse: p.ReverseZones, Provider: publisher}, nil
}

// key reads a TSIG key. No error shows it.
func (w *wired) key(env func(string) string, s keySource) (rfc2136.Key, error) {
	var key rfc2136.Key
	var warnings []string
	var err error
	at := s.path + "." + s.prefix
	if s.file != "" {
		at += "File"
		file := s.file
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(w.file), file)
		}
		key, warnings, err = rfc2136.ReadKeyFile(os.DirFS(filepath.Dir(file)), filepath.Base(file), s.name)
		if err != nil {
			err = fmt.Errorf("%s: %w", file, err)
		}
	} else {
		at += "Env"
		key, warnings, err = keyOfEnvironment(env, s)
	}
	if err == nil && s.algorithm != "" && key.Algorithm != s.algorithm {
		err = fmt.Errorf("the key is of %s, and the topology says %s", key.Algorithm, s.algorithm)
	}
	if err != nil {
		return rfc2136.Key{}, fmt.Errorf("%s: %w", at, err)
	}
	for _, warning := range warnings {
		w.log.Warn(warning, "field", at)
	}
	return key, nil
}

func keyOfEnvironment(env func(string) string, s keySource) (rfc2136.Key, []string, error) {
	value := env(s.env)
	if value == "" {
		return rfc2136.Key{}, nil, fmt.Errorf("the environment variable %s is not set", s.env)
	}
	key, err := rfc2136.ParseKeyValue(value, s.name, s.algorithm)
	if err != nil {
		return rfc2136.Key{}, nil, fmt.Errorf("the environment variable %s: %w", s.env, err)
	}
	return key, key.Warnings(), nil
}

// writer keeps the zones of the targets true, by what a server that listens nowhere knows.
func (w *wired) writer(f *followed, targets []sync.Target, elector sync.Elector, o dns.Options) (*sync.Writer, error) {
	return sync.New(sync.Config{
		Source: f, Targets: targets, Elector: elector, Options: o, Now: w.now, Random: rand.Float64, Log: w.log,
	})
}
