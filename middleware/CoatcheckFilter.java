package coatcheck;

import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import jakarta.servlet.http.HttpSession;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.Principal;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.logging.Logger;
import java.util.regex.Pattern;

/**
 * Coatcheck's sessions in servlets: makes the user of our cookie the request's user principal.
 * It stands in front of all other filters. README.md beside this file says how to set it up.
 */
public final class CoatcheckFilter implements Filter {
    private static final String RETRY_AFTER = "5"; // seconds
    private static final int MAX_ANSWER = 64 << 10; // bytes
    private static final String USER_AGENT = "Coatcheck-Middleware"; // firewalls refuse programs that have none
    // A token: three parts of base64url, or four if tokens are signed.
    private static final Pattern TOKEN =
            Pattern.compile("[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}(\\.[A-Za-z0-9_-]{22})?");
    private static final Pattern LOCAL_PATH = Pattern.compile("/(?![/\\\\])[^\\\\\\x00-\\x20\\x7f]*");
    private static final Logger LOG = Logger.getLogger("coatcheck");

    /** The settings; null for a timeout or a cookie is the default. */
    public record Settings(
            URI origin, boolean only, Duration timeout, String cookie, Set<String> loginPaths, Set<String> logoutPaths) {
        public Settings {
            timeout = timeout == null ? Duration.ofSeconds(2) : timeout;
            cookie = cookie == null ? "__Host-SESSIONID" : cookie;
            if (!origin.toString().matches("https?://[^/?#@\\s]+/?")) {
                throw new IllegalArgumentException("Coatcheck's origin must be like https://app.example.com, not " + origin);
            }
        }
    }

    /** Nobody knows who is calling, because Coatcheck did not answer as it should. */
    public static final class Outage extends RuntimeException {
        Outage(String message) {
            super(message);
        }
    }

    private final Settings settings;
    private final Function<Map<String, Object>, Principal> user;
    private final HttpClient client;

    /** User returns the user whom whoami's answer is about, or null if there is none. */
    public CoatcheckFilter(Settings settings, Function<Map<String, Object>, Principal> user) {
        this.settings = settings;
        this.user = user;
        this.client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .proxy(HttpClient.Builder.NO_PROXY)
                .connectTimeout(settings.timeout())
                .build();
    }

    @Override
    public void doFilter(ServletRequest from, ServletResponse to, FilterChain chain) throws IOException, ServletException {
        HttpServletRequest request = (HttpServletRequest) from;
        Ours ours = new Ours(request);
        Response response = new Response((HttpServletResponse) to, ours);
        ours.response = response;
        // As the container takes it: decoded, and without path parameters.
        String path = request.getServletPath() + (request.getPathInfo() == null ? "" : request.getPathInfo());
        if (settings.only() && settings.loginPaths().contains(path)) {
            response.setStatus(HttpServletResponse.SC_SEE_OTHER);
            response.setHeader("Location", loginPage(request.getQueryString()));
            return;
        }
        try {
            ours.identify();
            if (settings.logoutPaths().contains(path) && !request.getMethod().equals("OPTIONS")) {
                ours.end();
            }
            request.setAttribute("coatcheck", ours);
            chain.doFilter(new Request(request, ours), response);
        } catch (Outage outage) {
            response.unavailable();
        } catch (ServletException e) { // frameworks wrap what signIn throws
            if (!(e.getRootCause() instanceof Outage) && !(e.getCause() instanceof Outage)) {
                throw e;
            }
            response.unavailable();
        }
    }

    /** Our cookie in one request: its attribute "coatcheck". */
    public final class Ours {
        private final Set<String> values = new LinkedHashSet<>();
        private final String others;
        private Map<String, Object> who;
        private Principal principal;
        private boolean ended;
        private Response response;

        private Ours(HttpServletRequest request) {
            List<String> others = new ArrayList<>();
            for (String part : String.join(";", Collections.list(request.getHeaders("Cookie"))).split(";")) {
                part = part.replaceAll("^[ \t]+|[ \t]+$", "");
                if (part.startsWith(settings.cookie() + "=")) {
                    values.add(part.substring(settings.cookie().length() + 1));
                } else if (!part.isEmpty()) {
                    others.add(part);
                }
            }
            this.others = String.join("; ", others);
        }

