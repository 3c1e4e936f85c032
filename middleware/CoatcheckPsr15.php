<?php

declare(strict_types=1);

// Coatcheck's sessions in frameworks with PSR-15. README.md beside this file says how to set
// it up. It needs Coatcheck.php.

namespace Coatcheck;

use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\MiddlewareInterface;
use Psr\Http\Server\RequestHandlerInterface;

/** Puts what our cookie says into the request's attribute "coatcheck", a Coatcheck\Ours. It stands in front of all others. */
final class Psr15Middleware implements MiddlewareInterface
{
    private Origin $origin;

    /** $settings are those of Coatcheck\Origin. */
    public function __construct(array $settings, private ResponseFactoryInterface $responses)
    {
        $this->origin = new Origin($settings);
    }

    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        [$values, $rest] = $this->origin->take(implode('; ', $request->getHeader('Cookie')));
        $ours = new Ours($this->origin, $values);
        $path = $request->getUri()->getPath();
        if ($this->origin->leadsAway($path)) {
            return $this->complete($this->responses->createResponse(303)->withHeader('Location', Origin::loginPage($request->getQueryParams()['next'] ?? null)), $ours);
        }
        try {
            $ours->identify();
            if ($this->origin->signsOut($request->getMethod(), $path)) {
                $ours->end();
            }
            $response = $handler->handle($this->hide($request, $rest)->withAttribute('coatcheck', $ours));
        } catch (Outage) { // also of signIn
            $response = $this->responses->createResponse(503);
        }
        return $this->complete($response, $ours);
    }

    private function hide(ServerRequestInterface $request, string $rest): ServerRequestInterface
    {
        $cookies = $request->getCookieParams();
        unset($cookies[$this->origin->cookie]);
        $request = $request->withCookieParams($cookies);
        return $rest === '' ? $request->withoutHeader('Cookie') : $request->withHeader('Cookie', $rest);
    }

    private function complete(ResponseInterface $response, Ours $ours): ResponseInterface
    {
        foreach ($ours->headers($response->getHeaderLine('Vary'), $response->getHeaderLine('Cache-Control')) as $name => $value) {
            $response = $response->withHeader($name, $value);
        }
        $cleared = $ours->setCookie();
        return $cleared ? $response->withAddedHeader('Set-Cookie', $cleared) : $response;
    }
}
