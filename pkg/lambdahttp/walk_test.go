package lambdahttp_test

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"

	"example.com/coatcheck/pkg/lambdahttp"
)

// What is read of a JSON text is what a decoder reads of it.
func FuzzWalkedLikeADecoder(f *testing.F) {
	for _, text := range []string{
		`null`, ` true `, `"a"`, `"\""`, `"\\"`, `"\\\""`, `"a\u0022b\ud83d\ude00"`, `{}`, ` [ ] `, `[[],{}]`, `{"a\"b":{"c":[1,-2.5e+3,"]}"]},"\\":"{["}`,
		"{\"a\"\t:\n[ null ,\r false , \"\" ] , \"b\" : {\"\":0}}", `[1,2`, `{"a":1,"a":2}`, `"\ud800"`, "\"\xff\"", `{"a":1,"\u0061":2}`, `[1]]`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want any
		wantErr := json.Unmarshal(text, &want)
		got, ok := lambdahttp.Walked(text)
		if ok != (wantErr == nil) || ok && !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %#v and %v, want %#v and %v", text, got, ok, want, wantErr)
		}
	})
}
