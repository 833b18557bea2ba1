package e2e

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// TestAuthorityInPartition: a network that eats what is sent over it, without a word, is noticed within 15 seconds; what
// was known stays; and a change meanwhile is answered within 5 seconds after the network is whole again.
func TestAuthorityInPartition(t *testing.T) {
	t.Parallel()
	in := newInsider(t, "apart", 10)
	for _, cluster := range []string{"usw1", "use1"} {
		in.applyAuthority(cluster)
	}
	in.slice("use1", "apart-1", "10.245.0.7")
	all, err := clientcmd.LoadFromFile(in.sandbox.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(all.Clusters[all.Contexts["use1"].Cluster].Server)
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, server.Host)
	in.issue("use1", "https://"+w.address)
	in.run()
	in.answers("apart-1.use1", "NOERROR [10.245.0.7]")
	w.cut()
	began := time.Now()
	in.process.WaitFor(t, "cluster cannot be watched", "cluster=use1")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the partition was noticed after %v", took)
	} else {
		t.Logf("the partition was noticed after %v", took)
	}
	in.slice("use1", "apart-1", "10.245.0.8")
	in.answers("apart-1.use1", "NOERROR [10.245.0.7]")
	w.heal()
	began = time.Now()
	in.answers("apart-1.use1", "NOERROR [10.245.0.8]")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("after the network was whole again it took %v", took)
	} else {
		t.Logf("after the network was whole again it took %v", took)
	}
}

// wire passes connections on to an API server, and can be cut: then everything sent over it is swallowed.
type wire struct {
	t               *testing.T
	address, target string

	mu       sync.Mutex
	severed  chan struct{} // closed while the wire is cut
	listener net.Listener
}

func newWire(t *testing.T, target string) *wire {
	w := &wire{t: t, address: "127.0.0.1:0", target: target, severed: make(chan struct{})}
	w.listen()
	t.Cleanup(func() { _ = w.listener.Close() })
	return w
}

func (w *wire) listen() {
	w.t.Helper()
	var err error
	if w.listener, err = net.Listen("tcp", w.address); err != nil {
		w.t.Fatal(err)
	}
	w.address = w.listener.Addr().String()
	go w.accept(w.listener, w.severed)
}

func (w *wire) accept(listener net.Listener, severed <-chan struct{}) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", w.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		context.AfterFunc(w.t.Context(), func() { _ = near.Close(); _ = far.Close() })
		go pump(near, far, severed)
		go pump(far, near, severed)
	}
}

// pump passes on until the wire is cut, and then goes on reading and keeps it.
func pump(from, to net.Conn, severed <-chan struct{}) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-severed:
			if err != nil {
				return
			}
			continue
		default:
		}
		if n > 0 {
			_, _ = to.Write(buffer[:n])
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

// cut swallows what is sent from now on; new connections are not made.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.severed)
	_ = w.listener.Close()
}

// heal lets new connections through; those that were cut stay dead.
func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.severed = make(chan struct{})
	w.listen()
}
