package rfc2136_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/rfc2136"
)

func awayRows() []row {
	return []row{
		{name: "restarted mid-run", test: func(c *cell) { restarted(c, (*cell).restart) }},
		{name: "killed mid-run", test: func(c *cell) { restarted(c, (*cell).kill) }},
		{name: "down", test: down},
	}
}

func (c *cell) restart() { c.Primary.Restart(c.T) }

func (c *cell) kill() {
	c.Primary.Kill9(c.T)
	c.Primary.Start(c.T)
}

// restarted: amid one call that writes many names, the server goes and comes back. What was reported done is there, what was reported otherwise
// is read and planned again, and the end is what was wanted.
func restarted(c *cell, again func(*cell)) {
	var sets []dns.ChangeSet
	for i := range 800 {
		sets = append(sets, address(fmt.Sprintf("bank-%d.use1", i), fmt.Sprintf("10.1.%d.%d", i/250, i%250)))
	}
	amid := make(chan struct{})
	line := &noticed{after: 2, then: func() { close(amid) }}
	p := c.publisher(func(cfg *rfc2136.Config) { cfg.Dial = line.dial })
	failed, written := map[string]error{}, make(chan error, 1)
	go func() {
		results, err := p.Apply(c.Context(), zone, sets)
		for _, r := range results {
			if r.Err != nil {
				failed[r.Name] = r.Err
			}
		}
		written <- err
	}()
	<-amid
	again(c)
	select {
	case err := <-written:
		if err != nil {
			c.Fatalf("Apply: %v", err)
		}
	case <-time.After(30 * time.Second):
		c.Fatal("Apply did not end within 30 s of the server's return")
	}
	if line.dials.Load() < 2 {
		c.Error("the connection outlived the server: it did not go amid the call")
	}
	if len(failed) > 0 {
		c.note("%d names unknown, then planned anew", len(failed))
	}
	c.told(sets, failed)
	c.converge(p, after(sets...))
}

// noticed counts what is written on its connections, and tells once of the write that it waits for.
type noticed struct {
	dials, writes atomic.Int32
	after         int32
	then          func()
}

func (n *noticed) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.dials.Add(1)
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &noticedConn{Conn: conn, n: n}, nil
}

type noticedConn struct {
	net.Conn
	n *noticed
}

func (c *noticedConn) Write(b []byte) (int, error) {
	if c.n.writes.Add(1) == c.n.after {
		c.n.then()
	}
	return c.Conn.Write(b)
}

// told checks that what was reported done is there, and that whatever was not is an error about the server being away.
func (c *cell) told(sets []dns.ChangeSet, failed map[string]error) {
	c.Helper()
	held := c.held()
	for _, s := range sets {
		err := failed[s.Name]
		_, conflict := errors.AsType[*dns.ConflictError](err)
		switch there := held[s.Name+" A"] != nil; {
		case err == nil && !there:
			c.Errorf("%s was reported done, and is not there", s.Name)
		case conflict:
			c.Errorf("%s: a conflict with ourselves: %v", s.Name, err)
		case err != nil && !strings.Contains(err.Error(), c.Address):
			c.Errorf("%s: the error does not name the server: %v", s.Name, err)
		}
	}
}

// converge reads, plans and applies once, as any next run does.
func (c *cell) converge(p *rfc2136.Publisher, want []dns.RecordSet) {
	c.Helper()
	mine := func(name string) bool { return name != zone }
	c.mustApply(p, dns.ChangeSets(dns.Diff(want, c.read(p).Sets, mine))...)
	c.expect(want...)
}

func down(c *cell) {
	p := c.publisher(func(cfg *rfc2136.Config) { cfg.Timeout = time.Second })
	c.mustApply(p, bank0())
	c.Primary.Stop(c.T)
	began := time.Now()
	_, readErr := p.Read(c.Context(), zone, nil)
	_, applyErr := p.Apply(c.Context(), zone, []dns.ChangeSet{address("bank-1.use1", "10.0.0.2")})
	for what, err := range map[string]error{"Read": readErr, "Apply": applyErr} {
		if err == nil || !strings.Contains(err.Error(), c.Address) {
			c.Errorf("%s of a server that is down: %v", what, err)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		c.Errorf("it took %v to tell", took)
	}
	ctx, cancel := context.WithTimeout(c.Context(), 200*time.Millisecond)
	defer cancel()
	began = time.Now()
	if _, err := p.Apply(ctx, zone, []dns.ChangeSet{bank0()}); err == nil || time.Since(began) > time.Second {
		c.Errorf("with 200 ms left, it took %v: %v", time.Since(began), err)
	}
	c.Primary.Start(c.T)
	c.mustApply(p, address("bank-1.use1", "10.0.0.2"))
	c.expect(after(bank0(), address("bank-1.use1", "10.0.0.2"))...)
}
