package cli

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/viper"
)

// TestDeclareInside: what a later version wrote is passed over, with a word; what is wrong stays wrong.
func TestDeclareInside(t *testing.T) {
	t.Parallel()
	const topology = "apiVersion: quorate.dev/v1alpha1\nkind: Topology\nmetadata: {name: shop}\nspec:\n  profile: etcd\n  image: e:1\n" +
		"  storage: {size: 1Gi, className: s, later: 1}\n  survive: {failure: none}\n  tls: {mode: disabled}\n  dns: {zone: shop.example.com, listenLater: x}\n" +
		"  regions: [{name: r, clusters: [{name: c, replicas: 1}]}]\n"
	for text, fails := range map[string]bool{topology: false, strings.Replace(topology, "name: shop", "name: _", 1): true, "{": true} {
		file := filepath.Join(t.TempDir(), "topology.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var logged bytes.Buffer
		a := &app{process: &process{}, settings: viper.New(), log: slog.New(slog.NewTextHandler(&logged, nil))}
		a.settings.Set("file", file)
		got, err := a.declareInside(t.Context())
		if (err != nil) != fails {
			t.Errorf("%v\n%s", err, text)
		}
		if !fails && (got == nil || got.Spec.DNS.Zone != "shop.example.com" || strings.Count(logged.String(), "not known to this version") != 2) {
			t.Errorf("%+v\n%s", got, logged.String())
		}
	}
}
