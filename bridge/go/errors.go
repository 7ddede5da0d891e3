package qapidbus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Kind tells whether a command may have run.
type Kind int

// The kinds of errors. As targets of errors.Is they match an *Error of that kind.
const (
	// ErrPeer is QEMU's or the agent's own answer; Error.Class tells more.
	ErrPeer Kind = iota + 1
	// ErrNotSent says that not a byte was sent to the peer: a retry is safe.
	ErrNotSent
	// ErrUnknown says that the command was sent and its outcome is not known.
	ErrUnknown
	// ErrRefused says that the service or the bus did not accept the call.
	ErrRefused
	// ErrGone ends a subscription: the service or the bus went away.
	ErrGone
)

// Error says so, for errors.Is.
func (k Kind) Error() string {
	return [...]string{"", "error of the peer", "not sent", "outcome unknown", "refused", "gone"}[k]
}

// Error is what a call fails with.
type Error struct {
	Kind Kind
	// Name is the D-Bus error's.
	Name string
	// Class is QAPI's error class where Kind is ErrPeer: GenericError, DeviceNotFound, or one not
	// known yet.
	Class string
	// Text is for people.
	Text string

	cause error
}

// Error returns name and text.
func (e *Error) Error() string { return e.Name + ": " + e.Text }

// Is reports whether target is the error's kind.
func (e *Error) Is(target error) bool { return target == error(e.Kind) }

// Unwrap returns the context's error where that ended the call.
func (e *Error) Unwrap() error { return e.cause }

// Reason returns the last part of the name: Timeout, NotConnected, InvalidArgs.
func (e *Error) Reason() string { return e.Name[strings.LastIndex(e.Name, ".")+1:] }

// MayHaveRun reports whether the command may have had an effect.
func (e *Error) MayHaveRun() bool {
	return e.Kind == ErrUnknown || e.Kind == ErrPeer && e.Class != "CommandNotFound"
}

const (
	qapiError     = "org.qemu.QapiError."
	standardError = "org.freedesktop.DBus.Error."
)

var standardKinds = map[string]Kind{
	// The service took the call and its answer never came, or it failed on the way.
	"NoReply":      ErrUnknown,
	"Timeout":      ErrUnknown,
	"TimedOut":     ErrUnknown,
	"Disconnected": ErrUnknown,
	"Failed":       ErrUnknown,
	// There was nobody to take the call.
	"ServiceUnknown": ErrNotSent,
	"NameHasNoOwner": ErrNotSent,
}

func failure(err error) error {
	var reply dbus.Error
	var value dbus.InvalidMessageError
	var format dbus.FormatError
	switch {
	case errors.As(err, &reply):
		return ofReply(reply)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: ErrUnknown, Name: qapiError + "Unknown.Timeout", Text: err.Error(), cause: err}
	case errors.As(err, &value), errors.As(err, &format):
		return fmt.Errorf("arguments: %w", err)
	}
	// Whether the connection ended before or after the message left, nobody can tell.
	return &Error{Kind: ErrUnknown, Name: standardError + "Disconnected", Text: err.Error(), cause: err}
}

func ofReply(reply dbus.Error) *Error {
	text := ""
	if len(reply.Body) > 0 {
		text, _ = reply.Body[0].(string)
	}
	failed := &Error{Kind: ErrRefused, Name: reply.Name, Text: text}
	if family := strings.TrimPrefix(reply.Name, qapiError); family != reply.Name {
		switch {
		case strings.HasPrefix(family, "NotSent."):
			failed.Kind = ErrNotSent
		case strings.HasPrefix(family, "Unknown."):
			failed.Kind = ErrUnknown
		default:
			failed.Kind, failed.Class = ErrPeer, family
		}
	} else if kind, known := standardKinds[strings.TrimPrefix(reply.Name, standardError)]; known {
		failed.Kind = kind
	}
	return failed
}

// Must returns the value of a call that cannot fail in earnest, and panics with its error otherwise:
// for programs that have nothing else to do then.
func Must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func closed() *Error {
	return &Error{Kind: ErrNotSent, Name: standardError + "Disconnected", Text: "the connection to the bus is closed"}
}

func gone(text string) *Error {
	return &Error{Kind: ErrGone, Name: standardError + "Disconnected", Text: text}
}
