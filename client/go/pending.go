package sockwright

import (
	"context"
	"net"
	"os"
)

// A pending is a call that blocks inside the server and takes something from a queue there: octets, a datagram, a
// connection. A deadline of this side ends the wait for it and not the call, so that what it takes is never lost: the next
// who asks gets it. One at a time waits.
type pending[T any] struct {
	turn     chan struct{} // Holds one token while nobody waits.
	deadline *deadline
	life     context.Context // Over when the socket is closed.
	outcome  chan outcome[T] // Of the call that is out; nil while none is. Belongs to who has the turn.
}

type outcome[T any] struct {
	value T
	err   error
}

func newPending[T any](life context.Context) *pending[T] {
	p := &pending[T]{turn: make(chan struct{}, 1), deadline: newDeadline(), life: life}
	p.turn <- struct{}{}
	return p
}

// take waits for the turn and then for the call that is out, or for `call` if none is.
func (p *pending[T]) take(call func(context.Context) (T, error)) (value T, err error) {
	if err := p.begin(); err != nil {
		return value, err
	}
	defer p.end()
	return p.wait(call)
}

// begin waits for the turn.
func (p *pending[T]) begin() error {
	if err := over(p.life, p.deadline); err != nil {
		return err
	}
	select {
	case <-p.turn:
		return nil
	case <-p.life.Done():
		return net.ErrClosed
	case <-p.deadline.passed():
		return os.ErrDeadlineExceeded
	}
}

func (p *pending[T]) end() {
	p.turn <- struct{}{}
}

// wait is take for who has the turn.
func (p *pending[T]) wait(call func(context.Context) (T, error)) (value T, err error) {
	if err := over(p.life, p.deadline); err != nil {
		return value, err
	}
	if p.outcome == nil {
		out := make(chan outcome[T], 1)
		p.outcome = out
		go func() {
			value, err := call(p.life)
			out <- outcome[T]{value, callError(err)}
		}()
	}
	select {
	case got := <-p.outcome:
		p.outcome = nil
		if got.err != nil && p.life.Err() != nil {
			got.err = net.ErrClosed
		}
		return got.value, got.err
	case <-p.life.Done():
		return value, net.ErrClosed
	case <-p.deadline.passed():
		return value, os.ErrDeadlineExceeded
	}
}
