// Opens, writes and reads back a file, runs a program, handles an error, follows and waits for events.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"qapidbus"
	"qapidbus/qga"
	"qapidbus/qmp"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	bus := try(qapidbus.SessionBus())
	defer bus.Close()
	agent := qga.New(bus, qapidbus.Machine("real.1"))
	path := os.Getenv("SCRATCH") + "/scenario-go.txt"
	handle := try(agent.GuestFileOpen(ctx, path, qga.GuestFileOpenOptions{Mode: qapidbus.Ptr("w+")}))
	try(agent.GuestFileWrite(ctx, handle, base64.StdEncoding.EncodeToString([]byte("hello"))))
	start := qga.GuestFileWhence{Name: qapidbus.Ptr(qga.QGASeekSet)}
	try(agent.GuestFileSeek(ctx, handle, 0, start))
	read := try(agent.GuestFileRead(ctx, handle))
	fmt.Println("read back", string(try(base64.StdEncoding.DecodeString(read.BufB64))))

	capture := qga.GuestExecCaptureOutput{Flag: qapidbus.Ptr(true)}
	options := qga.GuestExecOptions{Arg: []string{path}, CaptureOutput: &capture}
	pid := try(agent.GuestExec(ctx, "/bin/cat", options)).Pid
	status := try(agent.GuestExecStatus(ctx, pid))
	for ; !status.Exited; status = try(agent.GuestExecStatus(ctx, pid)) {
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Println("program", *status.Exitcode, string(try(base64.StdEncoding.DecodeString(*status.OutData))))

	monitor := qmp.New(bus, qapidbus.Machine("real.1"))
	var failed *qapidbus.Error
	if err := monitor.DeviceDel(ctx, "missing"); errors.As(err, &failed) {
		fmt.Println("error", failed.Class, failed.MayHaveRun())
	}
	events := try(monitor.Subscribe(ctx, nil))
	defer events.Close()
	_ = monitor.Cont(ctx)
	_ = monitor.Stop(ctx)
	for event := range events.Events() {
		fmt.Println("event", event.Sequence, event.Name)
		if _, stopped := event.Data.(*qmp.StopEvent); stopped {
			break
		}
	}
}

func try[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
