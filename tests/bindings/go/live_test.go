// Package bindings tests the Go client against a real machine, a real agent, and peers of other
// releases.
package bindings

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"qapidbus"
	"qapidbus/qga"
	"qapidbus/qmp"
)

func start(t *testing.T) (*qapidbus.Bus, context.Context) {
	t.Helper()
	bus, err := qapidbus.SessionBus()
	check(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(func() {
		cancel()
		bus.Close()
	})
	return bus, ctx
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%#v, not %#v", got, want)
	}
}

// failure is the error of a call that has to fail.
func failure(t *testing.T, err error) *qapidbus.Error {
	t.Helper()
	var failed *qapidbus.Error
	if !errors.As(err, &failed) {
		t.Fatalf("%v is not of the client's type", err)
	}
	return failed
}

func monitor(bus *qapidbus.Bus, machine string) *qmp.Client {
	return qmp.New(bus, qapidbus.Machine(machine))
}

func next(t *testing.T, events *qapidbus.Subscription) qapidbus.Event {
	t.Helper()
	select {
	case event, open := <-events.Events():
		if !open {
			t.Fatal(events.Err())
		}
		return event
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
	}
	panic("unreachable")
}

func TestFileOfTheGuestIsWrittenAndRead(t *testing.T) {
	bus, ctx := start(t)
	agent := qga.New(bus, qapidbus.Machine("real.1"))
	path := os.Getenv("SCRATCH") + "/go.txt"
	handle, err := agent.GuestFileOpen(ctx, path, qga.GuestFileOpenOptions{Mode: qapidbus.Ptr("w+")})
	check(t, err)
	text := base64.StdEncoding.EncodeToString([]byte("text"))
	written, err := agent.GuestFileWrite(ctx, handle, text, qga.GuestFileWriteOptions{Count: qapidbus.Ptr(int64(3))})
	check(t, err)
	equal(t, written.Count, int64(3))
	_, err = agent.GuestFileSeek(ctx, handle, 0, qga.GuestFileWhence{Value: qapidbus.Ptr(int64(0))})
	check(t, err)
	read, err := agent.GuestFileRead(ctx, handle)
	check(t, err)
	equal(t, read.BufB64, base64.StdEncoding.EncodeToString([]byte("tex")))
	check(t, agent.GuestFileClose(ctx, handle))
	failed := failure(t, agent.GuestFileClose(ctx, handle))
	equal(t, failed.Class, "GenericError")
	equal(t, errors.Is(failed, qapidbus.ErrPeer) && failed.MayHaveRun(), true)
}

func TestProgramOfTheGuestIsRun(t *testing.T) {
	bus, ctx := start(t)
	agent := qga.New(bus, qapidbus.Machine("real.1"))
	done, err := agent.Run(ctx, "/bin/sh", "-c", "echo out; echo err >&2; exit 7")
	check(t, err)
	equal(t, done, qga.Finished{ExitCode: 7, Out: []byte("out\n"), Err: []byte("err\n")})
	_, err = agent.Run(ctx, "/no/such/program")
	equal(t, failure(t, err).Class, "GenericError")
}

func TestNestedArgumentsAndUnions(t *testing.T) {
	bus, ctx := start(t)
	client := monitor(bus, "real.1")
	size := int64(65536)
	null := qmp.BlockdevOptions{NullCo: &qmp.BlockdevOptionsNull{Size: &size}}
	raw := qmp.BlockdevOptionsRaw{File: qmp.BlockdevRef{Definition: &null}}
	node := qmp.BlockdevOptions{Driver: qmp.BlockdevDriverRaw, NodeName: qapidbus.Ptr("g1"), Raw: &raw}
	check(t, client.BlockdevAdd(ctx, node))
	nodes, err := client.QueryNamedBlockNodes(ctx, qmp.QueryNamedBlockNodesOptions{Flat: qapidbus.Ptr(true)})
	check(t, err)
	for _, node := range nodes {
		if node.NodeName != nil && *node.NodeName == "g1" {
			equal(t, node.Image.VirtualSize, size)
			check(t, client.BlockdevDel(ctx, "g1"))
			return
		}
	}
	t.Fatal("the node is missing")
}

