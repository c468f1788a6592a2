package sockwright_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	sockwright "sockwright.dev/go"
	"sockwright.dev/go/sockwrighttest"
	v1 "sockwright.dev/go/sockwrightv1"
)

func TestAWatchTellsEveryStateInOrder(t *testing.T) {
	lab := sockwrighttest.Lab(t, "a", "b")
	updates := lab.Stack("a").Client().Watch(t.Context(), &v1.Filter{Stacks: []string{lab.Stack("a").Name()}})
	var states []string
	for update, err := range updates {
		if err != nil {
			t.Fatal(err)
		}
		if update.Snapshot.GetLast() {
			client, server := connected(t, lab)
			client.CloseWrite()
			server.Close()
			client.Close()
		}
		if changed := update.Event.GetTcpStateChanged(); changed != nil {
			states = append(states, strings.TrimPrefix(changed.GetTo().String(), "TCP_STATE_"))
		}
		if update.Event.GetReleased() != nil {
			break
		}
	}
	if got := strings.Join(states, " "); got != "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED" {
		t.Error(got)
	}
}

func TestAWatchThatMakesNoSenseSaysSo(t *testing.T) {
	client := sockwrighttest.Client(t)
	for update, err := range client.Watch(t.Context(), &v1.Filter{Addresses: []string{"not an address"}}) {
		var failed *sockwright.Error
		if !errors.As(err, &failed) || failed.Code != codes.InvalidArgument {
			t.Fatal(update, err)
		}
	}
}

func TestAWatchOutlivesItsServer(t *testing.T) {
	first := serve(t, "127.0.0.1:0")
	client, err := sockwright.Dial(first.address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var second *served
	var gap *v1.Gap
	for update, err := range client.Watch(ctx, &v1.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case update.Gap != nil:
			gap = update.Gap
		case update.Snapshot.GetLast() && second == nil:
			first.kill(t)
			second = serve(t, first.address)
		case update.Snapshot.GetLast():
			if gap.GetReason() != v1.GapReason_GAP_REASON_OTHER_EPOCH {
				t.Errorf("another run of the server: %v", gap)
			}
			return
		}
	}
}

func TestASessionEndsItsSocketsByItsPolicy(t *testing.T) {
	lab := sockwrighttest.Lab(t, "a", "b")
	client := lab.Stack("a").Client()
	const lease = time.Second
	session, err := client.OpenSession(t.Context(), sockwright.SessionConfig{
		Lease: lease, OnExpiry: v1.OnExpiry_ON_EXPIRY_RESET, Label: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := lab.Stack("b").Listen(t.Context(), "tcp", web)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&sockwright.Dialer{Stack: lab.Stack("a"), Session: session, Label: "held"}).DialContext(t.Context(), "tcp", web)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := listener.AcceptConn()
	if err != nil {
		t.Fatal(err)
	}
	// Three leases later it is still there: it is kept alive. Nothing tells that a lease was renewed, but time.
	peer.SetReadDeadline(time.Now().Add(3 * lease))
	if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*sockwright.Conn).WaitReleased(t.Context()); err != nil {
		t.Error(err)
	}
	peer.SetReadDeadline(time.Time{})
	if _, err := peer.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "ECONNRESET") {
		t.Errorf("what the peer sees: %v", err)
	}
}
