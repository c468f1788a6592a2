package sockwright

import (
	"context"
	"net"
	"net/netip"

	v1 "sockwright.dev/go/sockwrightv1"
)

// A Stack is a TCP/IP host inside the server: in a lab, or on a real link.
type Stack struct {
	client *Client
	name   string
}

// Name is how the contract calls it, e.g. "lab/a".
func (s *Stack) Name() string {
	return s.name
}

// Client is the connection that it was taken from.
func (s *Stack) Client() *Client {
	return s.client
}

// DialContext opens a connection, as [net.Dialer.DialContext] does: it is what [net/http.Transport] wants for its DialContext. See
// [Dialer] for what can be chosen.
func (s *Stack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return (&Dialer{Stack: s}).DialContext(ctx, network, address)
}

// Listen binds a socket and listens, as [net.ListenConfig.Listen] does. The listener completes handshakes from here on,
// whether anybody accepts or not. See [ListenConfig] for what can be chosen.
func (s *Stack) Listen(ctx context.Context, network, address string) (*Listener, error) {
	return (&ListenConfig{}).Listen(ctx, s, network, address)
}

// ListenPacket binds a datagram socket, as [net.ListenConfig.ListenPacket] does.
func (s *Stack) ListenPacket(ctx context.Context, network, address string) (*PacketConn, error) {
	return (&ListenConfig{}).ListenPacket(ctx, s, network, address)
}

// A Dialer opens connections from a stack.
type Dialer struct {
	// Stack is where from. It has to be given.
	Stack *Stack
	// Local is bound first; its port 0, and no address at all, leave the choice to the stack.
	Local netip.AddrPort
	// Label names the socket in events, lists and filters.
	Label string
	// Session owns the socket, so that it ends with its lease; nil is nobody.
	Session *Session
	// Options are set before the SYN.
	Options *v1.SocketOptions
	// Lookup finds the addresses of a name. Without one, addresses have to be numbers.
	Lookup Lookup
}

// DialContext opens a TCP connection and blocks through its three-way handshake, or makes a datagram socket that
// has its peer. A name's addresses are tried in turn.
//
// When ctx ends first, the connection is reset. Errors are a [*net.OpError] around an [*Error], as of package net: ECONNREFUSED (a
// RST came), ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRINUSE, EADDRNOTAVAIL.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	kind, family, err := kindOf(network)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	remotes, err := resolve(ctx, d.Lookup, family, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	var first error
	for _, remote := range remotes {
		conn, err := d.dial(ctx, kind, remote)
		if err == nil {
			return conn, nil
		}
		// As package net: what the first address said is what is told.
		if first == nil {
			first = &net.OpError{Op: "dial", Net: network, Source: d.source(kind), Addr: addrOf(kind, Address(remote)), Err: err}
		}
	}
	return nil, first
}

func (d *Dialer) dial(ctx context.Context, kind v1.SocketKind, remote netip.AddrPort) (net.Conn, error) {
	socket, err := d.Stack.create(ctx, socketConfig{
		kind: kind, family: familyOf(remote.Addr()), label: d.Label, session: d.Session, options: d.Options, local: d.Local,
	})
	if err != nil {
		return nil, err
	}
	request := &v1.ConnectRequest{Socket: socket.id, Remote: Address(remote)}
	connected, err := d.Stack.client.Sockets.Connect(ctx, request)
	if err != nil {
		socket.abort()
		return nil, callError(err)
	}
	socket.local, socket.remote = addrOf(kind, connected.GetLocal()), addrOf(kind, connected.GetRemote())
	if kind == v1.SocketKind_SOCKET_KIND_DATAGRAM {
		return newPacketConn(socket), nil
	}
	return newConn(socket), nil
}

func (d *Dialer) source(kind v1.SocketKind) net.Addr {
	if !d.Local.IsValid() {
		return nil
	}
	return addrOf(kind, Address(d.Local))
}

// A ListenConfig says how to listen.
type ListenConfig struct {
	// Backlog is how many connections may wait to be accepted; 0 is the server's default.
	Backlog uint32
	// Label names the socket, and the connections that arrive at it.
	Label string
	// Session owns the socket, so that it ends with its lease; nil is nobody.
	Session *Session
	// Options are those of the connections that arrive.
	Options *v1.SocketOptions
}

// Listen binds a socket on a stack and listens. An empty host is every address of the stack, port 0 any free one.
func (c *ListenConfig) Listen(ctx context.Context, stack *Stack, network, address string) (*Listener, error) {
	socket, err := c.bind(ctx, stack, v1.SocketKind_SOCKET_KIND_STREAM, network, address)
	if err != nil {
		return nil, err
	}
	request := &v1.ListenRequest{Socket: socket.id, Backlog: c.Backlog}
	response, err := stack.client.Sockets.Listen(ctx, request)
	if err != nil {
		socket.abort()
		return nil, &net.OpError{Op: "listen", Net: network, Addr: socket.local, Err: callError(err)}
	}
	socket.local = tcpAddr(response.GetLocal())
	return newListener(socket), nil
}

// ListenPacket binds a datagram socket on a stack.
func (c *ListenConfig) ListenPacket(ctx context.Context, stack *Stack, network, address string) (*PacketConn, error) {
	socket, err := c.bind(ctx, stack, v1.SocketKind_SOCKET_KIND_DATAGRAM, network, address)
	if err != nil {
		return nil, err
	}
	return newPacketConn(socket), nil
}

func (c *ListenConfig) bind(
	ctx context.Context, stack *Stack, want v1.SocketKind, network, address string,
) (*socket, error) {
	kind, family, err := kindOf(network)
	if err == nil && kind != want {
		err = net.UnknownNetworkError(network)
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	locals, err := resolve(ctx, nil, family, address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	local := locals[0]
	made, err := stack.create(ctx, socketConfig{
		kind: kind, family: familyOf(local.Addr()), label: c.Label, session: c.Session, options: c.Options, local: local,
	})
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: addrOf(kind, Address(local)), Err: err}
	}
	return made, nil
}
