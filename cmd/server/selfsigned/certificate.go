// Package selfsigned lets a server on this machine answer https too, at the same address
// as http, with a certificate that it makes itself. WebKit, so Safari, does not keep a
// Secure cookie from http://localhost, but it does from https://localhost.
package selfsigned

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	// validity is how long a certificate is valid. Safari accepts no more than 825 days.
	validity = 365 * 24 * time.Hour
	// remaining is how long a stored certificate must still be valid to be used again.
	remaining = 30 * 24 * time.Hour
)

// Certificate returns the certificate for localhost, 127.0.0.1 and ::1 that is kept in the
// cache folder of this user, together with its key; no other user can read it. If none is
// there that will be valid for 30 days more, Certificate makes one that is valid for a year.
// A browser remembers for which certificate its user has overridden the warning, so each
// start uses the same one. The error says why a new one could not be kept. The certificate
// is ready for use all the same.
func Certificate() (tls.Certificate, error) {
	folder, err := os.UserCacheDir()
	if err != nil {
		certificate, _ := generate(time.Now())
		return certificate, err
	}
	file := filepath.Join(folder, "coatcheck", "localhost.pem")
	if kept, err := read(file); err == nil {
		return kept, nil
	}
	certificate, text := generate(time.Now())
	return certificate, write(file, text)
}

// read returns the certificate in the file, or an error if it is not fit for use.
func read(file string) (tls.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return tls.Certificate{}, err
	}
	certificate, err := tls.X509KeyPair(text, text)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	if leaf := certificate.Leaf; now.Before(leaf.NotBefore) || now.Add(remaining).After(leaf.NotAfter) {
		return tls.Certificate{}, fmt.Errorf("it is valid from %v to %v", leaf.NotBefore, leaf.NotAfter)
	}
	return certificate, nil
}

// generate makes a certificate. The text is the PEM form of the certificate and its key.
// The certificate is not an authority: who makes a system trust it, and then loses the key,
// loses no more than the name localhost.
func generate(now time.Time) (tls.Certificate, []byte) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost", Organization: []string{"Coatcheck on this machine"}},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:   now.Add(-time.Hour), // for a browser whose clock is late
		NotAfter:    now.Add(validity),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		BasicConstraintsValid: true,
	}
	text := bytes.Join([][]byte{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}),
	}, nil)
	return must(tls.X509KeyPair(text, text)), text
}

// must returns v. The errors of generate cannot happen: nothing in it comes from outside.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// write writes the file in one step, so that a server which starts at the same time reads a
// whole one.
func write(file string, text []byte) error {
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	whole, err := os.CreateTemp(folder, "localhost-*.pem") // for this user alone, on Unix
	if err != nil {
		return err
	}
	defer os.Remove(whole.Name())
	_, err = whole.Write(text)
	if err := errors.Join(err, whole.Close()); err != nil {
		return err
	}
	return os.Rename(whole.Name(), file)
}
