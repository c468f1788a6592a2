package sockwright

import (
	"context"
	"errors"
	"iter"
	"time"

	v1 "sockwright.dev/go/sockwrightv1"

	"google.golang.org/grpc/codes"
)

const (
	// How long a watch that lost its server waits before it tries again, at first and at most.
	retryFirst = 50 * time.Millisecond
	retryMost  = 2 * time.Second
)

// An Update is one thing that a watch tells: exactly one of its fields is set.
type Update struct {
	// Event is what happened.
	Event *v1.Event
	// Snapshot is the sockets that were there when the watch began, or after a gap; one with `last` ends it.
	Snapshot *v1.Snapshot
	// Gap is what this watch did not get. A snapshot follows.
	Gap *v1.Gap
}

// Watch tells events, in order: first the sockets that are there, then everything that happens to those which the filter
// admits. Without kinds in the filter it tells states and errors; see the contract.
//
// It outlives its server: when that goes away, the watch goes on where it was as soon as it is back, and tells a gap if
// anything was missed, or if it is another run of the server. It ends with the context, or with an error that trying again does not
// mend: a filter that cannot be understood, a reader that was too slow.
func (c *Client) Watch(ctx context.Context, filter *v1.Filter) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		var resume *v1.Position
		wait := retryFirst
		for {
			err := c.watch(ctx, filter, &resume, func(update Update) bool {
				wait = retryFirst
				return yield(update, nil)
			})
			if err == nil {
				return
			}
			var failed *Error
			if errors.As(err, &failed) && failed.Code != codes.Unavailable || ctx.Err() != nil {
				yield(Update{}, err)
				return
			}
			select {
			case <-time.After(wait):
				wait = min(2*wait, retryMost)
			case <-ctx.Done():
			}
		}
	}
}

// watch is one stream of a watch. No error: its reader has enough.
func (c *Client) watch(ctx context.Context, filter *v1.Filter, resume **v1.Position, yield func(Update) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Events.Watch(ctx, &v1.WatchRequest{
		Filter: filter, Delivery: v1.Delivery_DELIVERY_LOSSLESS, Resume: *resume,
	})
	if err != nil {
		return callError(err)
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return callError(err)
		}
		switch part := response.GetPart().(type) {
		case *v1.WatchResponse_Snapshot:
			if !yield(Update{Snapshot: part.Snapshot}) {
				return nil
			}
			// A snapshot that breaks off has to come again, from its beginning.
			if part.Snapshot.GetLast() {
				*resume = part.Snapshot.GetAt()
			}
		case *v1.WatchResponse_Gap:
			*resume = nil
			if !yield(Update{Gap: part.Gap}) {
				return nil
			}
		case *v1.WatchResponse_Events:
			for _, event := range part.Events.GetEvents() {
				*resume = &v1.Position{Epoch: part.Events.GetEpoch(), Seq: event.GetSeq()}
				if !yield(Update{Event: event}) {
					return nil
				}
			}
		}
	}
}
