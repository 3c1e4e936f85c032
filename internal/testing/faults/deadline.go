package faults

import (
	"context"
	"time"
)

// timesOut makes the call, whose requests meet Hanging, and returns its error. The
// deadline of the call passes when a request hangs. With a deadline by the clock, a
// slow machine could send the request after it, when nothing hangs any more.
func (b *Fixture) timesOut(call func(context.Context) error) error {
	b.Helper()
	hung := b.Hung()
	ctx, pass := Deadline(b.Context())
	answer := make(chan error, 1)
	go func() { answer <- call(ctx) }()
	for end := time.Now().Add(3 * time.Minute); b.Hung() == hung; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.Fatal("no request has reached the proxy")
		}
	}
	pass()
	return <-answer
}

// Deadline returns a context whose deadline passes when pass is called.
func Deadline(parent context.Context) (ctx context.Context, pass func()) {
	done := make(chan struct{})
	return deadline{parent, done}, func() { close(done) }
}

type deadline struct {
	context.Context
	done chan struct{}
}

// Done implements [context.Context].
func (d deadline) Done() <-chan struct{} { return d.done }

// Err implements [context.Context].
func (d deadline) Err() error {
	select {
	case <-d.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
