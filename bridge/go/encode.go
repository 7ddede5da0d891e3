package qapidbus

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/godbus/dbus/v5"
)

// Types of the generated packages say by the tag `qapi` of their fields what these are:
//
//	qapi:"name"            a member, left out if it is a nil pointer, slice or interface
//	qapi:"value,branch"    the members that a union has for this value of its tag
//	qapi:"name,tag"        the tag of a union; if empty, the branch that is set says what it is
//	qapi:"name,form"       a form of an alternate
//	qapi:"*"               the members of a newer peer
//	qapi:"*,form"          the form of a newer peer
type field struct {
	name, role string
	value      reflect.Value
}

func fields(value reflect.Value) []field {
	kind := value.Type()
	all := make([]field, 0, kind.NumField())
	for at := 0; at < kind.NumField(); at++ {
		name, role, _ := strings.Cut(kind.Field(at).Tag.Get("qapi"), ",")
		all = append(all, field{name, role, value.Field(at)})
	}
	return all
}

var (
	variantType    = reflect.TypeOf(dbus.Variant{})
	dictionaryType = reflect.TypeOf(map[string]dbus.Variant{})
)

// encode makes a value one that godbus marshals as the mapping wants it.
func encode(value any) (any, error) {
	switch value := value.(type) {
	case nil:
		return dbus.MakeVariant(dbus.Signature{}), nil
	case dbus.Variant, map[string]dbus.Variant:
		return value, nil
	case *os.File:
		if value == nil {
			return nil, fmt.Errorf("no file")
		}
		return dbus.UnixFD(value.Fd()), nil
	}
	return encodeValue(reflect.ValueOf(value))
}

func encodeValue(value reflect.Value) (any, error) {
	switch value.Kind() {
	case reflect.Bool:
		return value.Bool(), nil
	case reflect.String:
		return text(value.String())
	case reflect.Int8: // D-Bus has none
		return int16(value.Int()), nil
	case reflect.Int:
		return value.Int(), nil
	case reflect.Uint:
		return value.Uint(), nil
	case reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return value.Interface(), nil
	case reflect.Float32, reflect.Float64:
		return value.Float(), nil
	case reflect.Pointer, reflect.Interface:
		if value.IsNil() {
			return encode(nil)
		}
		return encodeValue(value.Elem())
	case reflect.Slice, reflect.Array:
		return encodeList(value)
	case reflect.Map:
		if value.Type().Key().Kind() == reflect.String {
			members := map[string]dbus.Variant{}
			return members, addMap(members, value)
		}
	case reflect.Struct:
		if isAlternate(value.Type()) {
			return encodeAlternate(value)
		}
		members := map[string]dbus.Variant{}
		return members, addStruct(members, value)
	}
	return nil, fmt.Errorf("%s is no type of JSON", value.Type())
}

func encodeList(value reflect.Value) (any, error) {
	element := encodedType(value.Type().Elem())
	list := reflect.MakeSlice(reflect.SliceOf(element), 0, value.Len())
	for at := 0; at < value.Len(); at++ {
		encoded, err := encodeValue(value.Index(at))
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", at, err)
		}
		if element == variantType {
			encoded = variant(encoded)
		}
		list = reflect.Append(list, reflect.ValueOf(encoded))
	}
	return list.Interface(), nil
}

// encodedType is the type of what encodeValue makes of all values of a type.
func encodedType(kind reflect.Type) reflect.Type {
	switch kind.Kind() {
	case reflect.String:
		return reflect.TypeOf("")
	case reflect.Int8:
		return reflect.TypeOf(int16(0))
	case reflect.Int:
		return reflect.TypeOf(int64(0))
	case reflect.Uint:
		return reflect.TypeOf(uint64(0))
	case reflect.Float32:
		return reflect.TypeOf(float64(0))
	case reflect.Pointer:
		return encodedType(kind.Elem())
	case reflect.Slice, reflect.Array:
		return reflect.SliceOf(encodedType(kind.Elem()))
	case reflect.Map:
		return dictionaryType
	case reflect.Struct:
		if !isAlternate(kind) {
			return dictionaryType
		}
		return variantType
	case reflect.Interface:
		return variantType
	}
	return kind
}

// addMembers adds what a struct or map holds.
func addMembers(members map[string]dbus.Variant, of any) error {
	value := reflect.ValueOf(of)
	for value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if value.Kind() == reflect.Map {
		return addMap(members, value)
	}
	return addStruct(members, value)
}

func addMap(members map[string]dbus.Variant, value reflect.Value) error {
	for _, key := range value.MapKeys() {
		if err := add(members, key.String(), value.MapIndex(key)); err != nil {
			return err
		}
	}
	return nil
}

func addStruct(members map[string]dbus.Variant, value reflect.Value) error {
	tag, branch := field{}, ""
	for _, field := range fields(value) {
		switch kind := field.value.Kind(); {
		case field.name == "":
		case (kind == reflect.Pointer || kind == reflect.Slice || kind == reflect.Map || kind == reflect.Interface) && field.value.IsNil():
		case field.name == "*":
			if err := addMap(members, field.value); err != nil {
				return err
			}
		case field.role == "branch":
			if branch != "" {
				return fmt.Errorf("branches %q and %q of %s are both set", branch, field.name, value.Type())
			}
			branch = field.name
			if err := addMembers(members, field.value.Interface()); err != nil {
				return err
			}
		case field.role == "tag" && field.value.IsZero():
			tag = field
		default:
			if err := add(members, field.name, field.value); err != nil {
				return err
			}
		}
	}
	if tag.name != "" && branch != "" {
		members[tag.name] = dbus.MakeVariant(branch)
	}
	return nil
}

func add(members map[string]dbus.Variant, name string, value reflect.Value) error {
	if made, ok := value.Interface().(dbus.Variant); ok {
		members[name] = made
		return nil
	}
	encoded, err := encodeValue(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	members[name] = variant(encoded)
	return nil
}

func dictionary(arguments map[string]any) (map[string]dbus.Variant, error) {
	members := map[string]dbus.Variant{}
	return members, addMap(members, reflect.ValueOf(arguments))
}

func encodeAlternate(value reflect.Value) (any, error) {
	for _, field := range fields(value) {
		if !field.value.IsZero() {
			encoded, err := encodeValue(field.value)
			if flag, null := encoded.(bool); field.role == "null" && null && flag {
				encoded = dbus.Signature{}
			}
			return variant(encoded), err
		}
	}
	return nil, fmt.Errorf("no form of %s is set", value.Type())
}

func isAlternate(kind reflect.Type) bool {
	if kind.NumField() == 0 {
		return false
	}
	_, role, _ := strings.Cut(kind.Field(0).Tag.Get("qapi"), ",")
	return role == "form" || role == "null"
}

func variant(value any) dbus.Variant {
	if made, ok := value.(dbus.Variant); ok {
		return made
	}
	return dbus.MakeVariant(value)
}

func text(value string) (any, error) {
	if strings.Contains(value, "\x00") || !utf8.ValidString(value) {
		return nil, fmt.Errorf("D-Bus strings are UTF-8 without U+0000")
	}
	return value, nil
}

// Ptr returns a pointer to a value, for optional members.
func Ptr[T any](value T) *T { return &value }
