package sockwright_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"sockwright.dev/go/sockwrighttest"
)

// The Linux kernel at the other end, on loopback: who opens is ours, and then who listens.
func TestTheKernelIsAPeerLikeAnyOther(t *testing.T) {
	peer := sockwrighttest.Peer(t, nil)
	kernel, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	ours, err := peer.DialContext(t.Context(), "tcp", kernel.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := kernel.Accept()
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, ours, accepted)

	listener, err := peer.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled := make(chan outcome[net.Conn], 1)
	go func() {
		conn, err := net.Dial("tcp", listener.Addr().String())
		dialled <- outcome[net.Conn]{conn, err}
	}()
	ours, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	their := <-dialled
	if their.err != nil {
		t.Fatal(their.err)
	}
	exchange(t, their.value, ours)

	// Nothing but loopback is allowed.
	if _, err := peer.DialContext(t.Context(), "tcp", "192.0.2.1:9"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("what no rule allows: %v", err)
	}
}

type outcome[T any] struct {
	value T
	err   error
}

// exchange sends octets both ways at once, and half-closes both ways.
func exchange(t *testing.T, one, other net.Conn) {
	t.Helper()
	there, back := bytes.Repeat([]byte("there"), 50_000), bytes.Repeat([]byte("back"), 30_000)
	heard := make(chan outcome[[]byte], 1)
	go func() {
		octets, err := speak(other, back)
		heard <- outcome[[]byte]{octets, err}
	}()
	answer, err := speak(one, there)
	if err != nil || !bytes.Equal(answer, back) {
		t.Fatalf("%d octets came back: %v", len(answer), err)
	}
	if got := <-heard; got.err != nil || !bytes.Equal(got.value, there) {
		t.Fatalf("%d octets arrived there: %v", len(got.value), got.err)
	}
}

// speak sends all it has and a FIN, while it hears all that comes.
func speak(conn net.Conn, octets []byte) ([]byte, error) {
	defer conn.Close()
	written := make(chan error, 1)
	go func() {
		_, err := conn.Write(octets)
		if err == nil {
			err = conn.(interface{ CloseWrite() error }).CloseWrite()
		}
		written <- err
	}()
	heard, err := io.ReadAll(conn)
	if err != nil {
		return heard, err
	}
	return heard, <-written
}
