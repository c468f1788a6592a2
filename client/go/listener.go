package sockwright

import (
	"context"
	"net"
	"time"

	v1 "sockwright.dev/go/sockwrightv1"
)

// A Listener is a [net.Listener] on a stack.
type Listener struct {
	*socket
	accept *pending[*v1.AcceptResponse]
}

var _ net.Listener = (*Listener)(nil)

func newListener(socket *socket) *Listener {
	return &Listener{socket: socket, accept: newPending[*v1.AcceptResponse](socket.life)}
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr {
	return l.local
}

// Accept takes the oldest connection whose handshake is over, and blocks while there is none. What it gives is a [*Conn].
func (l *Listener) Accept() (net.Conn, error) {
	return l.AcceptConn()
}

// AcceptConn is Accept with the type that it has.
func (l *Listener) AcceptConn() (*Conn, error) {
	response, err := l.accept.take(func(ctx context.Context) (*v1.AcceptResponse, error) {
		return l.client.Sockets.Accept(ctx, &v1.AcceptRequest{Socket: l.id})
	})
	if err != nil {
		return nil, l.failed("accept", err)
	}
	accepted := newSocket(l.client, response.GetSocket(), v1.SocketKind_SOCKET_KIND_STREAM, response.GetAt())
	accepted.local, accepted.remote = tcpAddr(response.GetLocal()), tcpAddr(response.GetRemote())
	return newConn(accepted), nil
}

// SetDeadline ends the wait of Accept at a time, and of one that waits already. It loses no connection. The zero time is none.
func (l *Listener) SetDeadline(at time.Time) error {
	return l.failed("set", setDeadline(l.life, l.accept.deadline, at))
}

// Close ends listening. Connections that nobody has accepted are reset.
func (l *Listener) Close() error {
	return l.failed("close", l.close())
}

func (l *Listener) failed(op string, err error) error {
	return opError(l.socket, "tcp", op, err)
}
