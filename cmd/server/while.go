package main

import (
	"context"
	"os"
	"time"
)

// while returns a context that ends when the file is removed, or when the process that
// started this one has ended. It also returns a function that removes the file. The
// caller must call this function at the end.
func while(ctx context.Context, file string) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(file); err != nil || os.Getppid() != parent {
				cancel()
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return ctx, func() { cancel(); os.Remove(file) }
}
