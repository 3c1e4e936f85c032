package selfsigned

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// cache gives the test a user with an empty cache folder, and returns where the
// certificate is kept.
func cache(t *testing.T) string {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "")
	folder, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, "coatcheck", "localhost.pem")
}

func mustCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	certificate, err := Certificate()
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// same reports whether two certificates are the same one.
func same(a, b tls.Certificate) bool { return bytes.Equal(a.Certificate[0], b.Certificate[0]) }

// TestCertificate tests what browsers want of the certificate of a server.
func TestCertificate(t *testing.T) {
	cache(t)
	leaf := mustCertificate(t).Leaf
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"example.org", "sub.localhost", "127.0.0.2"} {
		if err := leaf.VerifyHostname(name); err == nil {
			t.Errorf("it is good for %s", name)
		}
	}
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("the key is a %T", leaf.PublicKey)
	}
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("it can sign other certificates: %t, %b", leaf.IsCA, leaf.KeyUsage)
	}
	if days := leaf.NotAfter.Sub(leaf.NotBefore).Hours() / 24; days > 398 {
		t.Errorf("it is valid for %.0f days", days)
	}
	if time.Now().Before(leaf.NotBefore) || time.Until(leaf.NotAfter) < remaining {
		t.Errorf("it is valid from %v to %v", leaf.NotBefore, leaf.NotAfter)
	}
}

// TestCertificateIsKept: only its user can read the file, and the next start uses it.
func TestCertificateIsKept(t *testing.T) {
	file := cache(t)
	first := mustCertificate(t)
	for path, mode := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if !same(mustCertificate(t), first) {
		t.Error("the second start has another certificate")
	}
	if files, err := os.ReadDir(filepath.Dir(file)); err != nil || len(files) != 1 {
		t.Errorf("the folder has %v, %v", files, err)
	}
}

// TestCertificateIsReplaced: what is not fit for use is replaced by a certificate that is,
// which is kept.
func TestCertificateIsReplaced(t *testing.T) {
	at := func(now time.Time) []byte {
		_, text := generate(now)
		return text
	}
	now := time.Now()
	for name, text := range map[string][]byte{
		"empty":            {},
		"damaged":          at(now)[:400],
		"another's key":    append(at(now)[:bytes.Index(at(now), []byte("-----BEGIN PRIVATE"))], at(now)...),
		"no key":           at(now)[:bytes.Index(at(now), []byte("-----BEGIN PRIVATE"))],
		"expired":          at(now.Add(-validity - time.Hour)),
		"expiring":         at(now.Add(-validity + remaining - time.Hour)),
		"of a later clock": at(now.Add(48 * time.Hour)),
	} {
		t.Run(name, func(t *testing.T) {
			file := cache(t)
			if err := write(file, text); err != nil {
				t.Fatal(err)
			}
			made := mustCertificate(t)
			if until := time.Until(made.Leaf.NotAfter); until < validity-time.Hour || until > validity {
				t.Errorf("it is valid for %v", until)
			}
			if !same(mustCertificate(t), made) {
				t.Error("it is not kept")
			}
		})
	}
	t.Run("old enough to last", func(t *testing.T) {
		file := cache(t)
		if err := write(file, at(now.Add(-validity+remaining+time.Hour))); err != nil {
			t.Fatal(err)
		}
		if until := time.Until(mustCertificate(t).Leaf.NotAfter); until > remaining+2*time.Hour {
			t.Errorf("it is replaced by one that is valid for %v", until)
		}
	})
}

// TestCertificateNotKept: where nothing can be kept there is a certificate all the same.
func TestCertificateNotKept(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T){
		"no user": func(t *testing.T) { t.Setenv("HOME", "") },
		"a file is in the way": func(t *testing.T) {
			home := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(home, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("HOME", home)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cache(t)
			prepare(t)
			certificate, err := Certificate()
			if err == nil {
				t.Error("nobody is told")
			}
			if certificate.Leaf == nil || certificate.Leaf.VerifyHostname("localhost") != nil {
				t.Error("there is no certificate")
			}
		})
	}
}
