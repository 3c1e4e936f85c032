package coatcheck;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.springframework.security.authentication.AnonymousAuthenticationToken;
import org.springframework.security.authentication.RememberMeAuthenticationToken;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.AbstractHttpConfigurer;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.core.authority.AuthorityUtils;
import org.springframework.security.core.authority.SimpleGrantedAuthority;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.security.web.authentication.session.CompositeSessionAuthenticationStrategy;
import org.springframework.security.web.authentication.session.SessionAuthenticationStrategy;
import org.springframework.security.web.context.SecurityContextHolderFilter;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Coatcheck's sessions in Spring Security: {@code http.with(new CoatcheckSpring(), Customizer.withDefaults())}. It needs
 * CoatcheckFilter in front of Spring Security. README.md beside this file says how to set it up.
 */
public final class CoatcheckSpring extends AbstractHttpConfigurer<CoatcheckSpring, HttpSecurity> {
    /** Returns the authentication of the user whom whoami's answer is about: each role is an authority ROLE_…. */
    public static Authentication authentication(Map<String, Object> who) {
        List<?> roles = who.get("roles") instanceof List<?> given ? given : List.of();
        List<GrantedAuthority> authorities =
                roles.stream().<GrantedAuthority>map(role -> new SimpleGrantedAuthority("ROLE_" + role)).toList();
        return UsernamePasswordAuthenticationToken.authenticated(who.get("user_id"), null, authorities);
    }

    /** Adds signIn to what Spring does at each sign-in. Login forms take that in their configure. */
    @Override
    public void init(HttpSecurity http) {
        SessionAuthenticationStrategy before = http.getSharedObject(SessionAuthenticationStrategy.class);
        http.setSharedObject(
                SessionAuthenticationStrategy.class,
                new CompositeSessionAuthenticationStrategy(List.of(before, CoatcheckSpring::signIn)));
    }

    @Override
    public void configure(HttpSecurity http) {
        http.addFilterAfter(new User(), SecurityContextHolderFilter.class);
    }

    /** Spring calls it before it puts the user into the session, so in an outage nobody is signed in. */
    private static void signIn(Authentication user, HttpServletRequest request, HttpServletResponse response) {
        // The cookie that remembers a user is no sign-in of now.
        if (!(user instanceof RememberMeAuthenticationToken)) {
            ours(request).signIn(request.getSession());
        }
    }

    private static CoatcheckFilter.Ours ours(HttpServletRequest request) {
        return (CoatcheckFilter.Ours) request.getAttribute("coatcheck");
    }

    /** Makes our user, or nobody, the user of this request. Nothing saves it in the session. */
    private static final class User extends OncePerRequestFilter {
        @Override
        protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
                throws ServletException, IOException {
            CoatcheckFilter.Ours ours = ours(request);
            if (ours.decides()) {
                SecurityContext context = SecurityContextHolder.createEmptyContext();
                // Anonymous, and not null: then the cookie that remembers a user signs nobody in.
                context.setAuthentication(ours.principal() instanceof Authentication user
                        ? user
                        : new AnonymousAuthenticationToken("coatcheck", "anonymousUser", AuthorityUtils.createAuthorityList("ROLE_ANONYMOUS")));
                SecurityContextHolder.setContext(context);
                // SessionManagementFilter would take our user for one who has just signed in, and save that.
                request.setAttribute("__spring_security_session_mgmt_filter_applied", true);
            }
            chain.doFilter(request, response);
        }
    }
}
