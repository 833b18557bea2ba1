package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// way is a TCP forwarder on loopback behind which a server is far away: whatever is sent arrives half a round
// trip later, in order, however much of it there is; and a new connection takes a round trip.
type way struct {
	target    string
	roundTrip time.Duration
	listener  net.Listener
	done      sync.WaitGroup
}

// newWay begins to forward; close ends it.
func newWay(ctx context.Context, target string, roundTrip time.Duration) (*way, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &way{target: target, roundTrip: roundTrip, listener: listener}
	w.done.Go(func() { w.accept(ctx) })
	return w, nil
}

func (w *way) address() string { return w.listener.Addr().String() }

// close ends the forwarder; connections end with their ends.
func (w *way) close() {
	_ = w.listener.Close()
	w.done.Wait()
}

func (w *way) accept(ctx context.Context) {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.forward(ctx, near)
	}
}

func (w *way) forward(ctx context.Context, near net.Conn) {
	var dialer net.Dialer
	far, err := dialer.DialContext(ctx, "tcp", w.target)
	if err != nil {
		_ = near.Close()
		return
	}
	// The caller's connect was answered by this machine at once: its round trip is added to what it sends first.
	go carry(far, near, w.roundTrip, w.roundTrip/2)
	carry(near, far, 0, w.roundTrip/2)
}

// parcel is what was sent together.
type parcel struct {
	data []byte
	due  time.Time
}

// carry delivers what it reads after a delay, and everything not before the first delay is over.
func carry(to, from net.Conn, first, delay time.Duration) {
	const size, most = 64 << 10, 4096
	parcels := make(chan parcel, most)
	go func() {
		defer close(parcels)
		begins := time.Now().Add(first)
		for {
			data := make([]byte, size)
			n, err := from.Read(data)
			if n > 0 {
				now := time.Now()
				if now.Before(begins) {
					now = begins
				}
				parcels <- parcel{data[:n], now.Add(delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range parcels {
		<-time.After(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
	for range parcels { // lets the reader end
	}
}
