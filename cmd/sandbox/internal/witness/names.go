package witness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// Answer is what a name resolved to from At on.
type Answer struct {
	At        time.Time `json:"at"`
	Name      string    `json:"name"`
	Addresses []string  `json:"addresses"`
}

// Resolver asks the name server at address (host:port), or those of /etc/resolv.conf where it is empty.
func Resolver(address string) *net.Resolver {
	if address == "" {
		return &net.Resolver{PreferGo: true}
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
}

// FollowNames asks for the IPv4 addresses of every name, every so often, until ctx ends, and writes an
// Answer a line whenever one changes. A name that does not exist has no addresses; a question that is
// not answered changes nothing.
func FollowNames(ctx context.Context, resolver *net.Resolver, names []string, every time.Duration, now func() time.Time, out io.Writer) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	known := map[string][]string{}
	encoder := json.NewEncoder(out)
	for {
		for _, name := range names {
			addresses, err := addresses(ctx, resolver, name)
			if before, asked := known[name]; err != nil || asked && slices.Equal(addresses, before) {
				continue
			}
			known[name] = addresses
			if err := encoder.Encode(Answer{now(), name, addresses}); err != nil {
				return fmt.Errorf("write what %s resolves to: %w", name, err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// questionTimeout bounds one question.
const questionTimeout = time.Second

func addresses(ctx context.Context, resolver *net.Resolver, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	found, err := resolver.LookupIP(ctx, "ip4", name+".")
	var failure *net.DNSError
	if err != nil && (!errors.As(err, &failure) || !failure.IsNotFound) {
		return nil, err
	}
	all := []string{}
	for _, ip := range found {
		all = append(all, ip.String())
	}
	slices.Sort(all)
	return all, nil
}
