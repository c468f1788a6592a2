package sockwright

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	v1 "sockwright.dev/go/sockwrightv1"
)

const (
	// The most octets that one Recv gives or one Send takes.
	chunkMax = 1 << 20
	// Of what is read ahead of a caller whose buffer is small.
	chunkMin = 16 << 10
)

// A Conn is a TCP connection: a [net.Conn] with half-close, reset and all its states.
//
// Its methods may be called from several goroutines at once. Errors are a [*net.OpError], as of package net.
type Conn struct {
	*socket
	receive *pending[*v1.RecvResponse]
	unread  []byte // Received and not yet read. Belongs to who has the turn of receive.
	writing chan struct{}
	until   *deadline
}

var _ net.Conn = (*Conn)(nil)

func newConn(socket *socket) *Conn {
	c := &Conn{
		socket: socket, receive: newPending[*v1.RecvResponse](socket.life), writing: make(chan struct{}, 1), until: newDeadline(),
	}
	c.writing <- struct{}{}
	return c
}

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr {
	return c.remote
}

// Read takes octets from the receive buffer, and blocks while there are none and more can come. After the peer's FIN it
// gives [io.EOF].
//
// It takes up to 16 KiB even for a smaller buffer, and keeps the rest for the next Read; the window that the peer sees is that of
// what the stack holds. A read deadline ends the wait and loses nothing. For exact reads there is [Client.Sockets].
func (c *Conn) Read(buffer []byte) (int, error) {
	if err := c.receive.begin(); err != nil {
		return 0, c.failed("read", err)
	}
	defer c.receive.end()
	if len(buffer) == 0 {
		return 0, nil
	}
	if len(c.unread) == 0 {
		size := uint32(min(max(len(buffer), chunkMin), chunkMax))
		response, err := c.receive.wait(func(ctx context.Context) (*v1.RecvResponse, error) {
			return c.client.Sockets.Recv(ctx, &v1.RecvRequest{Socket: c.id, MaxBytes: size})
		})
		if err != nil {
			return 0, c.failed("read", err)
		}
		if response.GetEndOfStream() {
			return 0, io.EOF
		}
		c.unread = response.GetData()
	}
	n := copy(buffer, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// Write puts octets at the end of the send buffer, and blocks while there is no room. Taken is not delivered: see [Conn.WaitAcknowledged].
//
// After a write deadline it says how much was taken. Only where room came in the very moment in which the deadline passed may one
// more piece have been taken: a call that is cancelled as it ends does not say how.
func (c *Conn) Write(octets []byte) (int, error) {
	if err := over(c.life, c.until); err != nil {
		return 0, c.failed("write", err)
	}
	select {
	case <-c.writing:
	case <-c.life.Done():
		return 0, c.failed("write", net.ErrClosed)
	case <-c.until.passed():
		return 0, c.failed("write", os.ErrDeadlineExceeded)
	}
	defer func() { c.writing <- struct{}{} }()
	written := 0
	for written < len(octets) {
		taken, err := c.send(octets[written:min(len(octets), written+chunkMax)])
		if err != nil {
			return written, c.failed("write", err)
		}
		written += taken
	}
	return written, nil
}

// send puts a piece into the send buffer, as much of it as there is room for.
func (c *Conn) send(octets []byte) (int, error) {
	if err := over(c.life, c.until); err != nil {
		return 0, err
	}
	// What does not wait needs no deadline, and one that passes while the answer is on its way must not hide what was taken.
	response, err := c.client.Sockets.Send(c.life, &v1.SendRequest{Socket: c.id, Data: octets, DontWait: true})
	if err = callError(err); errors.Is(err, syscall.EAGAIN) {
		return c.sendWaiting(octets)
	}
	if err != nil && c.life.Err() != nil {
		err = net.ErrClosed
	}
	return int(response.GetAccepted()), err
}

// sendWaiting is send that waits for room, until the deadline as it is at any moment.
func (c *Conn) sendWaiting(octets []byte) (int, error) {
	ctx, cancel := context.WithCancel(c.life)
	defer cancel()
	done := make(chan outcome[*v1.SendResponse], 1)
	go func() {
		response, err := c.client.Sockets.Send(ctx, &v1.SendRequest{Socket: c.id, Data: octets})
		done <- outcome[*v1.SendResponse]{response, callError(err)}
	}()
	var late error
	select {
	case sent := <-done:
		return int(sent.value.GetAccepted()), sent.err
	case <-c.life.Done():
		late = net.ErrClosed
	case <-c.until.passed():
		late = os.ErrDeadlineExceeded
	}
	// The octets are the caller's again as soon as this returns, so that the call must be over.
	cancel()
	if sent := <-done; sent.err == nil {
		return int(sent.value.GetAccepted()), nil
	}
	return 0, late
}

// Close lets go of the connection: what is in the send buffer is delivered, and a FIN follows. Octets that were not read, or
// that come later, make it a reset. The socket can be watched and waited for until TCP is through.
func (c *Conn) Close() error {
	return c.failed("close", c.close())
}

// CloseWrite is the half-close: a FIN goes after the data, and reading goes on.
func (c *Conn) CloseWrite() error {
	return c.failed("close", c.shutdown(v1.ShutdownHow_SHUTDOWN_HOW_WRITE))
}

// CloseRead ends reading. It sends nothing.
func (c *Conn) CloseRead() error {
	return c.failed("close", c.shutdown(v1.ShutdownHow_SHUTDOWN_HOW_READ))
}

// Abort ends the connection at once, with a reset.
func (c *Conn) Abort() error {
	return c.failed("close", c.abort())
}

func (c *Conn) shutdown(how v1.ShutdownHow) error {
	_, err := c.client.Sockets.Shutdown(c.life, &v1.ShutdownRequest{Socket: c.id, How: how})
	return callError(err)
}

// SetDeadline sets both deadlines; the zero time is none.
func (c *Conn) SetDeadline(at time.Time) error {
	if err := c.SetReadDeadline(at); err != nil {
		return err
	}
	return c.SetWriteDeadline(at)
}

// SetReadDeadline ends the wait of Read at a time, and of one that waits already.
func (c *Conn) SetReadDeadline(at time.Time) error {
	return c.failed("set", setDeadline(c.life, c.receive.deadline, at))
}

// SetWriteDeadline ends the wait of Write at a time, and of one that waits already.
func (c *Conn) SetWriteDeadline(at time.Time) error {
	return c.failed("set", setDeadline(c.life, c.until, at))
}

// WaitFor waits until the connection is in one of these states, or gives at once the time at which it was: one that went
// through FIN-WAIT-2 was there. It looks back to where this Conn began, also after Close.
//
// Errors: ENOTCONN (it is over and never was there), EOVERFLOW (the server does not remember that far).
func (c *Conn) WaitFor(ctx context.Context, states ...v1.TcpState) (*v1.Event, error) {
	return c.waitFor(ctx, &v1.WaitForRequest{
		Condition: &v1.WaitForRequest_TcpStates{TcpStates: &v1.TcpStates{States: states}}, After: c.born,
	})
}

// WaitAcknowledged waits until the peer has acknowledged everything that was written, and the FIN if there was one.
func (c *Conn) WaitAcknowledged(ctx context.Context) error {
	_, err := c.waitFor(ctx, &v1.WaitForRequest{Condition: &v1.WaitForRequest_AllAcknowledged{AllAcknowledged: true}})
	return err
}

// WaitReleased waits until the connection is closed on both sides and TCP has forgotten it, TIME-WAIT included.
func (c *Conn) WaitReleased(ctx context.Context) error {
	_, err := c.waitFor(ctx, &v1.WaitForRequest{
		Condition: &v1.WaitForRequest_Released{Released: true}, After: c.born,
	})
	return err
}

func (c *Conn) waitFor(ctx context.Context, request *v1.WaitForRequest) (*v1.Event, error) {
	request.Socket = c.id
	response, err := c.client.Sockets.WaitFor(ctx, request)
	if err != nil {
		return nil, c.failed("wait", callError(err))
	}
	return response.GetEvent(), nil
}

// failed puts an error into the form of package net.
func (c *Conn) failed(op string, err error) error {
	return opError(c.socket, "tcp", op, err)
}

func opError(socket *socket, network, op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: network, Source: socket.local, Addr: socket.remote, Err: err}
}
