package qapidbus

import (
	"reflect"
	"testing"

	"github.com/godbus/dbus/v5"
)

type mode string

type whence struct {
	Value *int64 `qapi:"value,form"`
	Name  *mode  `qapi:"name,form"`
	Null  bool   `qapi:"null,null"`
	Other any    `qapi:"*,form"`
}

type file struct {
	Path  string         `qapi:"path"`
	Sizes []int8         `qapi:"sizes"`
	At    *whence        `qapi:"at"`
	Extra map[string]any `qapi:"*"`
}

type target struct {
	Kind  mode           `qapi:"kind,tag"`
	ID    *string        `qapi:"id"`
	File  *file          `qapi:"file,branch"`
	Other *file          `qapi:"other,branch"`
	Extra map[string]any `qapi:"*"`
}

func encoded(t *testing.T, value any) any {
	t.Helper()
	result, err := encode(value)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%#v, not %#v", got, want)
	}
}

func TestStructsAreDictionariesAndAlternatesVariants(t *testing.T) {
	value := target{File: &file{Path: "p", Sizes: []int8{-1}, At: &whence{Null: true}}}
	equal(t, encoded(t, value), any(map[string]dbus.Variant{
		"kind":  dbus.MakeVariant("file"),
		"path":  dbus.MakeVariant("p"),
		"sizes": dbus.MakeVariant([]int16{-1}),
		"at":    dbus.MakeVariant(dbus.Signature{}),
	}))
	list := []whence{{Value: Ptr(int64(1))}, {Name: Ptr(mode("set"))}, {Other: true}}
	equal(t, encoded(t, list), any([]dbus.Variant{
		dbus.MakeVariant(int64(1)), dbus.MakeVariant("set"), dbus.MakeVariant(true),
	}))
	if _, err := encode(whence{}); err == nil {
		t.Fatal("no form is set")
	}
}

func TestWhatIsNotKnownIsKept(t *testing.T) {
	received := map[string]dbus.Variant{
		"kind":  dbus.MakeVariant("file"),
		"id":    dbus.MakeVariant(int64(7)), // became a number
		"path":  dbus.MakeVariant([]byte("a\x00b")),
		"sizes": dbus.MakeVariant([]int64{1, 300}), // no longer fits
		"at":    dbus.MakeVariant("set"),
	}
	received["new"] = dbus.MakeVariantWithSignature([]any{`{"deep": [1, 1.5, 18446744073709551615]}`}, dbus.ParseSignatureMust("(s)"))
	var got target
	if err := decode(plain(received), &got); err != nil {
		t.Fatal(err)
	}
	equal(t, got, target{Kind: "file", File: &file{
		Path: "a\x00b",
		At:   &whence{Name: Ptr(mode("set"))},
		Extra: map[string]any{
			"id":    int64(7),
			"sizes": []any{int64(1), int64(300)},
			"new":   map[string]any{"deep": []any{int64(1), 1.5, uint64(1<<64 - 1)}},
		},
	}})
	var unknown target
	received["kind"] = dbus.MakeVariant("of-the-future")
	if err := decode(plain(received), &unknown); err != nil {
		t.Fatal(err)
	}
	equal(t, len(unknown.Extra), 5)
}

func TestNumbersFitOrAreRefused(t *testing.T) {
	var small uint8
	var float float64
	for _, bad := range []any{int64(-1), int64(256), uint64(1 << 63), 1.5, "1", nil} {
		if decode(bad, &small) == nil {
			t.Fatalf("%v", bad)
		}
	}
	if decode(int64(255), &small) != nil || small != 255 || decode(int64(3), &float) != nil || float != 3 {
		t.Fatal(small, float)
	}
}

func TestNamesOfMachinesAreEscaped(t *testing.T) {
	for name, label := range map[string]string{"": "_", "vm1": "vm1", "1.a": "_31_2ea", "é_": "_c3_a9_5f"} {
		equal(t, encodeLabel(name), label)
		equal(t, decodeLabel(label), name)
	}
	equal(t, decodeLabel("a_"), "a_")
}

func TestFullSubscriptionDropsTheOldest(t *testing.T) {
	subscription := &Subscription{arrived: make(chan struct{}, 1)}
	for turn := 0; turn < buffered+3; turn++ {
		subscription.feed(&dbus.Signal{Body: []any{turn}})
	}
	first, _ := subscription.next()
	equal(t, []any{first.Body[0], subscription.Dropped()}, []any{3, uint64(3)})
}
