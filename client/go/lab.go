package sockwright

import (
	"context"
	"time"

	v1 "sockwright.dev/go/sockwrightv1"

	"google.golang.org/protobuf/types/known/durationpb"
)

// A LabConfig is what a lab is made from. What it has no field for, [Client.Networks] does.
type LabConfig struct {
	// Name is the first part of its stacks' names; empty, the server finds one.
	Name string
	// Stacks have these names, and the addresses 10.0.0.1, 10.0.0.2 and so on; all of them are on one link.
	Stacks []string
	// Impairments of that link; nil, it only takes no time.
	Impairments *v1.Impairments
	// Clock is virtual unless said otherwise: time jumps to the next timer whenever nothing is left to do.
	Clock v1.Clock
	// Seed decides everything that is random.
	Seed uint64
	// Session owns the lab, so that it ends with its lease; nil is nobody.
	Session *Session
}

// A Lab is a set of stacks that are joined inside the server, with a clock of their own. It needs no privilege.
type Lab struct {
	client *Client
	name   string
	stacks []*Stack
}

// NewLab makes a lab.
func (c *Client) NewLab(ctx context.Context, config LabConfig) (*Lab, error) {
	request := &v1.CreateLabRequest{
		Name: config.Name, Clock: config.Clock, Seed: config.Seed, Session: config.Session.ID(),
	}
	for _, name := range config.Stacks {
		request.Stacks = append(request.Stacks, &v1.LabStack{Name: name})
	}
	if config.Impairments != nil {
		request.Links = []*v1.LabLink{{Stacks: config.Stacks, Impairments: config.Impairments}}
	}
	response, err := c.Networks.CreateLab(ctx, request)
	if err != nil {
		return nil, callError(err)
	}
	lab := &Lab{client: c, name: response.GetLab().GetName()}
	for _, name := range response.GetLab().GetStacks() {
		lab.stacks = append(lab.stacks, c.Stack(name))
	}
	return lab, nil
}

// Name is the lab's own.
func (l *Lab) Name() string {
	return l.name
}

// Stack is the one with this name in the lab, "a" of "lab/a".
func (l *Lab) Stack(name string) *Stack {
	return l.client.Stack(l.name + "/" + name)
}

// Stacks are all of them, in the order in which they were given.
func (l *Lab) Stacks() []*Stack {
	return l.stacks
}

// Advance moves the clock of a lab that is not a real one, and fires every timer on the way at its own time.
func (l *Lab) Advance(ctx context.Context, by time.Duration) error {
	how := &v1.AdvanceTimeRequest_By{By: durationpb.New(by)}
	_, err := l.client.Networks.AdvanceTime(ctx, &v1.AdvanceTimeRequest{Lab: l.name, How: how})
	return callError(err)
}

// Close deletes the lab, its stacks and their sockets, without a segment.
func (l *Lab) Close(ctx context.Context) error {
	_, err := l.client.Networks.DeleteLab(ctx, &v1.DeleteLabRequest{Name: l.name})
	return callError(err)
}
