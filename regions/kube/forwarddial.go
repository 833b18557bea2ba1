package kube

import (
	"context"
	"net/http"
	"net/url"

	portforwardconst "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
	streamspdy "k8s.io/streaming/pkg/httpstream/spdy"
)

// dialWithin is dialForward until ctx ends: client-go waits for the answer to a plain SPDY
// handshake without heeding a context. A connection that comes too late is closed.
func (c *Cluster) dialWithin(ctx context.Context, namespace, pod string) (httpstream.Connection, error) {
	type result struct {
		conn httpstream.Connection
		err  error
	}
	dialled := make(chan result, 1)
	go func() {
		conn, err := c.dialForward(ctx, namespace, pod)
		dialled <- result{conn, err}
	}()
	select {
	case r := <-dialled:
		return r.conn, r.err
	case <-ctx.Done():
		go func() {
			if r := <-dialled; r.conn != nil {
				_ = r.conn.Close() // nobody waits for it any more
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// dialForward opens a connection to a pod: SPDY over WebSocket (KEP-4006), or plain SPDY where the
// server has no WebSocket. client-go's own dialers take no context at all.
func (c *Cluster) dialForward(ctx context.Context, namespace, pod string) (httpstream.Connection, error) {
	location := c.clientset.CoreV1().RESTClient().Post().
		Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	conn, err := c.forwardOverWebSocket(ctx, location)
	if httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err) {
		return c.forwardOverSPDY(ctx, location)
	}
	return conn, err
}

func (c *Cluster) forwardOverWebSocket(ctx context.Context, location *url.URL) (httpstream.Connection, error) {
	transport, holder, err := websocket.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	// A WebSocket handshake is a GET (RFC 6455 section 4.1).
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location.String(), nil)
	if err != nil {
		return nil, err
	}
	conn, err := websocket.Negotiate(transport, holder, request, portforwardconst.WebsocketsSPDYTunnelingPortForwardV1)
	if err != nil {
		return nil, err
	}
	tunnel := portforward.NewTunnelingConnectionWithLogger(klog.FromContext(ctx), conn)
	return streamspdy.NewClientConnectionWithPings(tunnel, portforward.PingPeriod)
}

func (c *Cluster) forwardOverSPDY(ctx context.Context, location *url.URL) (httpstream.Connection, error) {
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, location.String(), nil)
	if err != nil {
		return nil, err
	}
	conn, _, err := spdy.NegotiateStreaming(upgrader, &http.Client{Transport: transport}, request, portforwardconst.PortForwardV1Name)
	return conn, err
}
