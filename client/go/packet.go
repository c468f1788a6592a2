package sockwright

import (
	"context"
	"net"
	"time"

	v1 "sockwright.dev/go/sockwrightv1"
)

// The most octets of a UDP datagram.
const datagramMax = 65535

// A PacketConn is a datagram socket: a [net.PacketConn], and a [net.Conn] where it has a peer.
type PacketConn struct {
	*socket
	receive *pending[*v1.RecvFromResponse]
	until   *deadline
}

var (
	_ net.PacketConn = (*PacketConn)(nil)
	_ net.Conn       = (*PacketConn)(nil)
)

func newPacketConn(socket *socket) *PacketConn {
	return &PacketConn{socket: socket, receive: newPending[*v1.RecvFromResponse](socket.life), until: newDeadline()}
}

// RemoteAddr is the peer's address; nil where there is no peer.
func (c *PacketConn) RemoteAddr() net.Addr {
	return c.remote
}

// ReadFrom takes the oldest datagram and says where it came from. What does not fit the buffer is lost, as package net has it.
func (c *PacketConn) ReadFrom(buffer []byte) (int, net.Addr, error) {
	response, err := c.receive.take(func(ctx context.Context) (*v1.RecvFromResponse, error) {
		// Whole: should the deadline come first, the next buffer may be larger.
		return c.client.Sockets.RecvFrom(ctx, &v1.RecvFromRequest{Socket: c.id, MaxBytes: datagramMax})
	})
	if err != nil {
		return 0, nil, c.failed("read", err)
	}
	return copy(buffer, response.GetData()), udpAddr(response.GetRemote()), nil
}

// Read is ReadFrom for who knows the peer.
func (c *PacketConn) Read(buffer []byte) (int, error) {
	n, _, err := c.ReadFrom(buffer)
	return n, err
}

// WriteTo sends one datagram.
func (c *PacketConn) WriteTo(octets []byte, to net.Addr) (int, error) {
	remote, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, c.failed("write", &net.AddrError{Err: "not a UDP address", Addr: to.String()})
	}
	return c.write(octets, func(ctx context.Context) error {
		request := &v1.SendToRequest{Socket: c.id, Remote: Address(remote.AddrPort()), Data: octets}
		_, err := c.client.Sockets.SendTo(ctx, request)
		return err
	})
}

// Write sends one datagram to the peer.
func (c *PacketConn) Write(octets []byte) (int, error) {
	return c.write(octets, func(ctx context.Context) error {
		_, err := c.client.Sockets.Send(ctx, &v1.SendRequest{Socket: c.id, Data: octets})
		return err
	})
}

func (c *PacketConn) write(octets []byte, call func(context.Context) error) (int, error) {
	if err := over(c.life, c.until); err != nil {
		return 0, c.failed("write", err)
	}
	if err := call(c.life); err != nil {
		return 0, c.failed("write", callError(err))
	}
	return len(octets), nil
}

// Close lets go of the socket. Datagrams that were not read are lost.
func (c *PacketConn) Close() error {
	return c.failed("close", c.close())
}

// SetDeadline sets both deadlines; the zero time is none.
func (c *PacketConn) SetDeadline(at time.Time) error {
	if err := c.SetReadDeadline(at); err != nil {
		return err
	}
	return c.SetWriteDeadline(at)
}

// SetReadDeadline ends the wait of reads at a time, and of one that waits already. It loses no datagram.
func (c *PacketConn) SetReadDeadline(at time.Time) error {
	return c.failed("set", setDeadline(c.life, c.receive.deadline, at))
}

// SetWriteDeadline makes writes fail from a time on. A datagram does not wait to be sent.
func (c *PacketConn) SetWriteDeadline(at time.Time) error {
	return c.failed("set", setDeadline(c.life, c.until, at))
}

func (c *PacketConn) failed(op string, err error) error {
	return opError(c.socket, "udp", op, err)
}
