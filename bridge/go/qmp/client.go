// Package qmp has the commands and events of QEMU's monitor, typed.
package qmp

import (
	"context"

	"qapidbus"
)

// Default is where the service has the monitor unless it serves machines by their names.
var Default = qapidbus.Place{Name: "org.qemu.qmp", Path: "/org/qemu/qmp"}

// Client calls the commands of a monitor.
type Client struct{ *qapidbus.Endpoint }

// New returns the client of a place: Default, or qapidbus.Machine("vm1").
func New(bus *qapidbus.Bus, at qapidbus.Place) *Client {
	return &Client{qapidbus.NewEndpoint(bus, at, "Qmp", eventTypes())}
}

// OutOfBand returns a client whose commands QEMU runs out of band, where it allows that.
func (c *Client) OutOfBand() *Client { return &Client{c.WithOOB()} }

// Subscribe has events of these names, or all, with these members sent to the caller alone. The
// service sends the current state first, as events. The context is for the call only.
func (c *Client) Subscribe(ctx context.Context, match map[string]any, names ...string) (*qapidbus.Subscription, error) {
	return qapidbus.Subscribe(ctx, c.Endpoint, match, names...)
}
