// A file, a program, an error and events of a machine, waited for and followed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"qapidbus"
	"qapidbus/qga"
	"qapidbus/qmp"
)

func main() {
	ctx, machine := context.Background(), qapidbus.Machine("real.1")
	bus := qapidbus.Must(qapidbus.SessionBus())
	agent, monitor := qga.New(bus, machine), qmp.New(bus, machine)
	path := os.Getenv("SCRATCH") + "/scenario-go.txt"
	options := qga.GuestFileOpenOptions{Mode: qapidbus.Ptr("w+")}
	file := qapidbus.Must(agent.GuestFileOpen(ctx, path, options))
	qapidbus.Must(agent.GuestFileWrite(ctx, file, "aGVsbG8="))
	start := qga.GuestFileWhence{Name: qapidbus.Ptr(qga.QGASeekSet)}
	qapidbus.Must(agent.GuestFileSeek(ctx, file, 0, start))
	fmt.Println("read back", qapidbus.Must(agent.GuestFileRead(ctx, file)).BufB64)
	program := qapidbus.Must(agent.Run(ctx, "/bin/cat", path))
	fmt.Println("program", program.ExitCode, string(program.Out))

	var failed *qapidbus.Error
	if err := monitor.DeviceDel(ctx, "missing"); errors.As(err, &failed) {
		fmt.Println("error", failed.Class, failed.MayHaveRun())
	}
	events := qapidbus.Must(monitor.Subscribe(ctx, nil))
	_, _ = monitor.Cont(ctx), monitor.Stop(ctx)
	fmt.Printf("waited for %T\n", qapidbus.Must(qapidbus.Next[*qmp.ResumeEvent](ctx, events)))
	for event := range events.Events() {
		fmt.Println("event", event.Sequence, event.Name)
		events.Close()
	}
}
