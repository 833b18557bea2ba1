package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/streaming/pkg/httpstream"
)

// tunnels are the open connections to pods, by pod. They are kept and used again.
type tunnels struct {
	mu   sync.Mutex
	open map[string]*tunnel
}

// tunnel is one connection through the API server to one pod, over which any
// number of streams go.
type tunnel struct {
	ready   chan struct{} // closed when conn or err is set
	conn    httpstream.Connection
	err     error
	request atomic.Int64
}

// DialPod connects to a port on the loopback of a pod, through the API server (the pods/portforward
// subresource): what listens there alone, or on all of the pod's addresses, answers. The
// connection to the pod is kept for later calls until CloseTunnels, and made anew, once a
// call, where it was lost. ctx bounds the dialling, not the connection.
func (c *Cluster) DialPod(ctx context.Context, namespace string, pod AuthorityPod, port int) (net.Conn, error) {
	attempt := fmt.Sprintf("forward port %d of pod %s/%s", port, namespace, pod.Name)
	key := namespace + "/" + pod.Name + "/" + pod.UID
	var last error
	for range 2 {
		t := c.tunnel(ctx, key, namespace, pod.Name)
		select {
		case <-t.ready:
		case <-ctx.Done():
			return nil, c.explain(ctx, attempt, context.Cause(ctx))
		}
		if t.err != nil {
			return nil, c.explain(ctx, attempt, t.err)
		}
		conn, err := t.streamWithin(ctx, port)
		if err == nil {
			return conn, nil
		}
		last = err
		c.dropTunnel(key, t)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, c.explain(ctx, attempt, last)
}

// CloseTunnels ends all connections to pods, and what goes over them.
func (c *Cluster) CloseTunnels() {
	c.forwards.mu.Lock()
	defer c.forwards.mu.Unlock()
	for _, t := range c.forwards.open {
		t.close()
	}
	c.forwards.open = nil
}

// tunnel is the pod's, or one that is being opened: there is never a second one. Who
// asks first lends ctx's values alone, since others may wait for it as well.
func (c *Cluster) tunnel(ctx context.Context, key, namespace, pod string) *tunnel {
	c.forwards.mu.Lock()
	defer c.forwards.mu.Unlock()
	if t := c.forwards.open[key]; t != nil && !t.lost() {
		return t
	}
	t := &tunnel{ready: make(chan struct{})}
	if c.forwards.open == nil {
		c.forwards.open = map[string]*tunnel{}
	}
	c.forwards.open[key] = t
	go func() {
		defer close(t.ready)
		ctx, cancel := context.WithTimeout(c.logged(context.WithoutCancel(ctx)), c.timeout)
		defer cancel()
		t.conn, t.err = c.dialWithin(ctx, namespace, pod)
	}()
	return t
}

func (c *Cluster) dropTunnel(key string, t *tunnel) {
	c.forwards.mu.Lock()
	defer c.forwards.mu.Unlock()
	if c.forwards.open[key] == t {
		delete(c.forwards.open, key)
	}
	t.close()
}

// lost tells whether the connection failed or ended; one that is being opened is not lost.
func (t *tunnel) lost() bool {
	select {
	case <-t.ready:
	default:
		return false
	}
	if t.err != nil {
		return true
	}
	select {
	case <-t.conn.CloseChan():
		return true
	default:
		return false
	}
}

// close ends the connection, once it is open where it is being opened.
func (t *tunnel) close() {
	go func() {
		<-t.ready
		if t.conn != nil {
			_ = t.conn.Close() // nothing is left to be said
		}
	}()
}

// streamWithin is stream under a deadline: a server that fell silent is waited for no longer.
func (t *tunnel) streamWithin(ctx context.Context, port int) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		conn, err := t.stream(port)
		opened <- result{conn, err}
	}()
	select {
	case r := <-opened:
		return r.conn, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx) // the caller closes the tunnel, which ends the attempt
	}
}

// stream opens a connection to a port: a stream for data and one for the server's
// complaints (client-go, tools/portforward, handleConnection).
func (t *tunnel) stream(port int) (net.Conn, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, strconv.FormatInt(t.request.Add(1), 10))
	complaints, err := t.conn.CreateStream(headers)
	if err != nil {
		return nil, err
	}
	_ = complaints.Close() // our half: nothing is written there
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := t.conn.CreateStream(headers)
	if err != nil {
		t.conn.RemoveStreams(complaints)
		return nil, err
	}
	near, far := net.Pipe()
	f := &forwarded{Conn: near, told: make(chan struct{})}
	go f.listen(complaints, data)
	go func() {
		pass(far, data)
		<-f.told
		t.conn.RemoveStreams(complaints, data)
	}()
	return f, nil
}

// forwarded is a connection to a port of a pod. The pipe gives it the deadlines that a stream has not.
type forwarded struct {
	net.Conn
	told    chan struct{} // closed when the server has said all
	refused string        // what it said; read it after told
}

// complaintGrace is how long, after the data has ended, the server is waited for to say why.
const complaintGrace = 200 * time.Millisecond

// Read gives, where the data ended, the server's reason: nothing listens on that port, for one.
func (f *forwarded) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	timer := time.NewTimer(complaintGrace)
	defer timer.Stop()
	select {
	case <-f.told:
	case <-timer.C:
		return n, err
	}
	if f.refused != "" {
		return n, errors.New(f.refused)
	}
	return n, err
}

// listen reads the server's complaints; one ends the data.
func (f *forwarded) listen(complaints io.Reader, data httpstream.Stream) {
	defer close(f.told)
	const most = 4 << 10
	text, _ := io.ReadAll(io.LimitReader(complaints, most)) // an end without words is none
	if f.refused = strings.TrimSpace(string(text)); f.refused != "" {
		_ = data.Reset()
	}
}

// pass copies both ways until either end is closed, or the server has complained.
func pass(far net.Conn, data httpstream.Stream) {
	ended := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(data, far); ended <- struct{}{} }()
	go func() { _, _ = io.Copy(far, data); ended <- struct{}{} }()
	<-ended
	_ = data.Reset() // ends the other copy
	_ = far.Close()
}
