package sockwright_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	sockwright "sockwright.dev/go"
	"sockwright.dev/go/sockwrightv1"
)

// The README's lines, in their order; book/check.py holds the two together.
func TestTheReadme(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	succeed := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	client, err := sockwright.Dial(address)
	succeed(err)
	defer client.Close()
	lab, err := client.NewLab(ctx, sockwright.LabConfig{Stacks: []string{"a", "b"}, Seed: 1})
	succeed(err)
	defer lab.Close(ctx)

	listener, err := lab.Stack("b").Listen(ctx, "tcp", "10.0.0.2:80")
	succeed(err)
	go http.Serve(listener, handler)

	web := &http.Client{Transport: &http.Transport{DialContext: lab.Stack("a").DialContext}}
	response, err := web.Get("http://10.0.0.2/")
	succeed(err)
	body, err := io.ReadAll(response.Body)
	succeed(err)
	if string(body) != "hello" {
		t.Errorf("the page is %q", body)
	}

	dialed, err := lab.Stack("a").DialContext(ctx, "tcp", "10.0.0.2:80")
	succeed(err)
	conn := dialed.(*sockwright.Conn)
	conn.CloseWrite()
	timeWait, err := conn.WaitFor(ctx, sockwrightv1.TcpState_TCP_STATE_TIME_WAIT)
	succeed(err)
	if cause := timeWait.GetTcpStateChanged().GetCause().GetSegment(); cause != "F." {
		t.Errorf("TIME-WAIT began with %q", cause)
	}
	succeed(conn.Close())
	err = conn.WaitReleased(ctx)
	succeed(err)
}
