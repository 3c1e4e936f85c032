// Command vectors writes scs_2.9.json and gorilla_1.4.json into the folder that is its first
// argument, with scs, its redisstore, gorilla/sessions and gorilla/securecookie as go.mod
// pins them, beside a Redis of its own:
//
//	redis-server --port 6390 --save '' & go run . ../.. 6390
package main

import (
	"context"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

const stamp = "AbCdEfGhIjKlMnOpQrStUv.1760000000"

// The types of a program of its own, which the reader has never heard of.
type (
	UserID int
	Name   string
	Item   struct {
		SKU      string
		Quantity int
		Options  map[string]bool
	}
	Cart struct {
		Items []Item
		Owner *Item
		Any   any
	}
	Odd     struct{ text string }
	Recipes map[Name][]Item
	Triple  [3]float64
)

func (o Odd) MarshalBinary() ([]byte, error)     { return []byte(o.text), nil }
func (o *Odd) UnmarshalBinary(text []byte) error { o.text = string(text); return nil }

type object = map[string]any

func own() object {
	item := Item{"ABC", 2, map[string]bool{"gift": true}}
	return object{
		"a_cart": Cart{[]Item{item, item}, &item, Name("inner")}, "b_time": time.Unix(1760000000, 0), "c_odd": Odd{"x"},
		"d_recipes": Recipes{"soup": {item}}, "e_list": []any{1, "two", item, nil, UserID(3)}, "f_map": map[string]any{"x": Cart{}},
		"g_bytes": []byte("bytes"), "h_complex": complex(1, 2), "i_triple": Triple{1, 2, 3}, "j_items": []Item{}, "k_uint": uint8(200),
		"l_negative": -5, "m_float": 1.5, "n_name": Name("Zoë ☕"), "o_empty": "", "p_zero": 0, "q_false": false,
	}
}

func ownData() object {
	return object{
		"a_cart": nil, "b_time": nil, "c_odd": nil, "d_recipes": nil, "e_list": nil, "f_map": nil, "h_complex": nil, "i_triple": nil, "j_items": nil,
		"k_uint": 200, "l_negative": -5, "m_float": 1.5, "n_name": "Zoë ☕", "o_empty": "", "p_zero": 0, "q_false": false,
	}
}

func main() {
	for _, v := range []any{UserID(0), Name(""), Item{}, Cart{}, Odd{}, Recipes{}, Triple{}, []Item{}, []any{}, map[string]any{}, time.Time{}} {
		gob.Register(v)
	}
	write("scs_2.9.json", object{"adapter": "scs", "generated_with": object{"scs": "v2.9.0", "redisstore": "see go.mod"}, "how": "generate/golang", "cases": scsCases(os.Args[2])})
	write("gorilla_1.4.json", object{
		"adapter": "gorilla", "generated_with": object{"gorilla/sessions": "v1.4.0", "gorilla/securecookie": "v1.1.2"}, "how": "generate/golang",
		"config": object{"cookie_name": "shop"}, "cases": gorillaCases(),
	})
}

func write(name string, content any) {
	text, err := json.MarshalIndent(content, "", " ")
	must(err)
	must(os.WriteFile(filepath.Join(os.Args[1], name), append(text, '\n'), 0o644))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func scsCases(port string) (cases []object) {
	pool := &redis.Pool{Dial: func() (redis.Conn, error) { return redis.Dial("tcp", "127.0.0.1:"+port) }}
	add := func(name string, hashed bool, values, expect, more object) {
		manager := scs.New()
		manager.Store, manager.HashTokenInStore = redisstore.NewWithPrefix(pool, "shop:"), hashed
		ctx, err := manager.Load(context.Background(), "")
		must(err)
		for key, value := range values {
			manager.Put(ctx, key, value)
		}
		token, expiry, err := manager.Commit(ctx)
		must(err)
		conn := pool.Get()
		keys, err := redis.Strings(conn.Do("KEYS", "shop:*"))
		must(err)
		value, err := redis.Bytes(conn.Do("GET", keys[0]))
		must(err)
		_, err = conn.Do("FLUSHALL")
		must(err)
		c := object{
			"name": name, "cookie": token, "now": time.Now().Unix(), "hashed": hashed, "user": "userID", "expect": expect,
			"store": object{"key": keys[0], "value_base64": base64.StdEncoding.EncodeToString(value), "ttl": int(time.Until(expiry).Seconds())},
		}
		for key, value := range more {
			c[key] = value
		}
		cases = append(cases, c)
	}
	user := func(id string) object { return object{"ok": true, "user_id": id} }
	rejected := object{"ok": false}
	add("integer", false, object{"userID": 42}, user("42"), nil)
	add("hashed", true, object{"userID": 42}, user("42"), nil)
	add("hashed, but not said", true, object{"userID": 42}, rejected, object{"hashed": false})
	add("own integer", false, object{"userID": UserID(42)}, user("42"), nil)
	add("own text", false, object{"userID": Name("zoë")}, user("zoë"), nil)
	add("int64", false, object{"userID": int64(-1 << 62)}, user("-4611686018427387904"), nil)
	add("uint64", false, object{"userID": uint64(1<<64 - 1)}, user("18446744073709551615"), nil)
	add("stamped", false, object{"userID": 42, "coatcheck_stamp": stamp}, object{"ok": true, "user_id": "42", "signed_in_at": 1760000000}, nil)
	values, data := own(), ownData()
	values["userID"], values["z_last"] = "u-1", "after the objects"
	data["z_last"] = "after the objects"
	add("types of its own", false, values, object{"ok": true, "user_id": "u-1", "signed_in_at": 0, "data": data}, nil)
	add("anonymous", false, object{"cart_id": "c-1"}, object{"ok": true, "anonymous": true}, nil)
	for name, id := range map[string]any{"float": 42.0, "struct": Item{}, "list": []any{42}, "time": time.Unix(42, 0), "bytes": []byte("42"), "true": true} {
		add("user is a "+name, false, object{"userID": id}, rejected, nil)
	}
	add("expired", false, object{"userID": 42}, rejected, object{"now": time.Now().Add(24*time.Hour + time.Minute).Unix()})
	return cases
}

func gorillaCases() (cases []object) {
	key := func(letter string, n int) []byte { return []byte(strings.Repeat(letter, n)) }
	h1, b1, h2, b2 := key("h", 32), key("b", 32), key("H", 64), key("B", 16)
	add := func(name string, keys [][]byte, values map[any]any, expect object, more object) {
		store := sessions.NewCookieStore(keys...)
		request := httptest.NewRequest(http.MethodGet, "https://localhost/", nil)
		session, err := store.Get(request, "shop")
		must(err)
		for key, value := range values {
			session.Values[key] = value
		}
		recorder := httptest.NewRecorder()
		must(session.Save(request, recorder))
		c := object{"name": name, "cookie": recorder.Result().Cookies()[0].Value, "now": time.Now().Unix(), "keys": keys, "expect": expect}
		for key, value := range more {
			c[key] = value
		}
		cases = append(cases, c)
	}
	stamped := func(id any) map[any]any { return map[any]any{"user_id": id, "coatcheck_stamp": stamp} }
	user := func(id string) object {
		return object{"ok": true, "user_id": id, "identity": "stamp:" + stamp[:22], "signed_in_at": 1760000000}
	}
	rejected := object{"ok": false}
	add("signed", [][]byte{h1}, stamped(42), user("42"), nil)
	add("encrypted", [][]byte{h1, b1}, stamped(42), user("42"), nil)
	add("no stamp", [][]byte{h1, b1}, map[any]any{"user_id": 42}, object{"ok": true, "user_id": "42", "identity": "", "signed_in_at": 0}, nil)
	add("old pair", [][]byte{h2, b2}, stamped("u-1"), user("u-1"), object{"keys": [][]byte{h1, b1, h2, b2}})
	add("old pair without encryption", [][]byte{h2}, stamped("u-1"), user("u-1"), object{"keys": [][]byte{h1, b1, h2}})
	add("another encryption with the same signature", [][]byte{h1, b2}, stamped("u-1"), user("u-1"), object{"keys": [][]byte{h1, b1, h1, b2}})
	add("forgotten pair", [][]byte{h2, b2}, stamped("u-1"), rejected, object{"keys": [][]byte{h1, b1}})
	add("pairs mixed", [][]byte{h1, b2}, stamped("u-1"), rejected, object{"keys": [][]byte{h1, b1, h2, b2}})
	add("encrypted, but not said", [][]byte{h1, b1}, stamped(42), rejected, object{"keys": [][]byte{h1}})
	add("anonymous", [][]byte{h1}, map[any]any{"cart_id": "c-1", "coatcheck_stamp": stamp}, object{"ok": true, "anonymous": true}, nil)
	values, data := stamped(UserID(42)), ownData()
	for name, value := range own() {
		values[name] = value
	}
	values[UserID(5)], values[3.5], values[Item{}.SKU+"z_last"] = "key 5", "key 3.5", "after the objects"
	data["5"], data["z_last"] = "key 5", "after the objects"
	expect := user("42")
	expect["data"] = data
	add("types of its own", [][]byte{h1, b1}, values, expect, nil)
	for name, id := range map[string]any{"float": 42.0, "struct": Cart{}, "list": []any{42}, "true": true} {
		add("user is a "+name, [][]byte{h1}, stamped(id), rejected, nil)
	}
	later := func(d time.Duration) object { return object{"now": time.Now().Add(d).Unix()} }
	add("at the end", [][]byte{h1}, stamped(42), user("42"), later(30*24*time.Hour-time.Minute))
	add("expired", [][]byte{h1}, stamped(42), rejected, later(30*24*time.Hour+time.Minute))
	add("from the future", [][]byte{h1}, stamped(42), rejected, later(-time.Minute))
	other, err := securecookie.EncodeMulti("other", stamped(42), securecookie.New(h1, nil))
	must(err)
	cases = append(cases, object{"name": "other cookie", "cookie": other, "now": time.Now().Unix(), "keys": [][]byte{h1}, "expect": rejected})
	text, err := securecookie.EncodeMulti("shop", "7", securecookie.New(h1, nil))
	must(err)
	cases = append(cases, object{"name": "a text, as stores on servers have", "cookie": text, "now": time.Now().Unix(), "keys": [][]byte{h1}, "expect": rejected})
	return cases
}
