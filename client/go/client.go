package sockwright

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	v1 "sockwright.dev/go/sockwrightv1"
)

// A Client is a connection to one server. It may be used by several goroutines at once.
type Client struct {
	// Sockets has the socket calls as the contract has them.
	Sockets v1.SocketsClient
	// Events has the stream of events; [Client.Watch] is its comfortable form.
	Events v1.EventsClient
	// Networks has labs, stacks and their time.
	Networks v1.NetworksClient
	// Sessions has leases.
	Sessions v1.SessionsClient
	// Traffic has workloads that run inside the server.
	Traffic v1.TrafficClient
	// Traces keeps what the server knows of a session, as one file.
	Traces v1.TracesClient

	channel *grpc.ClientConn
}

const (
	// A call may wait for hours; a server that is gone should not take as long to be missed.
	pingAfter   = 30 * time.Second
	pingTimeout = 20 * time.Second
)

// Dial names a server: "127.0.0.1:50051", "https://host:port", "unix:/path". It does not wait for it: the first call does, and says so
// if nobody is there. Tokens and certificates come from the environment: [Access] says which, and is the way without it.
func Dial(server string, options ...grpc.DialOption) (*Client, error) {
	return Access{Server: server}.Dial(options...)
}

func dial(target string, options []grpc.DialOption) (*Client, error) {
	defaults := []grpc.DialOption{
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
	}
	channel, err := grpc.NewClient(target, append(defaults, options...)...)
	if err != nil {
		return nil, err
	}
	return &Client{
		Sockets:  v1.NewSocketsClient(channel),
		Events:   v1.NewEventsClient(channel),
		Networks: v1.NewNetworksClient(channel),
		Sessions: v1.NewSessionsClient(channel),
		Traffic:  v1.NewTrafficClient(channel),
		Traces:   v1.NewTracesClient(channel),
		channel:  channel,
	}, nil
}

// Close lets go of the server. Sockets stay as they are, unless a session's lease decides otherwise.
func (c *Client) Close() error {
	return c.channel.Close()
}

// Stack is a stack by its name, "lab/a" or one that was attached to a real link. That there is one is not asked: the first call
// that needs it does.
func (c *Client) Stack(name string) *Stack {
	return &Stack{client: c, name: name}
}

// Attach makes a stack on a real link.
func (c *Client) Attach(ctx context.Context, request *v1.AttachRequest) (*Stack, error) {
	response, err := c.Networks.Attach(ctx, request)
	if err != nil {
		return nil, callError(err)
	}
	return c.Stack(response.GetStack().GetName()), nil
}
