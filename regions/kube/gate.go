package kube

import (
	"context"
	"errors"
	"net/http/httptrace"
	"sync"
)

// gate lets the first request to a cluster go alone until it is on its way. Were many to begin at once, net/http would start a
// connection for each before it knows that one carries them all (HTTP/2), and the handshakes of the others would
// be for nothing. Once a request was sent there is a connection, and the others follow on it, before there is an answer. Where no
// connection comes about, the requests that waited share the reason: a dead cluster is asked once, and its timeout is
// waited out once.
type gate struct {
	mu    sync.Mutex
	open  bool
	first *passage // the request that goes alone now, if any
}

// passage is one request that went alone; err is set before done is closed.
type passage struct {
	done chan struct{}
	err  error
}

// through makes a request when it may be made. explain gives the request's error its type.
func (g *gate) through(ctx context.Context, do func(context.Context) error, explain func(error) error) error {
	for {
		own, other := g.enter()
		switch {
		case own != nil:
			return g.leave(own, explain(do(g.opening(ctx, own))))
		case other == nil:
			return explain(do(ctx))
		}
		select {
		case <-other.done:
			if other.err != nil {
				return other.err
			}
		case <-ctx.Done():
			return explain(ctx.Err())
		}
	}
}

// enter gives the caller a passage of its own, or the one to wait for; neither where the gate is open.
func (g *gate) enter() (own, other *passage) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.open:
		return nil, nil
	case g.first != nil:
		return nil, g.first
	}
	g.first = &passage{done: make(chan struct{})}
	return g.first, nil
}

// opening opens the gate as soon as the request of a passage was sent.
func (g *gate) opening(ctx context.Context, own *passage) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(sent httptrace.WroteRequestInfo) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if sent.Err == nil && g.first == own {
			g.open = true
			g.end(own)
		}
	}})
}

// end lets go whoever waits for a passage.
func (g *gate) end(own *passage) {
	g.first = nil
	close(own.done)
}

// leave opens the gate if there was an answer of any kind, unless it was opened before.
func (g *gate) leave(own *passage, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first != own {
		return err
	}
	var lost *Unreachable
	var refused *Forbidden
	switch {
	case err == nil || statusCode(err) != 0:
		g.open = true
	case errors.As(err, &lost) || errors.As(err, &refused):
		own.err = err
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		// The caller gave up: that says nothing about the cluster, and the next request goes alone.
	default:
		g.open = true
	}
	g.end(own)
	return err
}
