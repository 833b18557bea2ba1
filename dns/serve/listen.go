package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"
)

// portAttempts bounds the search for a port that is free for both UDP and TCP.
const portAttempts = 32

// stopGrace is how long answers under way may take after the server was told to stop.
const stopGrace = 2 * time.Second

// listener answers on one socket.
type listener interface {
	// serve answers until stop is called; an error where it cannot go on.
	serve() error
	// stop has serve end; answers under way may take until ctx ends.
	stop(ctx context.Context) error
	String() string
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
	for _, conn := range packets {
		s.listeners = append(s.listeners, newPacketReader(s.answerer(), s.limiter, s.transfers, s.now, conn))
	}
	s.listeners = append(s.listeners, newStreams(s.answerer(), s.limits, s.transfers, stream))
	s.bound = append(s.bound, addressOf(stream.Addr()))
	return stream.Addr().String(), nil
}

// answerer makes what answers the queries of one reader; the caller holds mu.
func (s *Server) answerer() answerer {
	c := new(counters)
	s.counters = append(s.counters, c)
	return answerer{zone: s.zone, keys: s.keys, counters: c, log: s.log}
}

func bind(ctx context.Context, address string) ([]*net.UDPConn, net.Listener, error) {
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

func bindBoth(ctx context.Context, host, port string) ([]*net.UDPConn, net.Listener, error) {
	var config net.ListenConfig
	stream, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, nil, err
	}
	if tcp, ok := stream.Addr().(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
	}
	packets, err := bindPackets(ctx, net.JoinHostPort(host, port))
	if err != nil {
		return nil, nil, errors.Join(err, stream.Close())
	}
	return packets, stream, nil
}

// bindPackets binds as many UDP sockets to one address as there are processors, where the system spreads queries over them.
func bindPackets(ctx context.Context, address string) ([]*net.UDPConn, error) {
	config := net.ListenConfig{Control: shared}
	count := 1
	if sharesPorts {
		count = runtime.GOMAXPROCS(0)
	}
	var out []*net.UDPConn
	for range count {
		conn, err := config.ListenPacket(ctx, "udp", address)
		if err != nil {
			return nil, errors.Join(err, closePackets(out))
		}
		udp, ok := conn.(*net.UDPConn)
		if !ok {
			return nil, errors.Join(fmt.Errorf("%s is no UDP address", address), conn.Close(), closePackets(out))
		}
		out = append(out, udp)
	}
	return out, nil
}

func closePackets(conns []*net.UDPConn) error {
	var problems *multierror.Error
	for _, conn := range conns {
		problems = multierror.Append(problems, conn.Close())
	}
	return problems.ErrorOrNil()
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
	for _, n := range s.notifiers {
		watching.Go(func() { n.run(ctx) })
	}
	if s.state != nil {
		watching.Go(func() { s.keep(ctx) })
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
	release, stopErr := stop(ctx, listeners)
	defer release()
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

func (s *Server) start() ([]listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return nil, errors.New("name server: it runs already, a server runs once")
	}
	s.running = true
	return s.listeners, nil
}

// stop shuts listeners down, giving answers under way a moment; ctx is done already
// and lends its values only.
func stop(ctx context.Context, listeners []listener) (context.CancelFunc, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	var problems *multierror.Error
	for _, l := range listeners {
		if err := l.stop(ctx); err != nil {
			problems = multierror.Append(problems, fmt.Errorf("name server: stopping %s: %w", l, err))
		}
	}
	return cancel, problems.ErrorOrNil()
}
