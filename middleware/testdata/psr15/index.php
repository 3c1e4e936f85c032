<?php

declare(strict_types=1);

// A monolith with PSR-15: the messages are Nyholm's, the interfaces the extension psr's, and
// the session is PHP's.

spl_autoload_register(function (string $class): void {
    $file = getenv('PACKAGES') . '/' . str_replace('\\', '/', $class) . '.php';
    if (is_file($file)) {
        require $file;
    }
});
require '../../Coatcheck.php';
require '../../CoatcheckPsr15.php';

use Nyholm\Psr7\Factory\Psr17Factory;
use Nyholm\Psr7\Response;
use Nyholm\Psr7\ServerRequest;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\RequestHandlerInterface;

final class Monolith implements RequestHandlerInterface
{
    public function handle(ServerRequestInterface $request): ResponseInterface
    {
        return match ($request->getMethod() . ' ' . $request->getUri()->getPath()) {
            'GET /me' => $this->me($request),
            'GET /signin' => new Response(200, [], 'the login page'),
            'POST /signin', 'POST /signin-elsewhere' => $this->signIn($request),
            'POST /signout' => $this->done(session_destroy(...)),
            'POST /write' => $this->done(fn () => $_SESSION['n'] = 1),
            default => new Response(404),
        };
    }

    private function done(callable $do): ResponseInterface
    {
        $do();
        return new Response(200, [], 'ok');
    }

    private function me(ServerRequestInterface $request): ResponseInterface
    {
        $user = $request->getAttribute('coatcheck')->userId($_SESSION['user_id'] ?? null);
        $query = $request->getQueryParams();
        return new Response(200, array_filter(['Content-Type' => 'application/json', 'Cache-Control' => $query['cc'] ?? '', 'Vary' => $query['vary'] ?? '']), json_encode([
            'user' => in_array($user, ['42', '43'], true) ? $user : null,
            'cookie' => $request->getHeaderLine('Cookie') . (isset($request->getCookieParams()['__Host-SESSIONID']) ? '; parsed' : ''),
            'stamp' => $_SESSION['coatcheck_stamp'] ?? null,
        ], JSON_INVALID_UTF8_SUBSTITUTE));
    }

    private function signIn(ServerRequestInterface $request): ResponseInterface
    {
        if ($request->getParsedBody()['password'] !== 'right') {
            return new Response(401);
        }
        session_regenerate_id(true);
        $_SESSION['coatcheck_stamp'] = $request->getAttribute('coatcheck')->signIn();
        $_SESSION['user_id'] = $request->getParsedBody()['user'];
        return new Response(200, [], 'ok');
    }
}

session_cache_limiter('');
session_save_path(getenv('DIR'));
session_start();

$request = (new ServerRequest($_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'], getallheaders()))
    ->withQueryParams($_GET)->withParsedBody($_POST)->withCookieParams($_COOKIE);
$response = (new Coatcheck\Psr15Middleware([
    'origin' => getenv('ORIGIN'),
    'mode' => getenv('MODE'),
    'timeout' => (float) getenv('TIMEOUT'),
    'login_path' => '/signin',
    'logout_path' => '/signout',
], new Psr17Factory()))->process($request, new Monolith());

http_response_code($response->getStatusCode());
foreach ($response->getHeaders() as $name => $values) {
    foreach ($values as $value) {
        header("$name: $value", false);
    }
}
echo $response->getBody();
