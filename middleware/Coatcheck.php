<?php

declare(strict_types=1);

// Coatcheck's sessions in PHP without a framework, and what CoatcheckLaravel.php and
// CoatcheckPsr15.php stand on. README.md beside this file says how to set it up. It needs
// PHP's extension curl.

namespace Coatcheck;

/** Nobody knows who is calling, because Coatcheck did not answer as it should. */
final class Outage extends \RuntimeException
{
}

/** The settings, and where Coatcheck answers. */
final class Origin
{
    public const RETRY_AFTER = '5'; // seconds
    public const STAMP = 'coatcheck_stamp';
    private const MAX_ANSWER = 64 << 10; // bytes
    private const USER_AGENT = 'Coatcheck-Middleware'; // firewalls refuse programs that have none
    // A token: three parts of base64url, or four if tokens are signed.
    private const TOKEN = '/\A[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(\.[A-Za-z0-9_-]{22})?\z/';

    public readonly bool $only;
    public readonly string $cookie;
    private string $origin;
    private int $timeout; // milliseconds
    private array $loginPaths;
    private array $logoutPaths;

    /** @param array{origin: string, mode: string, timeout?: float, cookie?: string, login_path?: string|string[], logout_path?: string|string[]} $settings */
    public function __construct(array $settings)
    {
        if (!in_array($settings['mode'], ['also', 'only'], true)) {
            throw new \InvalidArgumentException("Coatcheck's mode must be also or only, not {$settings['mode']}");
        }
        if (!preg_match('~\Ahttps?://[^/?#@\s]+/?\z~', $settings['origin'])) {
            throw new \InvalidArgumentException("Coatcheck's origin must be like https://app.example.com, not {$settings['origin']}");
        }
        $this->only = $settings['mode'] === 'only';
        $this->origin = rtrim($settings['origin'], '/');
        $this->cookie = $settings['cookie'] ?? '__Host-SESSIONID';
        $this->timeout = (int) (1000 * ($settings['timeout'] ?? 2));
        $this->loginPaths = (array) ($settings['login_path'] ?? []);
        $this->logoutPaths = (array) ($settings['logout_path'] ?? []);
    }

    /** Whether the path is a login page that leads to Coatcheck's. */
    public function leadsAway(string $path): bool
    {
        return $this->only && in_array($path, $this->loginPaths, true);
    }

    public function signsOut(string $method, string $path): bool
    {
        return $method !== 'OPTIONS' && in_array($path, $this->logoutPaths, true);
    }

    /** Returns whoami's answer about the only value of our cookie; null means nobody. */
    public function whoami(array $values): ?array
    {
        if (count($values) !== 1 || !preg_match(self::TOKEN, $values[0])) {
            return null;
        }
        [$status, $body] = $this->ask('GET', '/whoami', $values);
        if ($status === 401) {
            return null;
        }
        $who = $status === 200 && str_starts_with(ltrim($body), '{') ? json_decode($body, true) : null;
        if (!is_array($who) || !is_string($who['user_id'] ?? null) || $who['user_id'] === '') {
            throw new Outage("GET /whoami answered $status, and not who is calling");
        }
        return $who;
    }

    /** Ends the sessions of all these values of our cookie. */
    public function logout(array $values): void
    {
        $tokens = array_filter($values, fn (string $value) => preg_match(self::TOKEN, $value) === 1);
        if (!$tokens) {
            return;
        }
        [$status] = $this->ask('POST', '/logout', $tokens);
        if ($status !== 204) {
            throw new Outage("POST /logout answered $status, not 204");
        }
    }

    private function ask(string $method, string $path, array $tokens): array
    {
        $body = '';
        $curl = curl_init($this->origin . $path);
        curl_setopt_array($curl, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => ['Accept: application/json', 'Cookie: ' . implode('; ', array_map(fn ($token) => "$this->cookie=$token", $tokens))],
            CURLOPT_USERAGENT => self::USER_AGENT,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_PROXY => '', // whatever the environment says
            CURLOPT_NOSIGNAL => true,
            CURLOPT_TIMEOUT_MS => $this->timeout, // of the whole answer
            CURLOPT_WRITEFUNCTION => function ($_, string $part) use (&$body) {
                $body .= $part;
                return strlen($body) > self::MAX_ANSWER ? -1 : strlen($part);
            },
        ]);
        if (!curl_exec($curl)) {
            throw new Outage("$method $path: " . curl_error($curl));
        }
        return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $body];
    }

    /** Returns the different values of our cookie, and the Cookie header without it. */
    public function take(string $header): array
    {
        $values = $others = [];
        foreach (explode(';', $header) as $part) {
            $part = trim($part, " \t");
            if (str_starts_with($part, "$this->cookie=")) {
                $values[] = substr($part, strlen($this->cookie) + 1);
            } elseif ($part !== '') {
                $others[] = $part;
            }
        }
        return [array_values(array_unique($values)), implode('; ', $others)];
    }

    /** Returns the address of Coatcheck's login page, from which a user comes back to $next, a path of this site. */
    public static function loginPage(mixed $next): string
    {
        $local = is_string($next) && preg_match('~\A/(?![/\\\\])[^\\\\\x00-\x20\x7f]*\z~', $next);
        return $local ? '/login?' . http_build_query(['next' => $next]) : '/login';
    }
}