        /** Returns whoami's answer, or null. */
        public Map<String, Object> who() {
            return who;
        }

        /** Returns the user of our cookie, or null. */
        public Principal principal() {
            return principal;
        }

        /** Reports whether the user is ours, or nobody, whatever the application's session says. */
        public boolean decides() {
            return who != null || settings.only();
        }

        /** Returns the ID of the user of our cookie; if it names nobody, own in mode also, and null in mode only. */
        public String userId(String own) {
            return who != null ? (String) who.get("user_id") : settings.only() ? null : own;
        }

        /**
         * Ends ours, which may be another user's, and stamps the session. Call it at each sign-in, before the user
         * is put into the session. In an outage it throws Outage: let it pass, and the answer is 503.
         */
        public void signIn(HttpSession session) {
            end();
            who = null;
            principal = null;
            byte[] id = new byte[16];
            new SecureRandom().nextBytes(id);
            String text = Base64.getUrlEncoder().withoutPadding().encodeToString(id);
            session.setAttribute("coatcheck_stamp", text + "." + Instant.now().getEpochSecond());
        }

        private void identify() {
            if (values.size() != 1 || !TOKEN.matcher(values.iterator().next()).matches()) {
                return;
            }
            HttpResponse<ByteArrayOutputStream> answer = ask("GET", "/whoami", values);
            if (answer.statusCode() == 401) {
                return;
            }
            Object said = answer.statusCode() == 200 ? Json.parse(answer.body().toString(StandardCharsets.UTF_8)) : null;
            if (!(said instanceof Map<?, ?> map) || !(map.get("user_id") instanceof String id) || id.isEmpty()) {
                throw outage("GET /whoami answered " + answer.statusCode() + ", and not who is calling");
            }
            who = new HashMap<>();
            map.forEach((name, value) -> who.put((String) name, value));
            principal = user.apply(who);
            response.changed();
        }

        private void end() {
            if (ended || values.isEmpty()) {
                return;
            }
            Set<String> tokens = new LinkedHashSet<>(values);
            tokens.removeIf(value -> !TOKEN.matcher(value).matches());
            if (!tokens.isEmpty()) {
                int status = ask("POST", "/logout", tokens).statusCode();
                if (status != 204) {
                    throw outage("POST /logout answered " + status + ", not 204");
                }
            }
            ended = true;
            response.changed();
        }

        private HttpResponse<ByteArrayOutputStream> ask(String method, String path, Set<String> tokens) {
            List<String> cookies = tokens.stream().map(token -> settings.cookie() + "=" + token).toList();
            HttpRequest request = HttpRequest.newBuilder(settings.origin().resolve(path))
                    .method(method, HttpRequest.BodyPublishers.noBody())
                    .header("Accept", "application/json")
                    .header("User-Agent", USER_AGENT)
                    .header("Cookie", String.join("; ", cookies))
                    .build();
            var call = client.sendAsync(request, CoatcheckFilter::limited);
            try { // the time limit is of the whole answer
                var answer = call.get(settings.timeout().toMillis(), TimeUnit.MILLISECONDS);
                if (answer.body().size() > MAX_ANSWER) {
                    throw outage(method + " " + path + " answered more than " + MAX_ANSWER + " bytes");
                }
                return answer;
            } catch (ExecutionException | TimeoutException e) {
                throw outage(method + " " + path + ": " + (e.getCause() == null ? e : e.getCause()));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw outage(method + " " + path + ": interrupted");
            } finally {
                call.cancel(true);
            }
        }

        private Outage outage(String message) {
            LOG.warning("coatcheck: " + message);
            return new Outage(message);
        }
    }

