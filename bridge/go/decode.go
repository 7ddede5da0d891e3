package qapidbus

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

// plain makes a received value what JSON would have it: nil, bool, string, an integer of some
// width, float64, []any, map[string]any.
func plain(value any) any {
	switch value := value.(type) {
	case dbus.Variant:
		return content(value)
	case map[string]dbus.Variant:
		object := make(map[string]any, len(value))
		for name, member := range value {
			object[name] = content(member)
		}
		return object
	case []any:
		return value
	}
	list := reflect.ValueOf(value)
	if list.Kind() != reflect.Slice {
		return value
	}
	elements := make([]any, list.Len())
	for at := range elements {
		elements[at] = plain(list.Index(at).Interface())
	}
	return elements
}

func content(variant dbus.Variant) any {
	value := variant.Value()
	switch variant.Signature().String() {
	case "g": // null
		return nil
	case "ay": // a string with U+0000
		if bytes, ok := value.([]byte); ok {
			return string(bytes)
		}
	case "(s)": // nested deeper than D-Bus allows
		if parts, ok := value.([]any); ok && len(parts) == 1 {
			text, _ := parts[0].(string)
			if inner, err := parse(text); err == nil {
				return inner
			}
		}
	}
	return plain(value)
}

// parse reads JSON, and keeps integers what they are.
func parse(text string) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return numbers(value), err
}

func numbers(value any) any {
	switch value := value.(type) {
	case []any:
		for at := range value {
			value[at] = numbers(value[at])
		}
	case map[string]any:
		for name := range value {
			value[name] = numbers(value[name])
		}
	case json.Number:
		if signed, err := strconv.ParseInt(value.String(), 10, 64); err == nil {
			return signed
		}
		if unsigned, err := strconv.ParseUint(value.String(), 10, 64); err == nil {
			return unsigned
		}
		float, _ := value.Float64()
		return float
	}
	return value
}

// decode stores a plain value where target points to.
func decode(value, target any) error { return store(value, reflect.ValueOf(target).Elem()) }

func store(value any, to reflect.Value) error {
	from := reflect.ValueOf(value)
	switch to.Kind() {
	case reflect.Interface:
		if value != nil {
			to.Set(from)
		}
		return nil
	case reflect.Pointer:
		inner := reflect.New(to.Type().Elem())
		if err := store(value, inner.Elem()); err != nil {
			return err
		}
		to.Set(inner)
		return nil
	case reflect.Struct:
		if isAlternate(to.Type()) {
			return storeAlternate(value, to)
		}
		if object, ok := value.(map[string]any); ok {
			return storeObject(object, to)
		}
	case reflect.Slice:
		if list, ok := value.([]any); ok {
			return storeList(list, to)
		}
	case reflect.Map:
		if object, ok := value.(map[string]any); ok {
			to.Set(reflect.ValueOf(object))
			return nil
		}
	case reflect.String, reflect.Bool:
		if from.Kind() == to.Kind() {
			to.Set(from.Convert(to.Type()))
			return nil
		}
	default:
		if storeNumber(from, to) {
			return nil
		}
	}
	return fmt.Errorf("%T is no %s", value, to.Type())
}

func storeNumber(from, to reflect.Value) bool {
	switch {
	case to.CanFloat() && (from.CanInt() || from.CanUint() || from.CanFloat()):
		to.Set(from.Convert(to.Type()))
	case to.CanInt() && from.CanInt() && !to.OverflowInt(from.Int()):
		to.SetInt(from.Int())
	case to.CanInt() && from.CanUint() && from.Uint() < 1<<63 && !to.OverflowInt(int64(from.Uint())):
		to.SetInt(int64(from.Uint()))
	case to.CanUint() && from.CanUint() && !to.OverflowUint(from.Uint()):
		to.SetUint(from.Uint())
	case to.CanUint() && from.CanInt() && from.Int() >= 0 && !to.OverflowUint(uint64(from.Int())):
		to.SetUint(uint64(from.Int()))
	default:
		return false
	}
	return true
}

func storeList(list []any, to reflect.Value) error {
	elements := reflect.MakeSlice(to.Type(), len(list), len(list))
	for at, value := range list {
		if err := store(value, elements.Index(at)); err != nil {
			return fmt.Errorf("[%d]: %w", at, err)
		}
	}
	to.Set(elements)
	return nil
}

// storeObject never fails for a member: one that is not of its type is kept with the unknown ones.
func storeObject(object map[string]any, to reflect.Value) error {
	rest := make(map[string]any, len(object))
	for name, value := range object {
		rest[name] = value
	}
	tag := ""
	all := fields(to)
	for _, field := range all {
		value, given := object[field.name]
		if field.role == "branch" || field.name == "*" || !given {
			continue
		}
		if store(value, field.value) == nil {
			delete(rest, field.name)
		} else {
			field.value.Set(reflect.Zero(field.value.Type()))
		}
		if field.role == "tag" {
			tag = field.value.String()
		}
	}
	for _, field := range all {
		if field.role == "branch" && field.name == tag {
			branch := reflect.New(field.value.Type().Elem())
			if err := storeObject(rest, branch.Elem()); err != nil {
				return err
			}
			field.value.Set(branch)
			rest = nil
		}
	}
	for _, field := range all {
		if field.name == "*" && field.role == "" && len(rest) > 0 {
			field.value.Set(reflect.ValueOf(rest))
		}
	}
	return nil
}

func storeAlternate(value any, to reflect.Value) error {
	for _, field := range fields(to) {
		switch {
		case field.role == "null":
			if value == nil {
				field.value.SetBool(true)
				return nil
			}
		case value == nil:
		case store(value, field.value) == nil:
			return nil
		}
	}
	return fmt.Errorf("%T is no form of %s", value, to.Type())
}
