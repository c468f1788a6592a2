package sockwright

import (
	"context"
	"time"

	v1 "sockwright.dev/go/sockwrightv1"

	"google.golang.org/protobuf/types/known/durationpb"
)

// A SessionConfig is what a session is made from.
type SessionConfig struct {
	// Lease is how long it outlives its client; 0 is the server's default.
	Lease time.Duration
	// OnExpiry is what becomes of its sockets then.
	OnExpiry v1.OnExpiry
	// Label names it to people.
	Label string
}

// A Session is a lease: what belongs to it ends by its policy when this program is gone. It is kept alive until it is closed.
type Session struct {
	client *Client
	id     string
	stop   context.CancelFunc
}

// OpenSession opens a session and keeps it alive.
func (c *Client) OpenSession(ctx context.Context, config SessionConfig) (*Session, error) {
	request := &v1.OpenRequest{OnExpiry: config.OnExpiry, Label: config.Label}
	if config.Lease != 0 {
		request.Lease = durationpb.New(config.Lease)
	}
	response, err := c.Sessions.Open(ctx, request)
	if err != nil {
		return nil, callError(err)
	}
	life, stop := context.WithCancel(context.Background())
	session := &Session{client: c, id: response.GetSession(), stop: stop}
	go session.keepAlive(life, response.GetLease().AsDuration())
	return session, nil
}

// ID is its name in the contract; that of no session is empty.
func (s *Session) ID() string {
	if s == nil {
		return ""
	}
	return s.id
}

// Close ends the session now. What belongs to it ends by its policy.
func (s *Session) Close(ctx context.Context) error {
	s.stop()
	_, err := s.client.Sessions.Close(ctx, &v1.SessionsCloseRequest{Session: s.id})
	return callError(err)
}

// keepAlive renews the lease three times as often as it has to: a call that fails is made good by the next.
func (s *Session) keepAlive(life context.Context, lease time.Duration) {
	ticker := time.NewTicker(max(lease/3, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-ticker.C:
			call, cancel := context.WithTimeout(life, lease/3)
			_, _ = s.client.Sessions.KeepAlive(call, &v1.KeepAliveRequest{Session: s.id})
			cancel()
		}
	}
}
