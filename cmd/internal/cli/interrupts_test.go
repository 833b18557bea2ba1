package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A command that waits for a cluster which never answers ends at once when it is
// interrupted, with the documented exit code.
func TestInterruptedWhileAsking(t *testing.T) {
	for _, args := range [][]string{{"plan"}, {"status"}, {"dns", "records"}, {"apply", "--auto-approve"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			address, asked := silentServer(t)
			signals := make(chan os.Signal, 1)
			var stderr bytes.Buffer
			p := &process{
				in: strings.NewReader(""), out: io.Discard, err: &stderr, env: func(string) string { return "" },
				interrupts: &interrupts{signals: signals}, now: time.Now, random: strings.NewReader("123456"),
			}
			code := make(chan int, 1)
			go func() {
				code <- p.run(context.Background(), append(args, "-f", "../../../docs/examples/bank/topology.yaml", "--kubeconfig", kubeconfigOf(t, address)))
			}()
			<-asked
			signals <- os.Interrupt
			select {
			case got := <-code:
				if got != ExitAborted {
					t.Errorf("exit %d, want %d\n%s", got, ExitAborted, stderr.String())
				}
			case <-time.After(10 * time.Second): // well below the request timeout of 15 s
				t.Error("the interrupt is swallowed")
			}
		})
	}
}

// silentServer accepts connections and never answers.
func silentServer(t *testing.T) (address string, asked <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{}, 64)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = connection.Close() })
			select {
			case accepted <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String(), accepted
}

func kubeconfigOf(t *testing.T, address string) string {
	t.Helper()
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: \"https://%s\"}}]\nusers: [{name: u, user: {}}]\ncontexts:\n", address)
	for _, name := range []string{"usw1", "use1", "euw1"} {
		text += fmt.Sprintf("  - {name: %s, context: {cluster: c, user: u}}\n", name)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A topology that is a pipe of which nothing comes ends with an interrupt too.
func TestInterruptedWhileReading(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "topology.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	var stderr bytes.Buffer
	p := &process{
		in: strings.NewReader(""), out: io.Discard, err: &stderr, env: func(string) string { return "" },
		interrupts: &interrupts{signals: signals}, now: time.Now, random: strings.NewReader("123456"),
	}
	signals <- os.Interrupt
	if code := p.run(context.Background(), []string{"validate", "-f", pipe}); code != ExitAborted {
		t.Errorf("exit %d, want %d\n%s", code, ExitAborted, stderr.String())
	}
	// Whoever opened the pipe to read it is given an end.
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
}
