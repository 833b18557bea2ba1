package servers

import (
	"context"
	"errors"
	"fmt"
	"time"

	mdns "github.com/miekg/dns"
)

// ready waits until the server answers for its zones: with its SOA, signed where it is to be; a resolver with anything.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, zone := range s.Config.Zones() {
		if err := s.await(ctx, func() error { return s.answers(ctx, zone) }); err != nil {
			return fmt.Errorf("%s at %s does not answer for %s: %w", s.Kind, s.Address, zone, err)
		}
	}
	return nil
}

// await asks for a condition every 10 ms until it is met, the server ends, or the context does; then it gives
// the condition's last error.
func (s *Server) await(ctx context.Context, condition func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// answers is nil once the server's own answer for the zone's SOA is right.
func (s *Server) answers(ctx context.Context, zone string) error {
	reply, err := s.ask(ctx, zone, mdns.TypeSOA)
	if err != nil || s.settings.Resolver || s.settings.noWait {
		return err
	}
	if reply.Rcode != mdns.RcodeSuccess || !reply.Authoritative && s.Kind != CoreDNS || len(reply.Answer) == 0 {
		return fmt.Errorf("it says %s with %d answers", mdns.RcodeToString[reply.Rcode], len(reply.Answer))
	}
	if s.Config.Signed && len(reply.Answer) < 2 {
		return errors.New("the zone is not signed yet")
	}
	return nil
}

// ask sends one query over UDP, signed where views are told apart by it.
func (s *Server) ask(ctx context.Context, name string, kind uint16) (*mdns.Msg, error) {
	query := new(mdns.Msg)
	query.SetQuestion(name, kind)
	query.SetEdns0(1232, s.Config.Signed)
	client := mdns.Client{Timeout: time.Second}
	if s.Config.Views {
		key := s.Config.Key
		client.TsigSecret = map[string]string{key.Name: key.Secret}
		query.SetTsig(key.Name, mdns.Fqdn(key.Algorithm), 300, time.Now().Unix())
	}
	reply, _, err := client.ExchangeContext(ctx, query, s.Address)
	return reply, err
}

// Serial is the serial of the SOA that the server answers with.
func (s *Server) Serial(ctx context.Context) (uint32, error) {
	reply, err := s.ask(ctx, s.Config.Zone, mdns.TypeSOA)
	if err != nil {
		return 0, err
	}
	for _, rr := range reply.Answer {
		if soa, ok := rr.(*mdns.SOA); ok {
			return soa.Serial, nil
		}
	}
	return 0, fmt.Errorf("%s at %s has no SOA for %s: it says %s", s.Kind, s.Address, s.Config.Zone, mdns.RcodeToString[reply.Rcode])
}
