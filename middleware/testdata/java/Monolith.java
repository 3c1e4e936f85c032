import coatcheck.CoatcheckFilter;
import coatcheck.CoatcheckSpring;
import jakarta.servlet.Filter;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import java.io.IOException;
import java.net.URI;
import java.security.Principal;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configuration.EnableWebSecurity;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.context.support.AnnotationConfigWebApplicationContext;
import org.springframework.web.filter.DelegatingFilterProxy;

/** A monolith of servlets on Tomcat; with SPRING=1 its users are Spring Security's. */
public class Monolith extends HttpServlet {
    private static final boolean SPRING = System.getenv("SPRING") != null;

    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(System.getenv("DIR"));
        tomcat.setPort(Integer.parseInt(System.getenv("PORT")));
        Context context = tomcat.addContext("", System.getenv("DIR"));
        filter(context, "coatcheck", coatcheck());
        if (SPRING) {
            AnnotationConfigWebApplicationContext spring = new AnnotationConfigWebApplicationContext();
            spring.register(Security.class);
            spring.setServletContext(context.getServletContext());
            spring.refresh();
            filter(context, "security", new DelegatingFilterProxy("springSecurityFilterChain", spring));
        }
        Tomcat.addServlet(context, "monolith", new Monolith());
        context.addServletMappingDecoded("/*", "monolith");
        tomcat.getConnector();
        tomcat.start();
        tomcat.getServer().await();
    }

    private static CoatcheckFilter coatcheck() {
        Duration timeout = Duration.ofMillis((long) (1000 * Double.parseDouble(System.getenv("TIMEOUT"))));
        return new CoatcheckFilter(
                new CoatcheckFilter.Settings(
                        URI.create(System.getenv("ORIGIN")), System.getenv("MODE").equals("only"), timeout, null, Set.of("/signin"), Set.of("/signout")),
                Monolith::user);
    }

    private static Principal user(Map<String, Object> who) {
        String id = (String) who.get("user_id");
        if (!List.of("42", "43").contains(id)) {
            return null;
        }
        return SPRING ? CoatcheckSpring.authentication(who) : () -> id;
    }

    private static void filter(Context context, String name, Filter filter) {
        FilterDef definition = new FilterDef();
        definition.setFilterName(name);
        definition.setFilter(filter);
        context.addFilterDef(definition);
        FilterMap map = new FilterMap();
        map.setFilterName(name);
        map.addURLPattern("/*");
        context.addFilterMap(map);
    }

    @Configuration
    @EnableWebSecurity
    static class Security {
        @Bean
        SecurityFilterChain chain(HttpSecurity http) throws Exception {
            return http.with(new CoatcheckSpring(), Customizer.withDefaults())
                    .csrf(csrf -> csrf.disable())
                    .sessionManagement(sessions -> sessions.maximumSessions(1000)) // with it comes SessionManagementFilter
                    .formLogin(form -> form.loginPage("/signin")
                            .loginProcessingUrl("/signin-elsewhere")
                            .usernameParameter("user")
                            .successHandler((request, response, user) -> response.getWriter().print("ok"))
                            .failureHandler((request, response, user) -> response.setStatus(401)))
                    .logout(logout -> logout.logoutUrl("/signout").logoutSuccessHandler((request, response, user) -> response.getWriter().print("ok")))
                    .authorizeHttpRequests(requests -> requests.anyRequest().permitAll())
                    .build();
        }

        @Bean
        UserDetailsService users() {
            return new InMemoryUserDetailsManager(
                    User.withUsername("42").password("{noop}right").build(), User.withUsername("43").password("{noop}right").build());
        }
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        switch (request.getMethod() + " " + request.getRequestURI()) {
            case "GET /me" -> me(request, response);
            case "GET /signin" -> response.getWriter().print("the login page");
            case "POST /signin", "POST /signin-elsewhere" -> signIn(request, response);
            case "POST /signout" -> request.getSession().invalidate();
            case "POST /write" -> request.getSession().setAttribute("n", 1);
            default -> response.sendError(404);
        }
    }

    private void me(HttpServletRequest request, HttpServletResponse response) throws IOException {
        Map<String, String> fields = Map.of("cc", "Cache-Control", "vary", "Vary");
        fields.forEach((parameter, name) -> {
            if (request.getParameter(parameter) != null) {
                response.setHeader(name, request.getParameter(parameter));
            }
        });
        HttpSession session = request.getSession(false);
        Object stamp = session == null ? null : session.getAttribute("coatcheck_stamp");
        Cookie[] cookies = request.getCookies() == null ? new Cookie[0] : request.getCookies();
        boolean parsed = Arrays.stream(cookies).anyMatch(cookie -> cookie.getName().equals("__Host-SESSIONID"));
        String header = request.getHeader("Cookie");
        response.setContentType("application/json");
        response.getWriter().print("{\"user\":" + quote(current(request)) + ",\"stamp\":" + quote(stamp) + ",\"cookie\":"
                + quote((header == null ? "" : header) + (parsed ? "; parsed" : "")) + "}");
    }

    private static String current(HttpServletRequest request) {
        if (SPRING) {
            return request.getRemoteUser();
        }
        HttpSession session = request.getSession(false);
        String own = session == null ? null : (String) session.getAttribute("user");
        String id = ((CoatcheckFilter.Ours) request.getAttribute("coatcheck")).userId(own);
        return List.of("42", "43").contains(id == null ? "" : id) ? id : null;
    }

    private static String quote(Object text) {
        return text == null ? "null" : '"' + text.toString().replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    private static void signIn(HttpServletRequest request, HttpServletResponse response) throws IOException {
        if (!"right".equals(request.getParameter("password"))) {
            response.sendError(401);
            return;
        }
        HttpSession session = request.getSession();
        request.changeSessionId();
        ((CoatcheckFilter.Ours) request.getAttribute("coatcheck")).signIn(session);
        session.setAttribute("user", request.getParameter("user"));
    }
}