func TestFileDescriptorsAreSentAlong(t *testing.T) {
	bus, ctx := start(t)
	client := monitor(bus, "real.1")
	null, err := os.Open(os.DevNull)
	check(t, err)
	defer null.Close()
	check(t, client.Getfd(ctx, null, "null"))
	check(t, client.Closefd(ctx, "null"))
	_, err = client.AddFd(ctx, null, qmp.AddFdOptions{Opaque: qapidbus.Ptr("mine")})
	check(t, err)
}

func TestDefaultNamesAndMachines(t *testing.T) {
	bus, ctx := start(t)
	check(t, qga.New(bus, qga.Default).GuestPing(ctx))
	state, err := qmp.New(bus, qmp.Default).State(ctx)
	check(t, err)
	equal(t, state, "ready")
	machines, err := bus.Machines(ctx)
	check(t, err)
	sort.Strings(machines)
	equal(t, machines, []string{"absent", "fragile", "newer", "older", "real.1", "silent"})
}

func TestEventsComeInOrder(t *testing.T) {
	bus, ctx := start(t)
	client := monitor(bus, "real.1")
	check(t, client.Stop(ctx))
	events, err := client.Subscribe(ctx, nil, qmp.EventStop, qmp.EventResume)
	check(t, err)
	defer events.Close()
	last := uint64(0)
	for turn := 0; turn < 3; turn++ {
		check(t, client.Cont(ctx))
		check(t, client.Stop(ctx))
		resumed, stopped := next(t, events), next(t, events)
		if _, ok := resumed.Data.(*qmp.ResumeEvent); !ok {
			t.Fatalf("%#v", resumed)
		}
		if _, ok := stopped.Data.(*qmp.StopEvent); !ok || time.Since(stopped.Time) > time.Minute {
			t.Fatalf("%#v", stopped)
		}
		equal(t, last < resumed.Sequence && resumed.Sequence < stopped.Sequence, true)
		last = stopped.Sequence
	}
}

func TestNewerPeerLosesNothing(t *testing.T) {
	bus, ctx := start(t)
	client := monitor(bus, "newer")
	status, err := client.QueryStatus(ctx)
	check(t, err)
	equal(t, status.Status, qmp.RunState("hibernating"))
	inner := status.Extra["x-deep"]
	for level := 0; level < 30; level++ {
		inner = inner.(map[string]any)["in"]
	}
	equal(t, inner, "bottom")
	added := map[string]any{"list": []any{int64(1), 2.5, "c"}, "none": nil, "nul": "a\x00b"}
	equal(t, status.Extra["x-new"], added)
	failed := failure(t, client.Stop(ctx))
	equal(t, []string{failed.Class, failed.Text}, []string{"NewClass", "NewClass: no"})

	unknown, err := client.Subscribe(ctx, nil, "NEW_THING")
	check(t, err)
	defer unknown.Close()
	events, err := client.Subscribe(ctx, map[string]any{"device": "d1"}, qmp.EventDeviceDeleted)
	check(t, err)
	defer events.Close()
	migrations, err := client.Subscribe(ctx, nil, qmp.EventMigration)
	check(t, err)
	defer migrations.Close()
	check(t, client.Cont(ctx))
	equal(t, next(t, unknown).Data, map[string]any{"answer": int64(42)})
	deleted := next(t, events)
	equal(t, deleted.Data, &qmp.DeviceDeletedEvent{
		Path: "/p", Device: qapidbus.Ptr("d1"), Extra: map[string]any{"x-new": []any{true}},
	})
	equal(t, deleted.Time.UnixMicro(), int64(1_700_000_000_250_000))
	equal(t, next(t, migrations).Data.(*qmp.MigrationEvent).Status, qmp.MigrationStatus("teleporting"))
}

