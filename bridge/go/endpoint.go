package qapidbus

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/godbus/dbus/v5"
)

// Endpoint is what monitors and agents have in common. The deadline of a call's context is the
// service's as well; without one the service has its own. A call that is given up may still run.
type Endpoint struct {
	bus      *Bus
	place    Place
	commands string
	endpoint string
	events   map[string]EventType
	oob      bool
}

// NewEndpoint is for the generated packages.
func NewEndpoint(bus *Bus, at Place, protocol string, events []EventType) *Endpoint {
	kind := "org.qemu." + protocol
	bySignal := make(map[string]EventType, len(events))
	for _, event := range events {
		bySignal[event.Signal] = event
	}
	return &Endpoint{bus: bus, place: at, commands: kind + "Qapi", endpoint: kind + "Endpoint", events: bySignal}
}

// WithOOB is for the generated packages.
func (e *Endpoint) WithOOB() *Endpoint {
	other := *e
	other.oob = true
	return &other
}

// Call runs any command by its QAPI name, known to this module or not.
func (e *Endpoint) Call(ctx context.Context, command string, arguments map[string]any) (any, error) {
	members, err := dictionary(arguments)
	if err != nil {
		return nil, err
	}
	body, err := e.send(ctx, e.endpoint, "Call", command, members, e.reserved(ctx))
	if err != nil {
		return nil, err
	}
	return plain(body[0]), nil
}

// State returns disconnected, connecting, ready or unresponsive.
func (e *Endpoint) State(ctx context.Context) (string, error) {
	return property[string](ctx, e, "State")
}

// Version returns the version of QEMU or of the agent.
func (e *Endpoint) Version(ctx context.Context) (string, error) {
	return property[string](ctx, e, "Version")
}

// Commands returns the commands that this peer really offers.
func (e *Endpoint) Commands(ctx context.Context) ([]string, error) {
	return property[[]string](ctx, e, "Commands")
}

// Invoke is for the generated packages. It calls a method with positional arguments, then the
// members of the others; result is a pointer, or nil.
func (e *Endpoint) Invoke(ctx context.Context, method string, positional []any, declared bool, members []any, result any) error {
	args := make([]any, 0, len(positional)+1)
	for _, value := range positional {
		encoded, err := encode(value)
		if err != nil {
			return err
		}
		args = append(args, encoded)
	}
	rest := e.reserved(ctx)
	for _, each := range members {
		if err := addMembers(rest, each); err != nil {
			return err
		}
	}
	if declared || len(rest) > 0 {
		args = append(args, rest)
	}
	body, err := e.send(ctx, e.commands, method, args...)
	runtime.KeepAlive(positional) // files among them are open until they are sent
	if err != nil || result == nil || len(body) == 0 {
		return err
	}
	return decode(plain(body[0]), result)
}

// Own is for package qga. It calls a method of the endpoint itself, with the keys that say how the
// call is made behind the arguments.
func (e *Endpoint) Own(ctx context.Context, method string, args ...any) ([]any, error) {
	return e.send(ctx, e.endpoint, method, append(args, e.reserved(ctx))...)
}

// Members is for the generated packages.
func Members[T any](options []T) []any {
	members := make([]any, len(options))
	for at, each := range options {
		members[at] = each
	}
	return members
}

// InvokeUnion is for the generated packages. It calls a method whose arguments form a union, those
// of these names in front.
func (e *Endpoint) InvokeUnion(ctx context.Context, method string, names []string, arguments any, result any) error {
	members := map[string]dbus.Variant{}
	if err := addMembers(members, arguments); err != nil {
		return err
	}
	positional := make([]any, 0, len(names))
	for _, name := range names {
		member, given := members[name]
		if !given {
			return fmt.Errorf("%s is missing", name)
		}
		positional = append(positional, member.Value())
		delete(members, name)
	}
	return e.Invoke(ctx, method, positional, true, []any{members}, result)
}

// reserved returns the keys that say how the call is made.
func (e *Endpoint) reserved(ctx context.Context) map[string]dbus.Variant {
	keys := map[string]dbus.Variant{}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline).Milliseconds()
		if left < 1 {
			left = 1
		}
		keys["@timeout"] = dbus.MakeVariant(left)
	}
	if e.oob {
		keys["@oob"] = dbus.MakeVariant(true)
	}
	return keys
}

func (e *Endpoint) send(ctx context.Context, iface, member string, args ...any) ([]any, error) {
	return e.bus.call(ctx, e.place.Name, dbus.ObjectPath(e.place.Path), iface+"."+member, args...)
}

func property[T any](ctx context.Context, e *Endpoint, name string) (value T, err error) {
	body, err := e.send(ctx, "org.freedesktop.DBus.Properties", "Get", e.endpoint, name)
	if err == nil {
		err = decode(plain(body[0]), &value)
	}
	return value, err
}
