package sockwright_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"
	sockwright "sockwright.dev/go"
	"sockwright.dev/go/sockwrighttest"
	v1 "sockwright.dev/go/sockwrightv1"
)

const web = "10.0.0.2:80"

// connected is both ends of a connection between two stacks of a lab, and what listened.
func connected(t testing.TB, lab *sockwright.Lab) (client, server *sockwright.Conn) {
	t.Helper()
	listener, err := lab.Stack("b").Listen(t.Context(), "tcp", web)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := lab.Stack("a").DialContext(t.Context(), "tcp", web)
	if err != nil {
		t.Fatal(err)
	}
	server, err = listener.AcceptConn()
	if err != nil {
		t.Fatal(err)
	}
	return conn.(*sockwright.Conn), server
}

// What the Go project asks of every net.Conn: deadlines in the past, present and future, concurrent calls, closing under both.
func TestConnIsANetConn(t *testing.T) {
	client := sockwrighttest.Client(t)
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		ctx := context.Background()
		lab, err := client.NewLab(ctx, sockwright.LabConfig{Stacks: []string{"a", "b"}, Seed: 1})
		if err != nil {
			return nil, nil, nil, err
		}
		listener, err := lab.Stack("b").Listen(ctx, "tcp", web)
		if err != nil {
			return nil, nil, nil, err
		}
		c1, err := lab.Stack("a").DialContext(ctx, "tcp", web)
		if err != nil {
			return nil, nil, nil, err
		}
		c2, err := listener.Accept()
		return c1, c2, func() { c1.Close(); c2.Close(); lab.Close(ctx) }, err
	})
}

func TestHTTPRunsOverAStack(t *testing.T) {
	lab := sockwrighttest.Lab(t, "a", "b")
	listener, err := lab.Stack("b").Listen(t.Context(), "tcp", web)
	if err != nil {
		t.Fatal(err)
	}
	var addresses sync.Map
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addresses.Store(r.RemoteAddr, true)
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s: %d", r.Method, r.URL.Path, len(body))
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	transport := &http.Transport{DialContext: (&sockwright.Dialer{
		Stack: lab.Stack("a"),
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("10.0.0.2")}, nil
		},
	}).DialContext}
	client := &http.Client{Transport: transport}
	for _, size := range []int{0, 5, 300_000} {
		response, err := client.Post("http://web.lab/things", "text/plain", strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if want := fmt.Sprintf("POST /things: %d", size); err != nil || string(body) != want {
			t.Fatalf("%q, %v; want %q", body, err, want)
		}
	}
	count := 0
	addresses.Range(func(address, _ any) bool {
		count++
		if !strings.HasPrefix(address.(string), "10.0.0.1:") {
			t.Errorf("a request from %v", address)
		}
		return true
	})
	if count != 1 {
		t.Errorf("%d connections, want one that is used again", count)
	}
	transport.CloseIdleConnections()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != http.ErrServerClosed {
		t.Error(err)
	}
}

