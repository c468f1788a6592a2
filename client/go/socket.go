package sockwright

import (
	"context"
	"net"
	"net/netip"

	v1 "sockwright.dev/go/sockwrightv1"
)

// A socket is what connections, listeners and datagram sockets have in common: a name in the contract, and an end.
type socket struct {
	client        *Client
	id            uint64
	kind          v1.SocketKind
	local, remote net.Addr
	born          *v1.Position    // Where it began: what WaitFor looks back to.
	life          context.Context // Over once it is closed on this side.
	end           context.CancelFunc
}

// A socketConfig is what a socket is made from.
type socketConfig struct {
	kind    v1.SocketKind
	family  v1.AddressFamily
	label   string
	session *Session
	options *v1.SocketOptions
	local   netip.AddrPort
}

// create makes a socket and, where there is a local address, binds it.
func (s *Stack) create(ctx context.Context, config socketConfig) (*socket, error) {
	created, err := s.client.Sockets.Create(ctx, &v1.CreateRequest{
		Stack: s.name, Kind: config.kind, Family: config.family,
		Label: config.label, Session: config.session.ID(), Options: config.options,
	})
	if err != nil {
		return nil, callError(err)
	}
	made := newSocket(s.client, created.GetSocket(), config.kind, created.GetAt())
	if !config.local.IsValid() {
		return made, nil
	}
	bound, err := s.client.Sockets.Bind(ctx, &v1.BindRequest{Socket: made.id, Local: Address(config.local)})
	if err != nil {
		made.abort()
		return nil, callError(err)
	}
	made.local = addrOf(config.kind, bound.GetLocal())
	return made, nil
}

func newSocket(client *Client, id uint64, kind v1.SocketKind, born *v1.Position) *socket {
	life, end := context.WithCancel(context.Background())
	return &socket{client: client, id: id, kind: kind, born: born, life: life, end: end}
}

// ID is its name in the contract, for every call that this package has no word for.
func (s *socket) ID() uint64 {
	return s.id
}

// LocalAddr is its own address.
func (s *socket) LocalAddr() net.Addr {
	return s.local
}

// Info tells everything about it: states, sequence numbers, windows, timers, counters.
func (s *socket) Info(ctx context.Context) (*v1.GetInfoResponse, error) {
	info, err := s.client.Sockets.GetInfo(ctx, &v1.GetInfoRequest{Socket: s.id})
	return info, callError(err)
}

// SetOptions sets the options that are present, all of them or none.
func (s *socket) SetOptions(ctx context.Context, options *v1.SocketOptions) error {
	_, err := s.client.Sockets.SetOptions(ctx, &v1.SetOptionsRequest{Socket: s.id, Options: options})
	return callError(err)
}

// close lets go of the socket here, and then there. Only the first time does anything.
func (s *socket) close() error {
	if s.life.Err() != nil {
		return net.ErrClosed
	}
	s.end()
	_, err := s.client.Sockets.Close(context.Background(), &v1.CloseRequest{Socket: s.id})
	return callError(err)
}

// abort ends it with a reset. It outlives the context of whoever gave up.
func (s *socket) abort() error {
	s.end()
	_, err := s.client.Sockets.Abort(context.Background(), &v1.AbortRequest{Socket: s.id})
	return callError(err)
}

func addrOf(kind v1.SocketKind, address *v1.SocketAddress) net.Addr {
	if kind == v1.SocketKind_SOCKET_KIND_DATAGRAM {
		return udpAddr(address)
	}
	return tcpAddr(address)
}