/** Our cookie in one request. */
final class Ours
{
    /** whoami's answer, or null. */
    public ?array $who = null;
    private bool $ended = false;
    private bool $outage = false;

    public function __construct(private Origin $origin, private array $values)
    {
    }

    /**
     * Returns the ID of the user of our cookie; if it names nobody, $own in mode also, and
     * null in mode only.
     */
    public function userId(string|int|null $own = null): ?string
    {
        return $this->who['user_id'] ?? ($this->origin->only || $own === null ? null : (string) $own);
    }

    /** Ends ours, which may be another user's, and returns the stamp of this sign-in. */
    public function signIn(): string
    {
        $this->end();
        $this->who = null;
        return rtrim(strtr(base64_encode(random_bytes(16)), '+/', '-_'), '=') . '.' . time();
    }

    public function identify(): void
    {
        $this->who = $this->watch(fn () => $this->origin->whoami($this->values));
    }

    public function end(): void
    {
        if ($this->values && !$this->ended) {
            $this->watch(fn () => $this->origin->logout($this->values));
            $this->ended = true;
        }
    }

    private function watch(callable $ask): mixed
    {
        try {
            return $ask();
        } catch (Outage $outage) {
            $this->outage = true;
            error_log('coatcheck: ' . $outage->getMessage());
            throw $outage;
        }
    }

    /**
     * Returns the header fields of the answer that take the place of those it has.
     *
     * @return array<string, string>
     */
    public function headers(string $vary, string $cacheControl): array
    {
        $fields = self::list($vary);
        if (!array_intersect(['*', 'cookie'], array_map('strtolower', $fields))) {
            $fields[] = 'Cookie';
        }
        $headers = ['Vary' => implode(', ', $fields)];
        if ($this->outage) {
            return $headers + ['Cache-Control' => 'no-store', 'Retry-After' => Origin::RETRY_AFTER];
        }
        return $this->who || $this->ended ? $headers + ['Cache-Control' => self::private($cacheControl)] : $headers;
    }

    /** Returns the Set-Cookie header that makes the browser delete our cookie, if its session has ended. */
    public function setCookie(): ?string
    {
        return $this->ended ? "{$this->origin->cookie}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax" : null;
    }

    private static function private(string $header): string
    {
        $directives = array_filter(self::list($header), fn ($directive) => strtolower($directive) !== 'public');
        if (!array_intersect(['private', 'no-store'], array_map('strtolower', $directives))) {
            array_unshift($directives, 'private');
        }
        return implode(', ', $directives);
    }

    private static function list(string $header): array
    {
        return array_values(array_filter(array_map('trim', explode(',', $header)), 'strlen'));
    }

    /** Keeps the token out of dumps. */
    public function __debugInfo(): array
    {
        return [];
    }
}

/** Our cookie in a program without a framework. */
final class Coatcheck
{
    private Ours $ours;

    private function __construct(private Origin $origin)
    {
        [$values, $rest] = $origin->take($_SERVER['HTTP_COOKIE'] ?? '');
        unset($_SERVER['HTTP_COOKIE'], $_COOKIE[$origin->cookie]);
        if ($rest !== '') {
            $_SERVER['HTTP_COOKIE'] = $rest;
        }
        $this->ours = new Ours($origin, $values);
        header_register_callback($this->complete(...));
    }

    /** Call it first of all. In an outage it answers 503 and ends the request. */
    public static function start(array $settings): self
    {
        $coatcheck = new self(new Origin($settings));
        $path = parse_url('http://x' . $_SERVER['REQUEST_URI'], PHP_URL_PATH);
        if ($coatcheck->origin->leadsAway((string) $path)) {
            header('Location: ' . Origin::loginPage($_GET['next'] ?? null), true, 303);
            exit;
        }
        $coatcheck->orUnavailable($coatcheck->ours->identify(...));
        if ($coatcheck->origin->signsOut($_SERVER['REQUEST_METHOD'], (string) $path)) {
            $coatcheck->orUnavailable($coatcheck->ours->end(...));
        }
        return $coatcheck;
    }

    /** Returns whoami's answer about our cookie, or null: the names and roles of a user who exists at Coatcheck alone. */
    public function who(): ?array
    {
        return $this->ours->who;
    }

    /** See Ours::userId. */
    public function userId(string|int|null $own = null): ?string
    {
        return $this->ours->userId($own);
    }

    /**
     * Ends our session, which may be another user's, and stamps $_SESSION. Call it at each
     * sign-in, after session_regenerate_id and before the user is put into the session. In an
     * outage it answers 503 and ends the request.
     */
    public function signIn(): void
    {
        $_SESSION[Origin::STAMP] = $this->orUnavailable($this->ours->signIn(...));
    }

    private function orUnavailable(callable $ask): mixed
    {
        try {
            return $ask();
        } catch (Outage) {
            http_response_code(503);
            header('Content-Type: text/plain');
            exit('The service is unavailable. Please try again.');
        }
    }

    private function complete(): void
    {
        $given = ['vary' => [], 'cache-control' => []];
        foreach (headers_list() as $header) {
            [$name, $value] = explode(':', $header, 2);
            $given[strtolower($name)][] = trim($value);
        }
        foreach ($this->ours->headers(implode(', ', $given['vary']), implode(', ', $given['cache-control'])) as $name => $value) {
            header("$name: $value");
        }
        if ($cleared = $this->ours->setCookie()) {
            header("Set-Cookie: $cleared", false);
        }
    }
}
