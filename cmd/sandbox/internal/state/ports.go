package state

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strconv"
)

// The range ports are taken from: below those that Linux and macOS hand to outgoing connections, so
// that a stopped cluster finds its ports free again, and above most well-known services.
const (
	firstPort = 20000
	lastPort  = 31999
)

// AssignPorts chooses ports for spec and saves it, so that no two sandboxes under p have a port in
// common, running or stopped. Sandboxes elsewhere are only avoided if they listen now.
func (p Paths) AssignPorts(ctx context.Context, dir Dir, spec *Spec) error {
	unlock, err := LockFile(ctx, filepath.Join(p.Locks(), "ports.lock"), "another sandbox that chooses its ports")
	if err != nil {
		return err
	}
	defer unlock()
	taken, err := p.takenPorts()
	if err != nil {
		return err
	}
	wanted := []*int{&spec.AdminPort}
	for i := range spec.Clusters {
		wanted = append(wanted, spec.Clusters[i].Ports.all()...)
	}
	if err := choosePorts(wanted, taken, portIsFree); err != nil {
		return fmt.Errorf("choose ports for sandbox %s: %w", spec.Name, err)
	}
	token := make([]byte, 16)
	if _, err := rand.Read(token); err != nil {
		return fmt.Errorf("make a token for sandbox %s: %w", spec.Name, err)
	}
	spec.AdminToken = hex.EncodeToString(token)
	return dir.Save(spec)
}

// takenPorts are those of every sandbox under p.
func (p Paths) takenPorts() (map[int]bool, error) {
	names, err := p.List()
	if err != nil {
		return nil, err
	}
	taken := map[int]bool{}
	for _, name := range names {
		dir, err := p.Sandbox(name)
		if err != nil {
			return nil, err
		}
		spec, err := dir.Load()
		if err != nil {
			continue // being made or removed, or broken: it cannot be started as it is
		}
		taken[spec.AdminPort] = true
		for i := range spec.Clusters {
			for _, port := range spec.Clusters[i].Ports.all() {
				taken[*port] = true
			}
		}
	}
	return taken, nil
}

// choosePorts fills wanted with free ports, one after another from a random start.
func choosePorts(wanted []*int, taken map[int]bool, free func(int) bool) error {
	const count = lastPort - firstPort + 1
	start, err := rand.Int(rand.Reader, big.NewInt(count))
	if err != nil {
		return err
	}
	offset := int(start.Int64())
	for tried := 0; tried < count && len(wanted) > 0; tried++ {
		port := firstPort + (offset+tried)%count
		if taken[port] || !free(port) {
			continue
		}
		*wanted[0] = port
		wanted = wanted[1:]
	}
	if len(wanted) > 0 {
		return errors.New("too few free loopback ports between " + strconv.Itoa(firstPort) + " and " + strconv.Itoa(lastPort))
	}
	return nil
}

// portIsFree tries to listen.
func portIsFree(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}
