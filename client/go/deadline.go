package sockwright

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// A deadline closes a channel when its time has come, however often it is moved meanwhile.
type deadline struct {
	mutex sync.Mutex
	timer *time.Timer
	past  chan struct{}
}

func newDeadline() *deadline {
	return &deadline{past: make(chan struct{})}
}

// set moves the deadline; the zero time is never. Whoever waits already waits for the new one.
func (d *deadline) set(at time.Time) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.past // The timer is about to close it, and must not close the next one.
	}
	d.timer = nil
	if d.isPast() {
		d.past = make(chan struct{})
	}
	if at.IsZero() {
		return
	}
	if wait := time.Until(at); wait > 0 {
		past := d.past
		d.timer = time.AfterFunc(wait, func() { close(past) })
	} else {
		close(d.past)
	}
}

// passed is closed once the time has come.
func (d *deadline) passed() <-chan struct{} {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.past
}

func (d *deadline) isPast() bool {
	select {
	case <-d.past:
		return true
	default:
		return false
	}
}

// over says whether a socket of this life can do more before this deadline.
func over(life context.Context, until *deadline) error {
	if life.Err() != nil {
		return net.ErrClosed
	}
	select {
	case <-until.passed():
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// setDeadline moves a deadline of a socket that is not closed.
func setDeadline(life context.Context, deadline *deadline, at time.Time) error {
	if life.Err() != nil {
		return net.ErrClosed
	}
	deadline.set(at)
	return nil
}