func TestArgumentsArriveAsTheyWereGiven(t *testing.T) {
	bus, ctx := start(t)
	client := monitor(bus, "newer")
	values := map[string]any{
		"int": int64(-1), "big": uint64(1<<64 - 1), "float": 0.5, "text": "é😀", "no": nil, "bool": true,
		"empty": map[string]any{}, "list": []any{}, "mixed": []any{int64(1), "a", nil, map[string]any{"b": []any{[]any{}}}},
	}
	echo, err := client.Call(ctx, "echo", values)
	check(t, err)
	equal(t, echo, any(values))
	last := func() any {
		value, err := client.Call(ctx, "last", nil)
		check(t, err)
		return value.(map[string]any)["arguments"]
	}
	parameters := qmp.MigrateSetParametersOptions{
		TlsCreds: &qmp.StrOrNull{N: true}, MaxBandwidth: qapidbus.Ptr(uint64(1 << 40)),
		Extra: map[string]any{"x-new": int64(1)},
	}
	check(t, client.MigrateSetParameters(ctx, parameters))
	equal(t, last(), any(map[string]any{"tls-creds": nil, "max-bandwidth": int64(1 << 40), "x-new": int64(1)}))
	future := qmp.BlockdevOptions{
		Driver: "from-the-future", NodeName: qapidbus.Ptr("n"), Extra: map[string]any{"x-new": []int{1}},
	}
	check(t, client.BlockdevAdd(ctx, future))
	equal(t, last(), any(map[string]any{
		"driver": "from-the-future", "node-name": "n", "x-new": []any{int64(1)},
	}))
	for _, bad := range []any{"a\x00", "\xff", make(chan int), func() {}} {
		if _, err := client.Call(ctx, "echo", map[string]any{"value": bad}); err == nil || !strings.Contains(err.Error(), "value") {
			t.Fatalf("%v: %v", bad, err)
		}
	}
	if err := client.BlockdevAdd(ctx, qmp.BlockdevOptions{
		Raw: &qmp.BlockdevOptionsRaw{}, NullCo: &qmp.BlockdevOptionsNull{},
	}); err == nil || !strings.Contains(err.Error(), "both set") {
		t.Fatal(err)
	}
}

func TestOlderPeerBreaksNothing(t *testing.T) {
	bus, ctx := start(t)
	client := monitor(bus, "older")
	status, err := client.QueryStatus(ctx)
	check(t, err)
	equal(t, status, qmp.StatusInfo{Running: true})
	events, err := client.Subscribe(ctx, nil, qmp.EventBlockIoError)
	check(t, err)
	defer events.Close()
	check(t, client.Cont(ctx))
	equal(t, next(t, events).Data.(*qmp.BlockIoErrorEvent).Device, "d1")
	_, err = client.QuerySev(ctx)
	failed := failure(t, err)
	equal(t, failed.Class, "CommandNotFound")
	equal(t, failed.MayHaveRun(), false)
}

func TestErrorsSayWhetherTheCommandMayHaveRun(t *testing.T) {
	bus, ctx := start(t)
	failed := failure(t, monitor(bus, "absent").Stop(ctx))
	equal(t, []any{failed.Kind, failed.Reason(), failed.MayHaveRun()}, []any{qapidbus.ErrNotSent, "NotConnected", false})
	failed = failure(t, monitor(bus, "fragile").SystemPowerdown(ctx))
	equal(t, []any{failed.Kind, failed.Reason(), failed.MayHaveRun()}, []any{qapidbus.ErrUnknown, "ConnectionLost", true})
	nobody := qmp.New(bus, qapidbus.Place{Name: "org.qemu.nobody", Path: "/"})
	equal(t, errors.Is(nobody.Stop(ctx), qapidbus.ErrNotSent), true)
	_, err := monitor(bus, "newer").Call(ctx, "device_add", map[string]any{"@new": 1})
	equal(t, errors.Is(err, qapidbus.ErrRefused) || errors.Is(err, qapidbus.ErrPeer), true)
	client := monitor(bus, "newer")
	bus.Close()
	equal(t, failure(t, client.Stop(ctx)).MayHaveRun(), false)
}

