// Package qga has the commands of QEMU's guest agent, typed.
package qga

import "qapidbus"

// Default is where the service has the agent unless it serves machines by their names.
var Default = qapidbus.Place{Name: "org.qemu.qga", Path: "/org/qemu/qga"}

// Client calls the commands of an agent.
type Client struct{ *qapidbus.Endpoint }

// New returns the client of a place: Default, or qapidbus.Machine("vm1").
func New(bus *qapidbus.Bus, at qapidbus.Place) *Client {
	return &Client{qapidbus.NewEndpoint(bus, at, "Qga", nil)}
}
