package session_test

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"example.com/coatcheck/pkg/session"
)

// A dirStore keeps each session in its own file. It suits a program that runs as one
// process and whose users stay signed in when it restarts.
type dirStore struct {
	dir string
	mu  sync.Mutex // lets one call run at a time, because most depend on what is stored
}

func (d *dirStore) Create(ctx context.Context, s *session.Session) error {
	return d.locked(ctx, func() error {
		_, err := d.read(file(s.Key()))
		switch {
		case errors.Is(err, session.ErrNoSession):
			return d.write(s)
		case err != nil:
			return err
		}
		return session.ErrConflict
	})
}

func (d *dirStore) Get(ctx context.Context, key session.Key) (s *session.Session, err error) {
	err = d.locked(ctx, func() (err error) { s, err = d.read(file(key)); return err })
	return s, err
}

func (d *dirStore) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return d.change(ctx, s.Key(), now, func(stored *session.Session) error {
		switch stored.Version {
		case newVersion: // this write was sent twice
			return nil
		case s.Version:
		default:
			return session.ErrConflict
		}
		stored.Roles, stored.Values = s.Roles, s.Values
		stored.Secret, stored.PreviousSecret = s.Secret, s.PreviousSecret
		stored.Version = newVersion
		if !s.ExpiresAt.IsZero() {
			stored.AuthenticatedAt, stored.EndsAt, stored.ExpiresAt = s.AuthenticatedAt, s.EndsAt, s.ExpiresAt
		}
		return nil
	})
}

func (d *dirStore) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	return d.change(ctx, key, now, func(stored *session.Session) error {
		if stored.LastSeenAt.Before(now) && !stored.ExpiresAt.After(expires) {
			stored.LastSeenAt, stored.ExpiresAt = now, expires
			stored.LastIP, stored.LastUserAgent = ip, userAgent
		}
		return nil
	})
}

func (d *dirStore) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (userID string, err error) {
	err = d.locked(ctx, func() error {
		stored, err := d.read(file(key))
		if err != nil {
			return err
		}
		if secret != nil && *secret != stored.Secret && *secret != stored.PreviousSecret {
			return session.ErrNoSession
		}
		if err := os.Remove(filepath.Join(d.dir, file(key))); err != nil {
			return err
		}
		if !stored.ExpiresAt.After(now) {
			return session.ErrNoSession
		}
		userID = stored.UserID
		return nil
	})
	return userID, err
}

func (d *dirStore) List(ctx context.Context, owner string) (all []*session.Session, err error) {
	err = d.locked(ctx, func() error {
		entries, readErr := os.ReadDir(d.dir)
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), file(session.Key{Owner: owner})) {
				continue
			}
			s, err := d.read(entry.Name())
			if err != nil {
				readErr = errors.Join(readErr, err)
				continue
			}
			all = append(all, s)
		}
		return readErr
	})
	return all, err
}

// file returns the name of a session's file. It is in hex because some file systems
// ignore case.
func file(key session.Key) string { return fmt.Sprintf("%x.%x", key.Owner, key.ID) }

func (d *dirStore) locked(ctx context.Context, do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return do()
}

// change applies do to a session that is alive at now.
func (d *dirStore) change(ctx context.Context, key session.Key, now time.Time, do func(*session.Session) error) error {
	return d.locked(ctx, func() error {
		stored, err := d.read(file(key))
		if err != nil {
			return err
		}
		if !stored.ExpiresAt.After(now) {
			return session.ErrNoSession
		}
		if err := do(stored); err != nil {
			return err
		}
		return d.write(stored)
	})
}

// read returns ErrNoSession if the file is missing. Any other error is an outage.
func (d *dirStore) read(name string) (*session.Session, error) {
	f, err := os.Open(filepath.Join(d.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, session.ErrNoSession
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := new(session.Session)
	if err := gob.NewDecoder(f).Decode(s); err != nil {
		return nil, fmt.Errorf("session file %s: %w", f.Name(), err)
	}
	return s, nil
}

// write replaces the whole file atomically.
func (d *dirStore) write(s *session.Session) error {
	f, err := os.CreateTemp(d.dir, "new")
	if err != nil {
		return err
	}
	if err := errors.Join(gob.NewEncoder(f).Encode(s), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(d.dir, file(s.Key())))
}

// This Store keeps sessions in files. Each method follows its comment in
// [session.Store], and storetest.Run tests that it does.
func ExampleStore() {
	dir, err := os.MkdirTemp("", "sessions")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	sessions, err := session.New(&dirStore{dir: dir}, session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	r := signedIn(sessions, "u1")

	// After a restart:
	sessions, err = session.New(&dirStore{dir: dir}, session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	s, err := sessions.Load(r)
	fmt.Println(s.UserID, err)
	// Output: u1 <nil>
}
