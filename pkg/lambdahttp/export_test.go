package lambdahttp

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

// Stream returns what [StartStreaming] hands to aws-lambda-go.
func Stream(ctx context.Context, h http.Handler, payload []byte) (io.ReadCloser, error) {
	r, err := newAdapter(h, nil).stream(ctx, payload)
	if err != nil {
		return nil, err
	}
	return r.(*stream), nil
}

// Walked returns what the walker finds in a text, and whether the text is JSON.
func Walked(text []byte) (found any, ok bool) {
	if !jsontext.Value(text).IsValid() {
		return nil, false
	}
	w := walker{text: string(text)}
	return w.any(), !w.wrong
}

func (w *walker) any() any {
	switch w.kind() {
	case '{':
		object := map[string]any{}
		for name := range w.members() {
			object[name] = w.any()
		}
		return object
	case '[':
		list := []any{}
		for range w.elements() {
			list = append(list, w.any())
		}
		return list
	case '"':
		return w.textOrNull()
	case 't', 'f':
		return w.trueOrFalse()
	}
	var value any
	json.Unmarshal([]byte(w.value()), &value)
	return value
}
