// Package metrics counts what a server does, and says it to Prometheus: the events of its
// log, how long its answers take, and how long the store of sessions does.
package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
)

// Meter counts. Make one by [New]. It is safe for concurrent use. Its labels have few values
// each, whatever clients send: names and reasons of package events, patterns of routes.
type Meter struct {
	registry *prometheus.Registry
	events   *prometheus.CounterVec
	requests *prometheus.HistogramVec
	store    *prometheus.HistogramVec
}

// other stands for what is no kind of package events, and for reasons that its kind does not
// name; unrouted for requests that no route gets.
const (
	other    = "other"
	unrouted = "none"
)

// New returns a Meter that has counted nothing. Each event that may come is there from the
// start, as 0, so that the first one is a change.
func New() *Meter {
	m := &Meter{
		registry: prometheus.NewRegistry(),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "coatcheck_events_total",
			Help: "Events of the log, by their name and reason; docs/events.md says what they mean."}, []string{"event", "reason"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "coatcheck_request_duration_seconds",
			Help: "How long answers take, by the route, none for what no route gets, and the status."}, []string{"route", "status"}),
		store: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "coatcheck_session_store_duration_seconds",
			Help:    "How long calls to the store of sessions take, by the method, and whether they fail.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}}, []string{"call", "failed"}),
	}
	m.registry.MustRegister(m.events, m.requests, m.store, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, k := range events.Kinds() {
		if len(k.Reasons) == 0 {
			m.events.WithLabelValues(k.Name, "")
		}
		for _, reason := range k.Reasons {
			m.events.WithLabelValues(k.Name, reason)
		}
	}
	return m
}

// Handler answers Prometheus, also in the format of OpenMetrics.
func (m *Meter) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Tee returns a logger that writes what l writes, and whose events are counted.
func (m *Meter) Tee(l *slog.Logger) *slog.Logger {
	return events.Tee(l, func(_ context.Context, e events.Event) {
		kind, ok := events.Find(e.Name)
		if !ok {
			m.events.WithLabelValues(other, "").Inc()
			return
		}
		reason := ""
		if value := e.Value("reason"); value.Any() != nil {
			if reason = value.String(); !slices.Contains(kind.Reasons, reason) {
				reason = other
			}
		}
		m.events.WithLabelValues(e.Name, reason).Inc()
	})
}

type routeKey struct{}

// Requests returns a handler that does what next does, and measures it. For the routes it
// needs [Meter.Routes].
func (m *Meter) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, begun, answer := unrouted, time.Now(), &answer{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.requests.WithLabelValues(route, strconv.Itoa(answer.status)).Observe(time.Since(begun).Seconds())
		}()
		next.ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), routeKey{}, &route)))
	})
}

// Routes returns the routes, each of which tells [Meter.Requests] its pattern.
func (m *Meter) Routes(all []signin.Routes) []signin.Routes {
	named := make([]signin.Routes, len(all))
	for i, routes := range all {
		named[i] = signin.Routes{}
		for pattern, handler := range routes {
			named[i][pattern] = func(w http.ResponseWriter, r *http.Request) {
				if route, ok := r.Context().Value(routeKey{}).(*string); ok {
					*route = pattern
				}
				handler(w, r)
			}
		}
	}
	return named
}

// answer keeps the status of an answer.
type answer struct {
	http.ResponseWriter
	status  int
	written bool
}

func (a *answer) WriteHeader(status int) {
	if !a.written && status >= http.StatusOK { // others only precede the answer
		a.written, a.status = true, status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(body []byte) (int, error) {
	a.written = true
	return a.ResponseWriter.Write(body)
}

// Unwrap lets [http.ResponseController] find the writer of the server.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Store returns a store whose calls are measured. An answer that there is no session, or that
// another write came first, is no failure.
func (m *Meter) Store(s session.Store) session.Store { return store{s, m} }

type store struct {
	session.Store
	meter *Meter
}

func (s store) took(call string, begun time.Time, err *error) {
	failed := *err != nil && !errors.Is(*err, session.ErrNoSession) && !errors.Is(*err, session.ErrConflict)
	s.meter.store.WithLabelValues(call, strconv.FormatBool(failed)).Observe(time.Since(begun).Seconds())
}

func (s store) Create(ctx context.Context, made *session.Session) (err error) {
	defer s.took("Create", time.Now(), &err)
	return s.Store.Create(ctx, made)
}

// CreateAndList is measured under its own name if the store has it, else as a Create.
func (s store) CreateAndList(ctx context.Context, made *session.Session) (_ []*session.Session, err error) {
	lister, can := s.Store.(session.CreateLister)
	if !can {
		return nil, s.Create(ctx, made)
	}
	defer s.took("CreateAndList", time.Now(), &err)
	return lister.CreateAndList(ctx, made)
}

func (s store) Get(ctx context.Context, key session.Key) (_ *session.Session, err error) {
	defer s.took("Get", time.Now(), &err)
	return s.Store.Get(ctx, key)
}

func (s store) Update(ctx context.Context, changed *session.Session, now time.Time, newVersion int64) (err error) {
	defer s.took("Update", time.Now(), &err)
	return s.Store.Update(ctx, changed, now, newVersion)
}

func (s store) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) (err error) {
	defer s.took("Touch", time.Now(), &err)
	return s.Store.Touch(ctx, key, now, expires, ip, userAgent)
}

func (s store) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (userID string, err error) {
	defer s.took("Delete", time.Now(), &err)
	return s.Store.Delete(ctx, key, secret, now)
}

func (s store) List(ctx context.Context, owner string) (_ []*session.Session, err error) {
	defer s.took("List", time.Now(), &err)
	return s.Store.List(ctx, owner)
}
