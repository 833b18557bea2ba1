package main

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// In a bubble of synctest time passes only while everybody waits: delays are exact.
func TestWhatIsCarriedArrivesLaterInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const first, delay = 100 * time.Millisecond, 50 * time.Millisecond
		sender, from := net.Pipe()
		to, receiver := net.Pipe()
		go carry(to, from, first, delay)
		began := time.Now()
		go func() {
			for _, text := range []string{"a", "b"} {
				_, _ = sender.Write([]byte(text))
			}
			<-time.After(time.Second)
			_, _ = sender.Write([]byte("c"))
			_ = sender.Close()
		}()
		for _, want := range []struct {
			text string
			at   time.Duration
		}{{"a", first + delay}, {"b", first + delay}, {"c", time.Second + delay}} {
			got := make([]byte, 1)
			if _, err := io.ReadFull(receiver, got); err != nil || string(got) != want.text {
				t.Fatalf("%q, %v, want %q", got, err, want.text)
			}
			if at := time.Since(began); at != want.at {
				t.Errorf("%s arrived after %s, want %s", want.text, at, want.at)
			}
		}
		if _, err := receiver.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // a pipe gives it as it is
			t.Errorf("the end did not arrive: %v", err)
		}
	})
}

func TestAWayLeadsToItsTarget(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		conn, err := server.Accept()
		if err == nil {
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	w, err := newWay(t.Context(), server.Addr().String(), 2*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	conn, err := net.Dial("tcp", w.address()) //nolint:noctx // as above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	echo := make([]byte, 5)
	if _, err := io.ReadFull(conn, echo); err != nil || string(echo) != "hello" {
		t.Errorf("%q, %v", echo, err)
	}
}
