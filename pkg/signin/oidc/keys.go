package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// Each token with an unknown key or a wrong signature makes this program fetch the keys again.
// Anybody can send such tokens to the route for notices, so only so many fetches are made.
const (
	fetchBurst    = 5                // at once
	fetchInterval = 15 * time.Second // between two after that
)

var (
	// errNoKeys is an outage, and says nothing about the token.
	errNoKeys = errors.New("the provider's keys cannot be had")

	errNoKey    = errors.New("no key of the provider has made the signature")
	errTooOften = fmt.Errorf("%w, and they were fetched a moment ago", errNoKey)
)

// keySet are the keys of an issuer, as they were fetched last. It is a [gooidc.KeySet].
type keySet struct {
	url        string
	client     *http.Client
	algorithms []jose.SignatureAlgorithm
	flight     singleflight.Group

	mu   sync.Mutex
	keys []jose.JSONWebKey
	err  error     // of the last fetch
	free time.Time // when the next fetch would be free if all came evenly
}

// VerifySignature returns what the token says if a key of the issuer has signed it. If none
// that is known has, the keys are fetched once, because the issuer may have a new one.
func (s *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, s.algorithms)
	if err != nil {
		return nil, err
	}
	if payload, ok := s.verify(signed); ok {
		return payload, nil
	}
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errNoKeys, ctx.Err())
	case result := <-s.flight.DoChan("", s.refresh):
		if payload, ok := s.verify(signed); ok {
			return payload, nil
		}
		return nil, result.Err
	}
}

// verify returns what the token says if a key that is known has signed it.
func (s *keySet) verify(signed *jose.JSONWebSignature) ([]byte, bool) {
	s.mu.Lock()
	keys := s.keys
	s.mu.Unlock()
	header := signed.Signatures[0].Header
	for _, key := range keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// refresh fetches the keys, unless that was done too often. It returns what is to be said of
// a token that is not verified after that.
func (s *keySet) refresh() (any, error) {
	if err := s.take(time.Now()); err != nil {
		return nil, err
	}
	keys, err := s.fetch()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; err != nil {
		return nil, err
	}
	s.keys = keys
	return nil, errNoKey
}

// take returns an error if it is too early for a fetch.
func (s *keySet) take(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := later(s.free, now.Add(-(fetchBurst-1)*fetchInterval))
	switch {
	case !free.After(now):
		s.free = free.Add(fetchInterval)
		return nil
	case s.err != nil:
		return s.err
	}
	return errTooOften
}

// fetch has no context of a request, because others wait for it too. The client limits it.
func (s *keySet) fetch() ([]jose.JSONWebKey, error) {
	resp, err := s.client.Get(s.url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: it answers %s", errNoKeys, brief(resp.Status))
	}
	return parseKeys(text)
}

// parseKeys returns the keys that are for signatures. Keys of kinds that are not known
// here disturb nobody (RFC 7517, section 5).
func parseKeys(text []byte) (keys []jose.JSONWebKey, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("%w: what it answers is no set of keys", errNoKeys)
	}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && slices.Contains([]string{"", "sig"}, key.Use) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
