package bench_test

import "testing"

type plot struct{}

func (*plot) write(t *testing.T) {}
