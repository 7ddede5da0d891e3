package qapidbus

import (
	"context"
	"encoding/xml"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// Event is something that the peer told by itself.
type Event struct {
	// Name is QAPI's: DEVICE_DELETED.
	Name string
	// Data is a pointer to the event's type of package qmp, or a map[string]any for an event that
	// this module does not know.
	Data any
	// Time is the peer's.
	Time time.Time
	// Sequence counts the events of the peer without gaps, unless some were dropped.
	Sequence uint64
}

// EventType is a kind of event.
type EventType struct {
	// Signal is the name of the D-Bus signal, Name is QAPI's.
	Signal, Name string
	// Positional are the QAPI names of the signal's positional arguments.
	Positional []string
	// New returns a pointer to an empty value of its data; nil for a map.
	New func() any
}

// Subscription receives events until it is closed, or the service goes away.
type Subscription struct {
	endpoint *Endpoint
	key      key
	out      chan Event
	done     chan struct{}
	once     sync.Once

	mutex   sync.Mutex
	arrived chan struct{}
	waiting []*dbus.Signal
	dropped uint64
	end     error
	newer   map[string]EventType
}

// buffered is how many events may wait to be taken; when there are more, the oldest are dropped.
const buffered = 1024

// Subscribe is for package qmp.
func Subscribe(ctx context.Context, e *Endpoint, match map[string]any, names ...string) (*Subscription, error) {
	members, err := dictionary(match)
	if err != nil {
		return nil, err
	}
	if names == nil {
		names = []string{}
	}
	router := e.bus.router
	router.open()
	defer router.opened()
	body, err := e.bus.call(ctx, busName, "/org/freedesktop/DBus", busName+".GetNameOwner", e.place.Name)
	if err != nil {
		return nil, err
	}
	owner, _ := body[0].(string)
	if err := e.watch(ctx, "AddMatch", owner); err != nil {
		return nil, err
	}
	// To the owner itself: its end is told from here on.
	path := dbus.ObjectPath(e.place.Path)
	body, err = e.bus.call(ctx, owner, path, e.endpoint+".Subscribe", names, members)
	if err != nil {
		_ = e.watch(context.Background(), "RemoveMatch", owner)
		return nil, err
	}
	handle, _ := body[0].(uint64)
	subscription := &Subscription{
		endpoint: e,
		key:      key{owner, path, handle},
		out:      make(chan Event),
		done:     make(chan struct{}),
		arrived:  make(chan struct{}, 1),
	}
	router.add(subscription)
	go subscription.run()
	return subscription, nil
}

// Events returns the channel, which is closed after the last event; Err then says why.
func (s *Subscription) Events() <-chan Event { return s.out }

// Next waits for the next event whose data is a T, such as *qmp.StopEvent, and passes over others.
func Next[T any](ctx context.Context, from *Subscription) (data T, err error) {
	for {
		select {
		case event, open := <-from.out:
			if !open {
				return data, from.ended()
			}
			if data, wanted := event.Data.(T); wanted {
				return data, nil
			}
		case <-ctx.Done():
			return data, ctx.Err()
		}
	}
}

// Err returns why the channel was closed: nil after Close, or an error of the kind ErrGone.
func (s *Subscription) Err() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.end
}

func (s *Subscription) ended() error {
	if err := s.Err(); err != nil {
		return err
	}
	return gone("the subscription was closed")
}

// Dropped returns how many events were dropped since nobody took them.
func (s *Subscription) Dropped() uint64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.dropped
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.once.Do(func() {
		close(s.done)
		e := s.endpoint
		e.bus.router.remove(s.key)
		// That it is at its end already is no error.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, _ = e.bus.call(ctx, s.key.owner, s.key.path, e.endpoint+".Unsubscribe", s.key.handle)
		_ = e.watch(ctx, "RemoveMatch", s.key.owner)
	})
}

