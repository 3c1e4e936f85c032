package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"sync"
	"testing"
)

// signingKey is a key of an Issuer.
type signingKey struct {
	id, algorithm string
	key           crypto.Signer
}

// rsaKey is made once, because that takes long. It gets a new name at each rotation.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newKeys(t testing.TB) []signingKey {
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	return []signingKey{{rand.Text(), "ES256", elliptic}, {rand.Text(), "RS256", long}}
}

// published returns the public keys as a JSON Web Key Set.
func published(keys []signingKey) map[string]any {
	var set []map[string]string
	for _, k := range keys {
		jwk := map[string]string{"kid": k.id, "alg": k.algorithm, "use": "sig"}
		switch key := k.key.(type) {
		case *ecdsa.PrivateKey:
			jwk["kty"], jwk["crv"] = "EC", "P-256"
			point, _ := key.PublicKey.Bytes() // 4, X, Y
			jwk["x"], jwk["y"] = encode(point[1:33]), encode(point[33:])
		case *rsa.PrivateKey:
			jwk["kty"], jwk["n"] = "RSA", encode(key.N.Bytes())
			jwk["e"] = encode(big.NewInt(int64(key.E)).Bytes())
		}
		set = append(set, jwk)
	}
	return map[string]any{"keys": set}
}

// sign returns a token of that type. A claim that is nil is left out.
func (i *Issuer) sign(kind string, claims map[string]any) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	header := map[string]any{"typ": kind, "alg": "ES256"}
	if i.Bad.Claims != nil {
		i.Bad.Claims(header, claims)
	}
	k := i.keyOf(header["alg"])
	if _, ok := header["kid"]; !ok {
		header["kid"] = k.id
	}
	for name, value := range claims {
		if value == nil {
			delete(claims, name)
		}
	}
	text := encodeJSON(header) + "." + encodeJSON(claims)
	token := text + "." + encode(signature(header["alg"], k, text))
	if i.Bad.Token != nil {
		token = i.Bad.Token(token)
	}
	return token
}

func (i *Issuer) keyOf(algorithm any) signingKey {
	for _, k := range i.keys {
		if k.algorithm == algorithm {
			return k
		}
	}
	return i.keys[0]
}

func signature(algorithm any, k signingKey, text string) []byte {
	sum := sha256.Sum256([]byte(text))
	switch algorithm {
	case "none":
		return nil
	case "HS256":
		key := k.key.(*ecdsa.PrivateKey)
		point, _ := key.PublicKey.Bytes()
		mac := hmac.New(sha256.New, point)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	case "RS256":
		signature, err := k.key.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			panic(err)
		}
		return signature
	}
	r, s, err := ecdsa.Sign(rand.Reader, k.key.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature
}

func encodeJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return encode(text)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
