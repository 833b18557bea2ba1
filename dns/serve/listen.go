package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"
	mdns "github.com/miekg/dns"
)

// portAttempts bounds the search for a port that is free for both UDP and TCP.
const portAttempts = 32

// stopGrace is how long answers under way may take after the server was told to stop.
const stopGrace = 2 * time.Second

// listener is one socket with its protocol server.
type listener struct {
	address string // network and address, for messages
	server  *mdns.Server
	started chan struct{}
}

// Listen binds host:port for UDP and TCP and returns the address bound: with port 0 one
// free port, the same for both. It may be called several times, but before Run.
func (s *Server) Listen(ctx context.Context, address string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return "", fmt.Errorf("name server: cannot listen on %s: the server runs already", address)
	}
	packets, stream, err := bind(ctx, address)
	if err != nil {
		return "", err
	}
	s.listeners = append(s.listeners,
		s.listener(UDP, &mdns.Server{PacketConn: packets}, packets.LocalAddr()),
		s.listener(TCP, &mdns.Server{Listener: stream}, stream.Addr()))
	return packets.LocalAddr().String(), nil
}

func bind(ctx context.Context, address string) (net.PacketConn, net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, fmt.Errorf("name server: %q is no address to listen on, host:port is wanted, such as 127.0.0.1:5353: %w", address, err)
	}
	attempts := 1
	if port == "0" {
		attempts = portAttempts
	}
	for range attempts {
		packets, stream, bindErr := bindBoth(ctx, host, port)
		if bindErr == nil {
			return packets, stream, nil
		}
		err = bindErr
	}
	return nil, nil, fmt.Errorf("name server: cannot listen on %s: %w; choose another address with dns.publish.serve.listen, or one above port 1023 without root's rights", address, err)
}

func bindBoth(ctx context.Context, host, port string) (net.PacketConn, net.Listener, error) {
	var config net.ListenConfig
	packets, err := config.ListenPacket(ctx, "udp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, nil, err
	}
	if udp, ok := packets.LocalAddr().(*net.UDPAddr); ok {
		port = strconv.Itoa(udp.Port)
	}
	stream, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, nil, errors.Join(err, packets.Close())
	}
	return packets, stream, nil
}

func (s *Server) listener(transport Transport, server *mdns.Server, address net.Addr) *listener {
	l := &listener{address: address.Network() + " " + address.String(), server: server, started: make(chan struct{})}
	server.UDPSize = udpSize
	server.NotifyStartedFunc = func() { close(l.started) }
	server.Handler = mdns.HandlerFunc(func(w mdns.ResponseWriter, query *mdns.Msg) {
		if err := w.WriteMsg(s.zone.Answer(query, transport)); err != nil {
			s.log.Debug("an answer could not be sent", "to", w.RemoteAddr(), "error", err)
		}
	})
	return l
}

// Run watches the sources and answers queries until ctx is done, then stops both and
// returns nil. It returns an error as soon as a listener fails. A server runs once.
func (s *Server) Run(ctx context.Context) error {
	listeners, err := s.start()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watching sync.WaitGroup
	watching.Go(func() { s.follow(ctx) })
	for _, w := range s.watchers {
		watching.Go(func() { w.run(ctx) })
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- l.serve() }()
	}
	ended := 0
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
		ended++
	}
	cancel()
	stopErr := stop(ctx, listeners)
	for ; ended < len(listeners); ended++ {
		err = firstOf(err, <-failed)
	}
	watching.Wait()
	return firstOf(err, stopErr)
}

func firstOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func (s *Server) start() ([]*listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return nil, errors.New("name server: it runs already, a server runs once")
	}
	s.running = true
	return s.listeners, nil
}

// serve answers on one socket until it is shut down.
func (l *listener) serve() error {
	if err := l.server.ActivateAndServe(); err != nil {
		return fmt.Errorf("name server: %s stopped answering: %w", l.address, err)
	}
	return nil
}

// stop shuts listeners down, giving answers under way a moment; ctx is done already
// and lends its values only.
func stop(ctx context.Context, listeners []*listener) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	var problems *multierror.Error
	for _, l := range listeners {
		select {
		case <-l.started: // shutting down what has not started would be lost
		case <-ctx.Done():
		}
		if err := l.server.ShutdownContext(ctx); err != nil {
			problems = multierror.Append(problems, fmt.Errorf("name server: stopping %s: %w", l.address, err))
		}
	}
	return problems.ErrorOrNil()
}