func TestTheFourWayCloseIsSeenToItsEnd(t *testing.T) {
	client, server := connected(t, sockwrighttest.Lab(t, "a", "b"))
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	// The half-close: one direction is over, the other is not.
	heard, err := io.ReadAll(server)
	if err != nil || string(heard) != "hello" {
		t.Fatalf("%q, %v", heard, err)
	}
	if _, err := client.Write([]byte("more")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing after CloseWrite: %v", err)
	}
	if _, err := client.WaitFor(t.Context(), v1.TcpState_TCP_STATE_FIN_WAIT_2); err != nil {
		t.Error(err)
	}
	if _, err := server.Write([]byte("goodbye")); err != nil {
		t.Fatal(err)
	}
	if err := server.WaitAcknowledged(t.Context()); err != nil {
		t.Error(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if heard, err := io.ReadAll(client); err != nil || string(heard) != "goodbye" {
		t.Fatalf("%q, %v", heard, err)
	}
	waited, err := client.WaitFor(t.Context(), v1.TcpState_TCP_STATE_TIME_WAIT)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := client.WaitFor(t.Context(), v1.TcpState_TCP_STATE_CLOSED)
	if err != nil {
		t.Fatal(err)
	}
	if lasted := time.Duration(closed.GetTimeNs() - waited.GetTimeNs()); lasted != 60*time.Second {
		t.Errorf("TIME-WAIT lasted %v, not 2*MSL", lasted)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := client.WaitReleased(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := client.WaitFor(t.Context(), v1.TcpState_TCP_STATE_CLOSING); !errors.Is(err, syscall.ENOTCONN) {
		t.Errorf("a state that never was: %v", err)
	}
}

func TestErrorsAreThoseOfPackageNet(t *testing.T) {
	lab := sockwrighttest.Lab(t, "a", "b")
	stack := lab.Stack("a")
	_, err := stack.DialContext(t.Context(), "tcp", web)
	var failed *sockwright.Error
	var op *net.OpError
	switch {
	case !errors.Is(err, syscall.ECONNREFUSED), !errors.As(err, &failed), !errors.As(err, &op):
		t.Fatalf("nobody listens: %#v", err)
	case failed.TCPState != v1.TcpState_TCP_STATE_CLOSED, failed.ErrnoName != "ECONNREFUSED", failed.Socket == 0:
		t.Errorf("%#v", failed)
	case op.Op != "dial", op.Net != "tcp", op.Addr.String() != web:
		t.Errorf("%+v", op)
	}
	if _, ok := err.(net.Error); !ok {
		t.Errorf("callers of package net look for a net.Error: %T", err)
	}
	for address, want := range map[string]error{
		"192.0.2.1:80": syscall.ENETUNREACH, "10.0.0.9:0": syscall.EADDRNOTAVAIL,
	} {
		dial := func() error { _, err := stack.DialContext(t.Context(), "tcp", address); return err }
		if want == syscall.EADDRNOTAVAIL {
			dial = func() error { _, err := stack.Listen(t.Context(), "tcp", address); return err }
		}
		if err := dial(); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
	for network, address := range map[string]string{
		"tcp": "web:80", "tcp4": "[::1]:80", "udp": "10.0.0.2", "unix": "/tmp/x", "tcp6": "10.0.0.2:port",
	} {
		if conn, err := stack.DialContext(t.Context(), network, address); err == nil {
			t.Errorf("%s %s: %v", network, address, conn)
		}
	}
	if left, err := stack.Client().Sockets.List(t.Context(), &v1.ListRequest{
		Filter: &v1.Filter{Stacks: []string{stack.Name()}},
	}); err != nil || len(left.GetSockets()) != 0 {
		t.Errorf("sockets of calls that failed are left: %v, %v", left, err)
	}
	client, server := connected(t, lab)
	if err := server.Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after a reset: %v", err)
	}
	client.Close()
	if _, err := client.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := client.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a second Close: %v", err)
	}
}

func TestADialThatIsGivenUpLeavesNothing(t *testing.T) {
	lab := sockwrighttest.LabOf(t, sockwright.LabConfig{
		Stacks: []string{"a", "b"}, Clock: v1.Clock_CLOCK_MANUAL, Impairments: &v1.Impairments{Loss: 1},
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stack := lab.Stack("a")
	events := stack.Client().Watch(t.Context(), &v1.Filter{
		Stacks: []string{stack.Name()},
		Kinds:  []v1.EventKind{v1.EventKind_EVENT_KIND_TCP_STATE_CHANGED, v1.EventKind_EVENT_KIND_RELEASED},
	})
	dialled := make(chan error, 1)
	for update, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if update.Snapshot.GetLast() {
			go func() {
				_, err := stack.DialContext(ctx, "tcp", web)
				dialled <- err
			}()
		}
		if update.Event.GetTcpStateChanged().GetTo() == v1.TcpState_TCP_STATE_SYN_SENT {
			cancel()
		}
		if update.Event.GetReleased() != nil {
			break
		}
	}
	if err := <-dialled; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestADeadlineLosesNothing(t *testing.T) {
	client, server := connected(t, sockwrighttest.Lab(t, "a", "b"))
	past := time.Now().Add(-time.Second)
	buffer := make([]byte, 4)
	for _, piece := range []string{"one", "two", "three"} {
		// One that waits, and is called away.
		done := make(chan error, 1)
		go func() { _, err := server.Read(buffer); done <- err }()
		server.SetReadDeadline(past)
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	client.CloseWrite()
	server.SetReadDeadline(time.Time{})
	heard, err := io.ReadAll(server)
	if err != nil || string(heard) != "onetwothree" {
		t.Fatalf("%q, %v", heard, err)
	}
}

func TestAMebibyteIsItself(t *testing.T) {
	lab := sockwrighttest.LabOf(t, sockwright.LabConfig{
		Stacks: []string{"a", "b"}, Seed: 7, Impairments: &v1.Impairments{Loss: 0.01},
	})
	client, server := connected(t, lab)
	sent := make([]byte, 3<<20)
	for i := range sent {
		sent[i] = byte(i * 2654435761 >> 8)
	}
	go func() {
		client.Write(sent)
		client.CloseWrite()
	}()
	heard, err := io.ReadAll(server)
	if err != nil || !bytes.Equal(heard, sent) {
		t.Fatalf("%d octets of %d, %v", len(heard), len(sent), err)
	}
	info, err := client.Info(t.Context())
	if err != nil || info.GetTcp().GetRetransmissions() == 0 {
		t.Errorf("nothing was lost: %v, %v", info, err)
	}
}

func TestDatagramsKeepTheirBounds(t *testing.T) {
	lab := sockwrighttest.Lab(t, "a", "b")
	server, err := lab.Stack("b").ListenPacket(t.Context(), "udp", "10.0.0.2:53")
	if err != nil {
		t.Fatal(err)
	}
	client, err := lab.Stack("a").DialContext(t.Context(), "udp", "10.0.0.2:53")
	if err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 16)
	server.SetReadDeadline(time.Now().Add(-time.Second))
	if _, _, err := server.ReadFrom(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	server.SetReadDeadline(time.Time{})
	for _, question := range []string{"who", "", "where"} {
		if n, err := client.Write([]byte(question)); n != len(question) || err != nil {
			t.Fatal(n, err)
		}
		n, from, err := server.ReadFrom(buffer)
		if err != nil || string(buffer[:n]) != question || from.String() != client.LocalAddr().String() {
			t.Fatal(n, from, err)
		}
		if _, err := server.WriteTo([]byte("answer"), from); err != nil {
			t.Fatal(err)
		}
		if n, err := client.Read(buffer); err != nil || string(buffer[:n]) != "answer" {
			t.Fatal(n, err)
		}
	}
	if _, err := server.WriteTo(make([]byte, 70000), client.LocalAddr()); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("too large a datagram: %v", err)
	}
	server.Close()
	if _, _, err := server.ReadFrom(buffer); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
