package kubelet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/util/cert"

	"quorate.dev/quorate/cmd/sandbox/internal/admin"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// headerTimeout bounds how long a caller may take to ask.
const headerTimeout = 10 * time.Second

// listen opens the player's ports, all on loopback: one per cluster, where its API server finds the
// kubelets of its nodes, and one for `sandbox db`. The function it gives closes them.
func listen(ctx context.Context, player *Player, spec *state.Spec, sessions map[string]*session) (func(), error) {
	certificate, err := selfSigned()
	if err != nil {
		return nil, err
	}
	var servers []*http.Server
	stop := func() {
		for _, server := range servers {
			_ = server.Close()
		}
	}
	open := func(port int, handler http.Handler, config *tls.Config) error {
		listener, err := net.Listen("tcp", admin.Address(port))
		if err != nil {
			return fmt.Errorf("open the player's port: %w; another program has taken it: `sandbox down` and `up` choose others", err)
		}
		if config != nil {
			listener = tls.NewListener(listener, config)
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, BaseContext: func(net.Listener) context.Context { return ctx }}
		servers = append(servers, server)
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				player.log.Error("a port of the player closed", "port", port, "err", err)
			}
		}()
		return nil
	}
	err = open(spec.AdminPort, admin.NewHandler(player, spec.AdminToken), nil)
	for _, cluster := range spec.Clusters {
		if err == nil {
			err = open(cluster.Ports.Kubelet, sessions[cluster.Name].handler(), &tls.Config{
				Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
			})
		}
	}
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// selfSigned makes a certificate for the kubelet ports; API servers of a sandbox do not check it.
func selfSigned() (tls.Certificate, error) {
	certPEM, keyPEM, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err == nil {
		var certificate tls.Certificate
		if certificate, err = tls.X509KeyPair(certPEM, keyPEM); err == nil {
			return certificate, nil
		}
	}
	return tls.Certificate{}, fmt.Errorf("make the kubelets' certificate: %w", err)
}