    /** Keeps one byte more of an answer than it may have. */
    private static HttpResponse.BodySubscriber<ByteArrayOutputStream> limited(HttpResponse.ResponseInfo info) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        var subscriber = HttpResponse.BodySubscribers.ofByteArrayConsumer(part -> part.ifPresent(
                bytes -> body.write(bytes, 0, Math.min(bytes.length, MAX_ANSWER + 1 - body.size()))));
        return HttpResponse.BodySubscribers.mapping(subscriber, nothing -> body);
    }

    /** The request as the application sees it: with our user, and without our cookie. */
    private final class Request extends HttpServletRequestWrapper {
        private final Ours ours;

        Request(HttpServletRequest request, Ours ours) {
            super(request);
            this.ours = ours;
        }

        @Override
        public Principal getUserPrincipal() {
            return ours.decides() ? ours.principal : super.getUserPrincipal();
        }

        @Override
        public String getRemoteUser() {
            Principal principal = getUserPrincipal();
            return principal == null ? null : principal.getName();
        }

        @Override
        public boolean isUserInRole(String role) {
            if (!ours.decides()) {
                return super.isUserInRole(role);
            }
            return ours.principal != null && ours.who.get("roles") instanceof List<?> roles && roles.contains(role);
        }

        @Override
        public String getHeader(String name) {
            return name.equalsIgnoreCase("Cookie") ? (ours.others.isEmpty() ? null : ours.others) : super.getHeader(name);
        }

        @Override
        public Enumeration<String> getHeaders(String name) {
            String cookie = getHeader("Cookie");
            return name.equalsIgnoreCase("Cookie")
                    ? Collections.enumeration(cookie == null ? List.of() : List.of(cookie))
                    : super.getHeaders(name);
        }

        @Override
        public Enumeration<String> getHeaderNames() {
            List<String> names = Collections.list(super.getHeaderNames());
            names.removeIf(name -> name.equalsIgnoreCase("Cookie") && ours.others.isEmpty());
            return Collections.enumeration(names);
        }

        @Override
        public Cookie[] getCookies() {
            Cookie[] all = super.getCookies();
            if (all == null) {
                return null;
            }
            return Arrays.stream(all).filter(cookie -> !cookie.getName().equals(settings.cookie())).toArray(Cookie[]::new);
        }
    }

    /** The answer: it completes Vary and Cache-Control whenever the application sets them. */
    private final class Response extends HttpServletResponseWrapper {
        private final Ours ours;
        private String vary = "";
        private String control = "";
        private boolean cleared;

        Response(HttpServletResponse response, Ours ours) {
            super(response);
            this.ours = ours;
            changed();
        }

        /** Writes the fields as they must be now. */
        void changed() {
            super.setHeader("Vary", withCookie(vary));
            if (ours.who != null || ours.ended) {
                super.setHeader("Cache-Control", asPrivate(control));
            } else if (!control.isEmpty()) {
                super.setHeader("Cache-Control", control);
            }
            if (ours.ended && !cleared) {
                super.addHeader("Set-Cookie", settings.cookie() + "=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
                cleared = true;
            }
        }

        void unavailable() throws IOException {
            reset();
            super.setHeader("Retry-After", RETRY_AFTER);
            super.setHeader("Cache-Control", "no-store");
            sendError(SC_SERVICE_UNAVAILABLE);
        }

        @Override
        public void reset() {
            super.reset();
            vary = control = "";
            cleared = false;
            changed();
        }

        @Override
        public void setHeader(String name, String value) {
            if (name.equalsIgnoreCase("Vary")) {
                vary = value == null ? "" : value;
            } else if (name.equalsIgnoreCase("Cache-Control")) {
                control = value == null ? "" : value;
            } else {
                super.setHeader(name, value);
                return;
            }
            changed();
        }

        @Override
        public void addHeader(String name, String value) {
            if (name.equalsIgnoreCase("Vary")) {
                vary = vary.isEmpty() ? value : vary + ", " + value;
            } else if (name.equalsIgnoreCase("Cache-Control")) {
                control = control.isEmpty() ? value : control + ", " + value;
            } else {
                super.addHeader(name, value);
                return;
            }
            changed();
        }

        /** Spring Security writes no-store unless the application has said something: our private is not that. */
        @Override
        public boolean containsHeader(String name) {
            return name.equalsIgnoreCase("Cache-Control") ? !control.isEmpty() : super.containsHeader(name);
        }
    }

    private static List<String> list(String header) {
        return new ArrayList<>(Arrays.stream(header.split(",")).map(String::strip).filter(part -> !part.isEmpty()).toList());
    }

    private static String withCookie(String vary) {
        List<String> fields = list(vary);
        if (fields.stream().noneMatch(field -> field.equals("*") || field.equalsIgnoreCase("Cookie"))) {
            fields.add("Cookie");
        }
        return String.join(", ", fields);
    }

    private static String asPrivate(String control) {
        List<String> directives = list(control);
        directives.removeIf(directive -> directive.equalsIgnoreCase("public"));
        if (directives.stream().noneMatch(d -> d.equalsIgnoreCase("private") || d.equalsIgnoreCase("no-store"))) {
            directives.add(0, "private");
        }
        return String.join(", ", directives);
    }

    /** Returns the address of Coatcheck's login page, from which a user comes back to the next of the query. */
    private static String loginPage(String query) {
        for (String pair : (query == null ? "" : query).split("&")) {
            if (pair.startsWith("next=")) {
                String next;
                try {
                    next = URLDecoder.decode(pair.substring(5), StandardCharsets.UTF_8);
                } catch (IllegalArgumentException e) {
                    continue;
                }
                if (LOCAL_PATH.matcher(next).matches()) {
                    return "/login?next=" + URLEncoder.encode(next, StandardCharsets.UTF_8);
                }
            }
        }
        return "/login";
    }

    /** A reader of JSON, which Java's standard library lacks: objects, lists, strings, doubles, booleans and null. */
    private static final class Json {
        private static final int DEPTH = 20;
        private static final Pattern NUMBER = Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        /** Returns the value, or null for what is no JSON. */
        static Object parse(String text) {
            Json json = new Json(text);
            try {
                Object value = json.value(0);
                return json.peek() == 0 ? value : null;
            } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
                return null;
            }
        }

        /** Skips white space, and returns the next character, or 0 at the end. */
        private char peek() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
            return at < text.length() ? text.charAt(at) : 0;
        }

        private void expect(String token) {
            peek();
            if (!text.startsWith(token, at)) {
                throw new IllegalArgumentException();
            }
            at += token.length();
        }

        private boolean next(String token) {
            peek();
            boolean is = text.startsWith(token, at);
            at += is ? token.length() : 0;
            return is;
        }

        private Object value(int depth) {
            if (depth > DEPTH) {
                throw new IllegalArgumentException();
            }
            switch (peek()) {
                case '{':
                    return object(depth);
                case '[':
                    return array(depth);
                case '"':
                    return string();
                case 't':
                    expect("true");
                    return true;
                case 'f':
                    expect("false");
                    return false;
                case 'n':
                    expect("null");
                    return null;
                default:
                    var number = NUMBER.matcher(text).region(at, text.length());
                    if (!number.lookingAt()) {
                        throw new IllegalArgumentException();
                    }
                    at = number.end();
                    return Double.valueOf(number.group());
            }
        }

        private Map<String, Object> object(int depth) {
            Map<String, Object> object = new HashMap<>();
            expect("{");
            if (next("}")) {
                return object;
            }
            do {
                peek();
                String name = string();
                expect(":");
                object.put(name, value(depth + 1));
            } while (next(","));
            expect("}");
            return object;
        }

        private List<Object> array(int depth) {
            List<Object> array = new ArrayList<>();
            expect("[");
            if (next("]")) {
                return array;
            }
            do {
                array.add(value(depth + 1));
            } while (next(","));
            expect("]");
            return array;
        }

        private String string() {
            expect("\"");
            StringBuilder string = new StringBuilder();
            for (char c; (c = text.charAt(at++)) != '"'; ) {
                if (c < ' ') {
                    throw new IllegalArgumentException();
                }
                string.append(c == '\\' ? escaped() : c);
            }
            return string.toString();
        }

        private char escaped() {
            char c = text.charAt(at++);
            if (c == 'u') {
                at += 4;
                return (char) Integer.parseInt(text.substring(at - 4, at), 16);
            }
            int i = "\"\\/bfnrt".indexOf(c);
            if (i < 0) {
                throw new IllegalArgumentException();
            }
            return "\"\\/\b\f\n\r\t".charAt(i);
        }
    }
}
