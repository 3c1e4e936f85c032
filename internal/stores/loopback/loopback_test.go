package loopback

import "testing"

func TestHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.9.8.7": true, "::1": true, "::ffff:127.0.0.1": true, "::1%lo": true,
		"": false, "0.0.0.0": false, "::": false, "128.0.0.1": false, "10.0.0.1": false, "::2": false, "::ffff:10.0.0.1": false, "fe80::1%lo": false,
		"localhost.example": false, "localhost.": false, "localhost-2": false, "127.0.0.1.example": false, "127.1": false, "2130706433": false,
		"0x7f000001": false, "[::1]": false, "127.0.0.1:5432": false, "db": false, " localhost": false, "localhost,db": false, "localhost\x00db": false,
	} {
		if got := Host(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	for address, want := range map[string]bool{
		"http://localhost:8000": true, "http://127.0.0.1": true, "http://[::1]:8000/": true, "http://user@localhost:8000": true,
		"": false, "localhost:8000": false, "http://localhost.example:8000": false, "http://localhost@db.example": false,
		"http://localhost:8000@db.example": false, "http://db.example/localhost": false, "http://db.example#@localhost": false,
		"http://localhost\\@db.example": false, "http://[::ffff:10.0.0.1]": false, "https://dynamodb.eu-west-1.amazonaws.com": false,
	} {
		if got := URL(address); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}
