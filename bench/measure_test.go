package bench_test

import (
	"flag"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// The flags of make bench. Without them every case runs once, which shows that it works and
// measures nothing: make test does that.
var (
	rounds = flag.Int("rounds", 0, "how often each case is measured; 0 tries each once")
	slice  = flag.Duration("slice", 10*time.Millisecond, "how much processor time a case in this process gets in a turn")
)

// trying reports whether the cases are only tried.
func trying() bool { return *rounds == 0 }

// cost is what one operation takes.
type cost struct {
	wall, cpu     float64 // nanoseconds; cpu is the time of all processors for this process, its collector included
	bytes, allocs float64
}

// measure calls do, which does n operations.
func measure(n int, do func(n int)) cost {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, used := time.Now(), processorTime()
	do(n)
	c := cost{wall: float64(time.Since(began)), cpu: float64(processorTime() - used)}
	runtime.ReadMemStats(&after)
	c.bytes, c.allocs = float64(after.TotalAlloc-before.TotalAlloc), float64(after.Mallocs-before.Mallocs)
	return c.each(n)
}

// each returns the cost of one of n operations.
func (c cost) each(n int) cost {
	return cost{c.wall / float64(n), c.cpu / float64(n), c.bytes / float64(n), c.allocs / float64(n)}
}

// processorTime returns the time that this process has had of all processors.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // the arguments are right
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// A samples has the cost of an operation in each round.
type samples []cost

// turns is how many turns of cases in this process are in a round. Such turns can be short, and
// short ones are disturbed alike.
const turns = 5

// inTurn measures the cases in turn: what disturbs the machine for a while disturbs all of them.
// Each case does as many operations as fit into a slice. To find their number, it does some that
// are not counted.
func inTurn(cases []func(n int)) []samples {
	counts := make([]int, len(cases))
	for i, do := range cases {
		counts[i] = fitting(do)
	}
	all := make([]samples, len(cases))
	for range max(turns**rounds, 1) {
		for i, do := range cases {
			all[i] = append(all[i], measure(counts[i], do))
		}
	}
	return all
}

// fitting returns how many operations take a slice.
func fitting(do func(n int)) int {
	if trying() {
		return 1
	}
	for n := 1; ; n *= 2 {
		if took := measure(n, do).cpu * float64(n); took > float64(*slice)/2 {
			return max(1, int(float64(n)*float64(*slice)/took))
		}
	}
}

// What a round says of a cost.
func wall(c cost) float64   { return c.wall }
func cpu(c cost) float64    { return c.cpu }
func heap(c cost) float64   { return c.bytes }
func allocs(c cost) float64 { return c.allocs }

// median returns the value in the middle of all rounds.
func (s samples) median(of func(cost) float64) float64 { return median(s.values(of)) }

// quiet returns the smallest value of all rounds: that of the round in which the machine had
// least else to do.
func (s samples) quiet(of func(cost) float64) float64 { return slices.Min(s.values(of)) }

// ratio returns how many times as much s takes as the base. It is the median of the ratios
// within each round.
func (s samples) ratio(base samples, of func(cost) float64) float64 {
	ratios := s.values(of)
	for i := range ratios {
		ratios[i] /= of(base[i])
	}
	return median(ratios)
}

func (s samples) values(of func(cost) float64) []float64 {
	values := make([]float64, len(s))
	for i, c := range s {
		values[i] = of(c)
	}
	return values
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func TestSamples(t *testing.T) {
	s, base := samples{{cpu: 6}, {cpu: 2}, {cpu: 9}}, samples{{cpu: 2}, {cpu: 4}, {cpu: 9}}
	if got := [3]float64{s.median(cpu), s.quiet(cpu), s.ratio(base, cpu)}; got != [3]float64{6, 2, 1} {
		t.Errorf("median, quiet and ratio are %v, want 6, 2 and 1", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("the median of four is %v, want 2.5", got)
	}
	n := 0
	if got := measure(10, func(times int) { n += times; time.Sleep(time.Millisecond) }); n != 10 || got.wall < 1e5 {
		t.Errorf("10 operations of a millisecond together: %d of %v ns", n, got.wall)
	}
}
