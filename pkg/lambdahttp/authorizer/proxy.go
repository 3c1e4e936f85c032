package authorizer

import (
	"cmp"
	"log/slog"
	"net/http"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/lambdahttp"
)

// BehindProxy returns an authorizer that refuses requests without one of the secrets,
// and asks authorize about the others, as [clientip.Secrets.Admit] returns them. Without
// secrets it asks about all. The functions behind the authorizer have to check the
// secrets too, because somebody may reach them by another way. The logger receives what is
// refused; nil means slog.Default().
func BehindProxy(secrets clientip.Secrets, logger *slog.Logger, authorize lambdahttp.Authorizer) lambdahttp.Authorizer {
	logger = cmp.Or(logger, slog.Default())
	return func(r *http.Request) (map[string]string, error) {
		r, err := secrets.Admit(r)
		if err != nil {
			ctx := events.WithClient(r.Context(), events.Client{IP: clientip.Of(r), UserAgent: r.UserAgent()})
			events.Log(ctx, logger, "authz_fail", "method", r.Method, "path", r.URL.Path, "reason", "not_proxied", "error", err.Error())
			return nil, lambdahttp.ErrNotAuthorized
		}
		return authorize(r)
	}
}
