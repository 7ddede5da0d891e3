package qapidbus

import (
	"reflect"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// key is what tells subscriptions apart.
type key struct {
	owner  string
	path   dbus.ObjectPath
	handle uint64
}

// router hands signals to the subscriptions that they are for, in the order of their arrival.
type router struct {
	mutex         sync.Mutex
	subscriptions map[key]*Subscription
	opening       int
	// early holds what arrives before the handle of its subscription is known.
	early  []*dbus.Signal
	closed bool
}

func newRouter() *router { return &router{subscriptions: map[key]*Subscription{}} }

// DeliverSignal is called for each signal, one after the other.
func (r *router) DeliverSignal(_, _ string, signal *dbus.Signal) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if signal.Sender == busName && signal.Name == busName+".NameOwnerChanged" {
		r.ownerChanged(signal)
		return
	}
	if to, ok := addressee(signal); ok {
		if subscription := r.subscriptions[to]; subscription != nil {
			subscription.feed(signal)
		} else {
			r.keep(signal)
		}
	}
}

// Terminate is called when the connection ends.
func (r *router) Terminate() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.closed = true
	for _, subscription := range r.subscriptions {
		subscription.finish("the connection to the bus is closed")
	}
}

func (r *router) ownerChanged(signal *dbus.Signal) {
	if len(signal.Body) != 3 || signal.Body[2] != "" {
		return
	}
	for key, subscription := range r.subscriptions {
		if key.owner == signal.Body[0] {
			subscription.finish("the service is gone")
		}
	}
	// It may be the end of one whose subscription is being opened.
	r.keep(signal)
}

func (r *router) keep(signal *dbus.Signal) {
	if r.opening > 0 && len(r.early) < buffered {
		r.early = append(r.early, signal)
	}
}

func (r *router) open() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.opening++
}

func (r *router) opened() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.opening--; r.opening == 0 {
		r.early = nil
	}
}

func (r *router) add(subscription *Subscription) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.subscriptions[subscription.key] = subscription
	if r.closed {
		subscription.finish("the connection to the bus is closed")
	}
	for _, signal := range r.early {
		if to, ok := addressee(signal); ok && to == subscription.key {
			subscription.feed(signal)
		} else if !ok && signal.Body[0] == subscription.key.owner {
			subscription.finish("the service is gone")
		}
	}
}

func (r *router) remove(key key) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.subscriptions, key)
}

func addressee(signal *dbus.Signal) (key, bool) {
	if len(signal.Body) == 0 {
		return key{}, false
	}
	rest, _ := signal.Body[len(signal.Body)-1].(map[string]dbus.Variant)
	handle, ok := rest["@subscription"].Value().(uint64)
	return key{signal.Sender, signal.Path, handle}, ok
}

func splitName(name string) (iface, member string) {
	at := strings.LastIndex(name, ".")
	return name[:at], name[at+1:]
}

func valueOf(pointer any) reflect.Value { return reflect.ValueOf(pointer).Elem() }
