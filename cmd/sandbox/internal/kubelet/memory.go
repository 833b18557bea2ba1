package kubelet

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"quorate.dev/quorate/cmd/sandbox/internal/admin"
	"quorate.dev/quorate/cmd/sandbox/internal/database"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// memory is what the player keeps on disk, so that nodes keep their ids and addresses stay fresh when
// it starts again.
type memory struct {
	FormatVersion string                `json:"format_version"`
	Settings      admin.Settings        `json:"settings"`
	World         *database.World       `json:"world"`
	Addresses     map[string]netip.Addr `json:"addresses"` // handed out last, per cluster
}

// loadMemory reads what the last player kept; nothing there is a new beginning.
func loadMemory(path string) (memory, error) {
	fresh := memory{Settings: admin.DefaultSettings(), World: &database.World{}, Addresses: map[string]netip.Addr{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return fresh, fmt.Errorf("read what is played: %w", err)
	}
	if err := json.Unmarshal(data, &fresh); err != nil {
		return fresh, fmt.Errorf("read what is played from %s: %w", path, err)
	}
	return fresh, nil
}

// remember writes the player's memory. A failure is logged: what is played goes on, and only a
// restart of the player would forget.
func (p *Player) remember() {
	kept := memory{FormatVersion: state.FormatVersion, Settings: p.settings, World: p.world, Addresses: map[string]netip.Addr{}}
	for cluster, addresses := range p.addresses {
		kept.Addresses[cluster] = addresses.Last()
	}
	data, err := json.Marshal(kept)
	if err == nil {
		err = state.WriteFile(p.dir.PlayerState(), data)
	}
	if err != nil {
		p.log.Error("what is played cannot be saved", "err", err)
	}
}
