package qga

import (
	"context"
	"fmt"
)

// Finished is what became of a program of the guest.
type Finished struct {
	// ExitCode is the negative number of the signal that ended the program, if one did.
	ExitCode int32
	// Out and Err are what it wrote, bounded by the agent.
	Out, Err []byte
}

// Run runs a program of the guest with these arguments, the first of which is its path, and waits
// for its end. A call that is given up leaves the program running.
func (c *Client) Run(ctx context.Context, arguments ...string) (done Finished, err error) {
	body, err := c.Own(ctx, "Run", arguments)
	if err == nil && len(body) != 3 {
		err = fmt.Errorf("Run: a reply of %d values", len(body))
	}
	if err != nil {
		return done, err
	}
	done.ExitCode, _ = body[0].(int32)
	done.Out, _ = body[1].([]byte)
	done.Err, _ = body[2].([]byte)
	return done, nil
}
