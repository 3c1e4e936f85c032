// Writes spring_jdbc.json into the folder that is its argument:
//
//   mvn -q compile exec:java -Dexec.mainClass=Spring -Dexec.args=../..
//
// Java 17 or later, spring-session-jdbc 3.5.7, spring-security-web 6.5.11 and H2 2.3.232, as
// pom.xml says. The rows are what JdbcIndexedSessionRepository writes, the cookies what
// DefaultCookieSerializer does, and the sign-in is Spring Security's own filter.
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import jakarta.servlet.Filter;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpSession;
import java.io.File;
import java.io.Serializable;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.core.io.ClassPathResource;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.datasource.init.ResourceDatabasePopulator;
import org.springframework.mock.web.MockFilterChain;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;
import org.springframework.security.authentication.ProviderManager;
import org.springframework.security.authentication.dao.DaoAuthenticationProvider;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.crypto.factory.PasswordEncoderFactories;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.authentication.UsernamePasswordAuthenticationFilter;
import org.springframework.security.web.authentication.session.ChangeSessionIdAuthenticationStrategy;
import org.springframework.security.web.context.HttpSessionSecurityContextRepository;
import org.springframework.session.jdbc.JdbcIndexedSessionRepository;
import org.springframework.session.web.http.SessionRepositoryFilter;
import org.springframework.transaction.support.TransactionTemplate;

public class Spring {
    record Cart(String sku, int quantity) implements Serializable {}

    interface Page { void open(HttpSession session); }

    static JdbcTemplate database;
    static JdbcIndexedSessionRepository sessions;
    static UsernamePasswordAuthenticationFilter login;

    public static void main(String[] args) throws Exception {
        var source = new DriverManagerDataSource("jdbc:h2:mem:sessions;DB_CLOSE_DELAY=-1");
        new ResourceDatabasePopulator(new ClassPathResource("org/springframework/session/jdbc/schema-h2.sql")).execute(source);
        database = new JdbcTemplate(source);
        sessions = new JdbcIndexedSessionRepository(database, new TransactionTemplate(new DataSourceTransactionManager(source)));
        sessions.setDefaultMaxInactiveInterval(Duration.ofMinutes(30));
        var encoder = PasswordEncoderFactories.createDelegatingPasswordEncoder();
        var users = new InMemoryUserDetailsManager();
        for (var name : List.of("zoë@example.com", "42", "Ida")) {
            users.createUser(User.withUsername(name).password(encoder.encode("correct horse")).roles("USER").build());
        }
        var provider = new DaoAuthenticationProvider();
        provider.setUserDetailsService(users);
        login = new UsernamePasswordAuthenticationFilter(new ProviderManager(provider));
        login.setSecurityContextRepository(new HttpSessionSecurityContextRepository());
        login.setSessionAuthenticationStrategy(new ChangeSessionIdAuthenticationStrategy());
        login.setFilterProcessesUrl("/login");

        var cases = new ArrayList<Map<String, Object>>();
        cases.add(testCase("signed_in", "zoë@example.com", Spring::fill, ok("zoë@example.com")));
        cases.add(testCase("text_that_is_a_number", "42", Spring::fill, ok("42")));
        cases.add(testCase("stamped", "Ida", session ->
            session.setAttribute("coatcheck_stamp", "AbCdEfGhIjKlMnOpQrStUv.1760000000"), stamped("Ida")));
        cases.add(testCase("anonymous", null, Spring::fill, Map.of("ok", true, "anonymous", true)));
        var expired = testCase("expired", "Ida", Spring::fill, Map.of("ok", false));
        expired.put("now", (Long) expired.get("now") + 1801);
        cases.add(expired);
        var ended = testCase("ended", "Ida", session -> session.invalidate(), Map.of("ok", false));
        cases.add(ended);

        var file = new LinkedHashMap<String, Object>();
        file.put("adapter", "spring-jdbc");
        file.put("generated_with", Map.of("java", System.getProperty("java.version"), "spring-session-jdbc", "3.5.7",
            "spring-security-web", "6.5.11", "h2", "2.3.232"));
        file.put("how", "generate/spring/Spring.java");
        file.put("cases", cases);
        new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValue(new File(args[0], "spring_jdbc.json"), file);
    }

