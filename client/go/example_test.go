package sockwright_test

import (
	"context"
	"fmt"
	"io"
	"log"

	sockwright "sockwright.dev/go"
	v1 "sockwright.dev/go/sockwrightv1"
)

// Two peers in a lab: the three-way handshake, five octets, a half-close and the four-way close, and what became of
// the side that closed first.
func Example() {
	ctx := context.Background()
	client, err := sockwright.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	lab, err := client.NewLab(ctx, sockwright.LabConfig{Stacks: []string{"a", "b"}, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer lab.Close(ctx)

	listener, err := lab.Stack("b").Listen(ctx, "tcp", "10.0.0.2:80")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(conn, conn) // An echo: it ends as the client does.
		conn.Close()
	}()

	conn, err := lab.Stack("a").DialContext(ctx, "tcp", "10.0.0.2:80")
	if err != nil {
		log.Fatal(err)
	}
	peer := conn.(*sockwright.Conn)
	fmt.Fprint(peer, "hello")
	peer.CloseWrite()
	echo, err := io.ReadAll(peer)
	fmt.Printf("%s %v\n", echo, err)

	for _, state := range []v1.TcpState{v1.TcpState_TCP_STATE_TIME_WAIT, v1.TcpState_TCP_STATE_CLOSED} {
		event, err := peer.WaitFor(ctx, state)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.GetTcpStateChanged().GetFrom(), "->", state)
	}
	// Output:
	// hello <nil>
	// TCP_STATE_FIN_WAIT_2 -> TCP_STATE_TIME_WAIT
	// TCP_STATE_TIME_WAIT -> TCP_STATE_CLOSED
}