func (s *Subscription) run() {
	defer close(s.out)
	for {
		signal, end := s.next()
		if end {
			return
		}
		if signal == nil {
			select {
			case <-s.arrived:
			case <-s.done:
				return
			}
			continue
		}
		select {
		case s.out <- s.event(signal):
		case <-s.done:
			return
		}
	}
}

func (s *Subscription) next() (signal *dbus.Signal, end bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.waiting) == 0 {
		return nil, s.end != nil
	}
	signal, s.waiting = s.waiting[0], s.waiting[1:]
	return signal, false
}

func (s *Subscription) feed(signal *dbus.Signal) {
	s.mutex.Lock()
	if len(s.waiting) >= buffered {
		s.waiting = s.waiting[1:]
		s.dropped++
	}
	s.waiting = append(s.waiting, signal)
	s.mutex.Unlock()
	s.wake()
}

func (s *Subscription) finish(text string) {
	s.mutex.Lock()
	if s.end == nil {
		s.end = gone(text)
	}
	s.mutex.Unlock()
	s.wake()
}

func (s *Subscription) wake() {
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}

func (s *Subscription) event(signal *dbus.Signal) Event {
	iface, member := splitName(signal.Name)
	body := signal.Body
	kind := EventType{}
	if iface == s.endpoint.endpoint { // UnknownEvent
		kind.Name, _ = body[0].(string)
		body = body[1:]
	} else {
		kind = s.kind(member)
	}
	rest, _ := plain(body[len(body)-1]).(map[string]any)
	event := Event{Name: kind.Name}
	var micros uint64
	_ = store(rest["@timestamp"], valueOf(&micros))
	_ = store(rest["@sequence"], valueOf(&event.Sequence))
	event.Time = time.UnixMicro(int64(micros))
	for _, name := range []string{"@timestamp", "@sequence", "@subscription"} {
		delete(rest, name)
	}
	for at, name := range kind.Positional {
		if at < len(body)-1 {
			rest[name] = plain(body[at])
		}
	}
	event.Data = rest
	if kind.New != nil {
		data := kind.New()
		if decode(rest, data) == nil {
			event.Data = data
		}
	}
	return event
}

// kind looks a signal up; the service can be newer than this module, and then says itself what it is.
func (s *Subscription) kind(member string) EventType {
	if kind, known := s.endpoint.events[member]; known {
		return kind
	}
	if s.newer == nil {
		s.newer = s.endpoint.newerEvents()
	}
	if kind, known := s.newer[member]; known {
		return kind
	}
	return EventType{Name: member}
}

func (e *Endpoint) newerEvents() map[string]EventType {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	found := map[string]EventType{}
	body, err := e.bus.call(ctx, e.place.Name, dbus.ObjectPath(e.place.Path), introspectable)
	if err != nil {
		return found
	}
	var root struct {
		Interfaces []struct {
			Name    string `xml:"name,attr"`
			Signals []struct {
				described
				Args []described `xml:"arg"`
			} `xml:"signal"`
		} `xml:"interface"`
	}
	text, _ := body[0].(string)
	_ = xml.Unmarshal([]byte(text), &root)
	for _, iface := range root.Interfaces {
		if iface.Name != e.commands {
			continue
		}
		for _, signal := range iface.Signals {
			kind := EventType{Name: signal.qapi()}
			for _, arg := range signal.Args {
				kind.Positional = append(kind.Positional, arg.qapi())
			}
			found[signal.Name] = kind
		}
	}
	return found
}

// described is an element of introspection data.
type described struct {
	Name        string `xml:"name,attr"`
	Annotations []struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	} `xml:"annotation"`
}

func (d described) qapi() string {
	for _, annotation := range d.Annotations {
		if annotation.Name == "org.qemu.Qapi.Name" {
			return annotation.Value
		}
	}
	return d.Name
}

func (e *Endpoint) watch(ctx context.Context, member, owner string) error {
	rule := "type='signal',sender='" + busName + "',member='NameOwnerChanged',arg0='" + owner + "'"
	_, err := e.bus.call(ctx, busName, "/org/freedesktop/DBus", busName+"."+member, rule)
	return err
}
