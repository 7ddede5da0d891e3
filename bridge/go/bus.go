// Package qapidbus calls QEMU's monitor (QMP) and guest agent through the D-Bus service qapi-dbus.
// The typed commands are in its packages qmp and qga.
package qapidbus

import (
	"context"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	fleet          = "org.qemu.Bridge"
	machines       = "/org/qemu/vm"
	busName        = "org.freedesktop.DBus"
	introspectable = "org.freedesktop.DBus.Introspectable.Introspect"
)

// Bus is a connection to a bus. It, and what stands on it, may be used by many goroutines.
type Bus struct {
	conn   *dbus.Conn
	router *router
}

// SessionBus connects to the session's bus.
func SessionBus() (*Bus, error) { return open(dbus.ConnectSessionBus) }

// SystemBus connects to the system's bus.
func SystemBus() (*Bus, error) { return open(dbus.ConnectSystemBus) }

// Connect connects to the bus of an address.
func Connect(address string) (*Bus, error) {
	return open(func(options ...dbus.ConnOption) (*dbus.Conn, error) {
		return dbus.Connect(address, options...)
	})
}

func open(connect func(...dbus.ConnOption) (*dbus.Conn, error)) (*Bus, error) {
	router := newRouter()
	conn, err := connect(dbus.WithSignalHandler(router))
	if err != nil {
		return nil, err
	}
	return &Bus{conn, router}, nil
}

// Close ends the connection; calls and subscriptions fail.
func (b *Bus) Close() error { return b.conn.Close() }

// Machines returns the names of the service's machines.
func (b *Bus) Machines(ctx context.Context) ([]string, error) {
	body, err := b.call(ctx, fleet, machines, introspectable)
	if err != nil {
		return nil, err
	}
	var root struct {
		Nodes []struct {
			Name string `xml:"name,attr"`
		} `xml:"node"`
	}
	text, _ := body[0].(string)
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		return nil, err
	}
	var names []string
	for _, node := range root.Nodes {
		names = append(names, decodeLabel(node.Name))
	}
	return names, nil
}

func (b *Bus) call(ctx context.Context, name string, path dbus.ObjectPath, method string, args ...any) ([]any, error) {
	if !b.conn.Connected() {
		return nil, closed()
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{Kind: ErrNotSent, Name: standardError + "Timeout", Text: err.Error(), cause: err}
	}
	call := b.conn.Object(name, path).CallWithContext(ctx, method, 0, args...)
	if call.Err != nil {
		return nil, failure(call.Err)
	}
	return call.Body, nil
}

// Place is an object of the service.
type Place struct {
	// Name is the bus name, Path the object's.
	Name, Path string
}

// Machine is the place of a machine by its name.
func Machine(name string) Place { return Place{fleet, machines + "/" + encodeLabel(name)} }

// encodeLabel makes a name part of an object path, as sd_bus_path_encode(3) does.
func encodeLabel(name string) string {
	if name == "" {
		return "_"
	}
	var label strings.Builder
	for at := 0; at < len(name); at++ {
		c := name[at]
		digit := '0' <= c && c <= '9'
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || digit && at > 0 {
			label.WriteByte(c)
		} else {
			fmt.Fprintf(&label, "_%02x", c)
		}
	}
	return label.String()
}

func decodeLabel(label string) string {
	if label == "_" {
		return ""
	}
	parts := strings.Split(label, "_")
	name := parts[0]
	for _, part := range parts[1:] {
		if len(part) < 2 {
			return label
		}
		c, err := strconv.ParseUint(part[:2], 16, 8)
		if err != nil {
			return label
		}
		name += string([]byte{byte(c)}) + part[2:]
	}
	return name
}