func TestContextEndsACall(t *testing.T) {
	bus, ctx := start(t)
	silent := monitor(bus, "silent")
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	failed := failure(t, silent.SystemReset(short))
	equal(t, []any{failed.Kind, failed.Reason()}, []any{qapidbus.ErrUnknown, "Timeout"})
	early, cancel := context.WithCancel(ctx)
	time.AfterFunc(100*time.Millisecond, cancel)
	failed = failure(t, silent.SystemReset(early))
	equal(t, failed.MayHaveRun() && errors.Is(failed, context.Canceled), true)
	equal(t, failure(t, silent.SystemReset(early)).MayHaveRun(), false)
}

func TestGoroutinesShareAConnection(t *testing.T) {
	bus, ctx := start(t)
	client := monitor(bus, "newer")
	var group sync.WaitGroup
	for number := 0; number < 8; number++ {
		number := int64(number)
		group.Add(1)
		go func() {
			defer group.Done()
			for turn := 0; turn < 20; turn++ {
				echo, err := client.Call(ctx, "echo", map[string]any{"number": number})
				if err != nil || echo.(map[string]any)["number"] != number {
					t.Error(echo, err)
				}
			}
		}()
	}
	group.Wait()
}

func TestNextWaitsForOneKind(t *testing.T) {
	bus, ctx := start(t)
	client := monitor(bus, "real.1")
	events, err := client.Subscribe(ctx, nil)
	check(t, err)
	check(t, client.Cont(ctx))
	check(t, client.Stop(ctx))
	_, err = qapidbus.Next[*qmp.StopEvent](ctx, events)
	check(t, err)
	given, cancel := context.WithCancel(ctx)
	cancel()
	_, err = qapidbus.Next[*qmp.StopEvent](given, events)
	equal(t, errors.Is(err, context.Canceled), true)
	events.Close()
	_, err = qapidbus.Next[*qmp.StopEvent](ctx, events)
	equal(t, errors.Is(err, qapidbus.ErrGone), true)
}

func TestSubscriptionsEnd(t *testing.T) {
	bus, ctx := start(t)
	client := monitor(bus, "newer")
	for turn := 0; turn < 100; turn++ { // more than one may have
		events, err := client.Subscribe(ctx, nil, qmp.EventResume)
		check(t, err)
		events.Close()
		for range events.Events() {
		}
		check(t, events.Err())
	}
}

func TestSignalOfANewerServiceIsLookedUp(t *testing.T) {
	bus, ctx := start(t)
	ignorant := qapidbus.NewEndpoint(bus, qapidbus.Machine("newer"), "Qmp", nil)
	events, err := qapidbus.Subscribe(ctx, ignorant, nil, "DEVICE_DELETED")
	check(t, err)
	defer events.Close()
	check(t, monitor(bus, "newer").Cont(ctx))
	event := next(t, events)
	equal(t, event.Name, "DEVICE_DELETED")
	equal(t, event.Data, map[string]any{"path": "/p", "device": "d1", "x-new": []any{true}})
}

func TestZServiceThatGoesAwayEndsSubscriptionsAndCalls(t *testing.T) {
	bus, ctx := start(t)
	client := qmp.New(bus, qmp.Default)
	events, err := client.Subscribe(ctx, nil, qmp.EventStop)
	check(t, err)
	other, err := qapidbus.SessionBus()
	check(t, err)
	mine, err := monitor(other, "newer").Subscribe(ctx, nil, qmp.EventStop)
	check(t, err)
	other.Close()
	for range mine.Events() {
	}
	equal(t, errors.Is(mine.Err(), qapidbus.ErrGone), true)
	id, err := strconv.Atoi(os.Getenv("SINGLE"))
	check(t, err)
	check(t, syscall.Kill(id, syscall.SIGKILL))
	for range events.Events() {
	}
	equal(t, errors.Is(events.Err(), qapidbus.ErrGone), true)
	equal(t, failure(t, client.Stop(ctx)).MayHaveRun(), false)
}
