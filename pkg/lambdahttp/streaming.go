package lambdahttp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
)

// StartStreaming serves h to Lambda like [Start], but sends the body while h still writes
// it. It needs a function URL whose InvokeMode is RESPONSE_STREAM, or a REST API whose
// integration has the responseTransferMode STREAM. The event does not say which mode it
// comes from: with a buffered function URL or REST API use Start, or the client gets what
// was meant for the front door. Events of other kinds cannot be answered in a stream; they
// are answered whole, as Start does.
//
// The [http.ResponseWriter] of h is also an [http.Flusher], and works with
// [http.ResponseController]. What h writes is sent when h flushes, when there are 4,096
// bytes, and when h returns. The status and the headers are fixed at the first write or
// flush. Both front doors take them in the same form: several values of a header joined with
// commas, and a list of cookies. AWS documents that a REST API must get them in the first
// 16 KB; an answer with more is a 500. There is no limit for the body, no base64, and no need
// for binaryMediaTypes.
//
// If h panics, or writes more or less than its Content-Length says, and nothing was sent
// before, the answer is a 500, and everything that h had written is dropped. If something was
// sent, the stream ends as broken: Lambda is told the error
// Function.AnswerBroken in a trailer, counts the invocation as failed, and the client sees
// an answer that ends too early. It is never told that a broken answer is complete.
//
// The context of the request ends as it does with Start; h can still write and flush then.
// h runs in a goroutine of its own, and the invocation does not end before h returns. A
// client that goes away does not end the context: AWS lets the function run on, and bills
// it. If Lambda itself stops reading, writes fail and the context ends.
//
// aws-lambda-go sets no header Lambda-Runtime-Function-Response-Mode, which AWS's
// documentation of the runtime API asks for. Its own types for streams send none either:
// Lambda streams if it was called by InvokeWithResponseStream, which is what both modes do.
// Lambda sends 200 MB at the most, and no more than 2 MB a second after the first 6 MB.
//
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
func StartStreaming(h http.Handler, options ...func(*Options)) {
	logStartup(newAdapter(h, options).log)
	lambda.Start(StreamingHandler(h, options...))
}

// StreamingHandler returns what [StartStreaming] starts, for tests. Its Invoke returns the
// whole stream: the status, headers and cookies as JSON, 8 bytes of zero, and the body. It
// returns an error for an event that is no HTTP request, and for a stream that broke.
func StreamingHandler(h http.Handler, options ...func(*Options)) lambda.Handler {
	return lambda.NewHandler(newAdapter(h, options).stream)
}

// errBroken ends a stream that has begun and cannot be completed.
var errBroken = messages.InvokeResponse_Error{
	Type:    "Function.AnswerBroken",
	Message: "the handler failed after it had begun its answer",
}

func (a adapter) stream(ctx context.Context, payload json.RawMessage) (io.Reader, error) {
	e, err := a.readEvent(ctx, payload)
	if err != nil {
		return nil, err
	}
	if e.kind != functionURL && e.kind != restAPI {
		return bytes.NewBuffer(a.answer(ctx, e)), nil
	}
	ctx, cancel := withEarlierDeadline(ctx)
	reader, writer := io.Pipe()
	s := &stream{reader: reader, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		var err error = errBroken // stays if the handler ends the goroutine
		defer func() { writer.CloseWithError(err) }()
		err = a.streamTo(ctx, writer, e)
	}()
	return s, nil
}

// streamTo answers the event. Its error means that the answer is not complete.
func (a adapter) streamTo(ctx context.Context, pipe io.Writer, e *event) error {
	r, err := e.request(ctx)
	if err != nil {
		return a.badEvent(ctx, err).sendTo(ctx, pipe)
	}
	w := newStreamWriter(r, pipe, e.kind, a.log)
	if a.serve(e, w, r) {
		return nil
	}
	if w.begun {
		return errBroken
	}
	return a.failed(r).sendTo(ctx, pipe)
}

// stream is an answer as aws-lambda-go reads it. It has no exported field, since
// aws-lambda-go would rather send JSON.
type stream struct {
	reader *io.PipeReader
	cancel context.CancelFunc
	done   chan struct{} // closed when the handler has returned
}

func (s *stream) Read(p []byte) (int, error) { return s.reader.Read(p) }

// ContentType tells Lambda that the stream begins with the status and the headers.
func (s *stream) ContentType() string { return "application/vnd.awslambda.http-integration-response" }

// Close returns when the handler has returned, so that it never runs beside the next
// invocation.
func (s *stream) Close() error {
	s.cancel()
	s.reader.Close()
	<-s.done
	return nil
}

// streamWriter sends a response while the handler writes it.
type streamWriter struct {
	responseWriter
	ctx    context.Context
	kind   kind
	pipe   io.Writer
	buffer *bufio.Writer // before send
	begun  bool          // the prelude was sent
}

func newStreamWriter(r *http.Request, pipe io.Writer, k kind, log *slog.Logger) *streamWriter {
	w := &streamWriter{responseWriter: *newResponseWriter(r.Method, log), ctx: r.Context(), kind: k, pipe: pipe}
	w.buffer = bufio.NewWriter(writerFunc(w.send))
	w.out = w.buffer
	return w
}

// finish sends what is left, if that is all of the answer.
func (w *streamWriter) finish() error {
	if err := w.responseWriter.finish(); err != nil {
		return err
	}
	return w.FlushError()
}

// Flush sends what was written so far, and the headers if they were not sent.
func (w *streamWriter) Flush() { w.FlushError() }

// FlushError is Flush for [http.ResponseController].
func (w *streamWriter) FlushError() error {
	if err := w.buffer.Flush(); err != nil || w.begun {
		return err
	}
	_, err := w.send(nil)
	return err
}

// send sends a part of the body, after the prelude if that was not sent.
func (w *streamWriter) send(p []byte) (int, error) {
	part := p
	if w.method == http.MethodHead {
		part = nil
	}
	if !w.begun {
		prelude := w.prelude(w.ctx, p)
		if w.kind == restAPI && len(prelude) > 16<<10 {
			return 0, errors.New("the response's headers are larger than the 16 KB that a REST API takes in a stream")
		}
		part, w.begun = append(prelude, part...), true
	}
	if len(part) == 0 { // nobody may be waiting for nothing
		return len(p), nil
	}
	if _, err := w.pipe.Write(part); err != nil {
		return 0, err
	}
	return len(p), nil
}

// prelude returns the part of a stream before the body, which begins with start.
func (w *responseWriter) prelude(ctx context.Context, start []byte) []byte {
	return append(w.appendHead(ctx, make([]byte, 0, 1024+len(start)), functionURL, start), "}\x00\x00\x00\x00\x00\x00\x00\x00"...)
}

// sendTo sends a whole response as a stream.
func (w *responseWriter) sendTo(ctx context.Context, pipe io.Writer) error {
	part := w.prelude(ctx, w.body.Bytes())
	if w.method != http.MethodHead {
		part = append(part, w.body.Bytes()...)
	}
	_, err := pipe.Write(part)
	return err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