    static Map<String, Object> ok(String user) {
        var data = new LinkedHashMap<String, Object>();
        data.put("cart_id", "c-1 ☕");
        data.put("items", 3);
        data.put("total", 12345678901L);
        data.put("wide", true);
        data.put("narrow", false);
        data.put("cart", null);
        data.put("price", null);
        data.put("SPRING_SECURITY_CONTEXT", null);
        return Map.of("ok", true, "user_id", user, "signed_in_at", 0, "data", data);
    }

    static Map<String, Object> stamped(String user) {
        return Map.of("ok", true, "user_id", user, "signed_in_at", 1760000000);
    }

    static void fill(HttpSession session) {
        session.setAttribute("cart_id", "c-1 ☕");
        session.setAttribute("items", 3);
        session.setAttribute("total", 12345678901L);
        session.setAttribute("wide", true);
        session.setAttribute("narrow", false);
        session.setAttribute("cart", new Cart("ABC", 2));
        session.setAttribute("price", 9.5);
        session.setAttribute("list", new ArrayList<>(List.of("a")));
    }

    // testCase visits a page before the sign-in, signs in if there is a user, and visits it again.
    static Map<String, Object> testCase(String name, String user, Page page, Map<String, Object> expect) throws Exception {
        var value = visit(null, "/", session -> session.setAttribute("first", "visit"));
        if (user != null) {
            value = visit(value, user);
        }
        var changed = visit(value, "/", page);
        value = changed == null ? value : changed;
        var id = new String(Base64.getDecoder().decode(value));
        var made = new LinkedHashMap<String, Object>();
        made.put("name", name);
        made.put("cookies", Map.of("SESSION", value));
        made.put("now", Instant.now().getEpochSecond());
        var rows = database.queryForList("SELECT * FROM SPRING_SESSION WHERE SESSION_ID = ?", id);
        if (!rows.isEmpty()) {
            made.put("row", rows.get(0));
            var attributes = new LinkedHashMap<String, Object>();
            for (var row : database.queryForList(
                "SELECT ATTRIBUTE_NAME, ATTRIBUTE_BYTES FROM SPRING_SESSION_ATTRIBUTES WHERE SESSION_PRIMARY_ID = ?", rows.get(0).get("PRIMARY_ID"))) {
                attributes.put((String) row.get("ATTRIBUTE_NAME"), row.get("ATTRIBUTE_BYTES"));
            }
            made.put("attributes", attributes);
        }
        made.put("expect", expect);
        return made;
    }

    // visit answers a request to a page, and returns the session's cookie if the answer sets it.
    static String visit(String cookie, String path, Page page) throws Exception {
        return serve(cookie, new MockHttpServletRequest("GET", path), (request, response, chain) ->
            page.open(((HttpServletRequest) request).getSession()));
    }

    // visit signs a user in, who had that cookie before.
    static String visit(String cookie, String user) throws Exception {
        var request = new MockHttpServletRequest("POST", "/login");
        request.setServletPath("/login");
        request.setParameter("username", user);
        request.setParameter("password", "correct horse");
        return serve(cookie, request, login);
    }

    // serve answers a request that has that cookie, inside Spring Session's own filter.
    static String serve(String cookie, MockHttpServletRequest request, Filter inner) throws Exception {
        if (cookie != null) {
            request.setCookies(new Cookie("SESSION", cookie));
        }
        var response = new MockHttpServletResponse();
        new SessionRepositoryFilter<>(sessions).doFilter(request, response, new MockFilterChain(new HttpServlet() {}, inner));
        var set = response.getCookie("SESSION");
        return set == null || set.getValue().isEmpty() ? null : set.getValue();
    }
}
