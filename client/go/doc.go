// Package sockwright drives real TCP and UDP peers from Go.
//
// A Sockwright server owns the peers; this package makes them look like those of package net. A [Stack] listens and
// dials, a [Conn] is a [net.Conn], a [Listener] a [net.Listener] and a [PacketConn] a [net.PacketConn], so that net/http
// and everything else that is written against those interfaces runs over a TCP that can be watched:
//
//	client, err := sockwright.Dial("127.0.0.1:50051")
//	lab, err := client.NewLab(ctx, sockwright.LabConfig{Stacks: []string{"a", "b"}, Seed: 1})
//	listener, err := lab.Stack("b").Listen(ctx, "tcp", "10.0.0.2:80")
//	conn, err := lab.Stack("a").DialContext(ctx, "tcp", "10.0.0.2:80")
//	...
//	conn.Close()
//	_, err = conn.WaitFor(ctx, sockwrightv1.TcpState_TCP_STATE_TIME_WAIT)
//
// What package net has no words for, the contract has: [Client.Sockets] and its like are the generated clients of
// package sockwrightv1, whose comments are the reference of every call. [Conn.ID] is the name of a connection there.
//
// A failed call gives an error that [errors.Is] finds the errno in, e.g. [syscall.ECONNREFUSED], and from which
// [errors.As] takes an [*Error] with the state in which the call found the connection.
package sockwright
