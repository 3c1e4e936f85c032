<?php

declare(strict_types=1);

// Coatcheck's sessions in Laravel. README.md beside this file says how to set it up. It needs
// Coatcheck.php.

namespace Coatcheck;

use Illuminate\Auth\Events\Login;
use Illuminate\Auth\SessionGuard;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Cookie;
use Illuminate\Support\Facades\Event;
use Symfony\Component\HttpFoundation\RedirectResponse;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpKernel\Exception\ServiceUnavailableHttpException;

/**
 * Makes the user of our cookie the user of Laravel's guard. It is the first of the global
 * middleware, and reads config('coatcheck'): the settings of Coatcheck\Origin, and
 * guard, by default Laravel's default guard, and user, a callable that returns the user whom
 * whoami's answer is about, by default the guard's user whose identifier is user_id.
 */
final class LaravelMiddleware
{
    private Origin $origin;
    private array $settings;

    public function __construct(private ExceptionHandler $errors)
    {
        $this->settings = config('coatcheck');
        $this->origin = new Origin($this->settings);
    }

    public function handle(Request $request, \Closure $next): Response
    {
        [$values, $rest] = $this->origin->take($request->headers->get('Cookie', ''));
        $ours = new Ours($this->origin, $values);
        $path = '/' . ltrim($request->decodedPath(), '/'); // as Laravel routes it
        if ($this->origin->leadsAway($path)) {
            return $this->complete(new RedirectResponse(Origin::loginPage($request->query->all()['next'] ?? null), 303), $ours);
        }
        $this->hide($request, $rest);
        try {
            $ours->identify();
            if ($this->origin->signsOut($request->getMethod(), $path)) {
                $ours->end();
            }
        } catch (Outage $outage) {
            return $this->complete($this->errors->render($request, self::unavailable($outage)), $ours);
        }
        $guard = Auth::guard($this->settings['guard'] ?? null);
        Event::listen(fn (Login $login) => self::signedIn($login, $guard, $ours));
        $this->setUser($guard, $ours);
        return $this->complete($next($request), $ours);
    }

    private function hide(Request $request, string $rest): void
    {
        $request->cookies->remove($this->origin->cookie);
        foreach ([$request->headers, $request->server] as $name => $bag) {
            $name = $bag === $request->server ? 'HTTP_COOKIE' : 'Cookie';
            $rest === '' ? $bag->remove($name) : $bag->set($name, $rest);
        }
    }

    private function setUser(SessionGuard $guard, Ours $ours): void
    {
        if (!$ours->who && !$this->origin->only) {
            return;
        }
        $user = $ours->who ? $this->user($guard, $ours->who) : null;
        if ($user) {
            $guard->setUser($user);
            return;
        }
        // As after a logout: neither the session nor the cookie that remembers a user counts.
        (function () {
            $this->user = null;
            $this->loggedOut = true;
        })->call($guard);
    }

    private function user(SessionGuard $guard, array $who): mixed
    {
        if (isset($this->settings['user'])) {
            return $this->settings['user']($who);
        }
        $user = $guard->getProvider()->retrieveById($who['user_id']);
        // A database may find the user 42 by "042" and by "42x" too.
        return $user && (string) $user->getAuthIdentifier() === $who['user_id'] ? $user : null;
    }

    /** Ends ours, which may be another user's, and stamps the session. In an outage nobody is signed in. */
    private static function signedIn(Login $login, SessionGuard $guard, Ours $ours): void
    {
        if (Auth::guard($login->guard) !== $guard || $guard->viaRemember()) {
            return; // the cookie that remembers a user is no sign-in of now
        }
        try {
            $guard->getSession()->put(Origin::STAMP, $ours->signIn());
        } catch (Outage $outage) {
            $guard->getSession()->remove($guard->getName());
            Cookie::unqueue($guard->getRecallerName());
            throw self::unavailable($outage);
        }
    }

    private static function unavailable(Outage $outage): ServiceUnavailableHttpException
    {
        return new ServiceUnavailableHttpException((int) Origin::RETRY_AFTER, '', $outage);
    }

    private function complete(Response $response, Ours $ours): Response
    {
        $given = $response->headers;
        foreach ($ours->headers(implode(', ', $given->all('Vary')), (string) $given->get('Cache-Control')) as $name => $value) {
            $given->set($name, $value);
        }
        if ($cleared = $ours->setCookie()) {
            $given->set('Set-Cookie', $cleared, false);
        }
        return $response;
    }
}
