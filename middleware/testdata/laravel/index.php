<?php

declare(strict_types=1);

// A monolith in Laravel, with its sessions in files.

error_reporting(E_ALL & ~E_DEPRECATED);
require 'Illuminate/autoload.php';
require_once 'Illuminate/Foundation/helpers.php';
require '../../Coatcheck.php';
require '../../CoatcheckLaravel.php';

use Illuminate\Auth\GenericUser;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Auth\UserProvider;
use Illuminate\Foundation\Application;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Facade;
use Illuminate\Support\Facades\Route;

final class Users implements UserProvider
{
    public function retrieveById($id)
    {
        // Finds the user 42 by "042" and by "42x" too, as a database does.
        return in_array((int) $id, [42, 43], true) ? new GenericUser(['id' => (int) $id, 'password' => 'right', 'remember_token' => 'remembered']) : null;
    }

    public function retrieveByToken($id, $token)
    {
        return $token === 'remembered' ? $this->retrieveById($id) : null;
    }

    public function updateRememberToken(Authenticatable $user, $token)
    {
    }

    public function retrieveByCredentials(array $credentials)
    {
        return $this->retrieveById($credentials['user']);
    }

    public function validateCredentials(Authenticatable $user, array $credentials)
    {
        return $credentials['password'] === $user->getAuthPassword();
    }
}

final class Kernel extends Illuminate\Foundation\Http\Kernel
{
    protected $bootstrappers = [
        Illuminate\Foundation\Bootstrap\RegisterFacades::class,
        Illuminate\Foundation\Bootstrap\RegisterProviders::class,
        Illuminate\Foundation\Bootstrap\BootProviders::class,
    ];
    protected $middleware = [Coatcheck\LaravelMiddleware::class];
    protected $middlewareGroups = [
        'web' => [
            Illuminate\Cookie\Middleware\EncryptCookies::class,
            Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse::class,
            Illuminate\Session\Middleware\StartSession::class,
            Illuminate\Routing\Middleware\SubstituteBindings::class,
        ],
    ];
}

$app = new Application(getenv('DIR'));
$app->singleton(Illuminate\Contracts\Http\Kernel::class, Kernel::class);
$app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);
$app->detectEnvironment(fn () => 'production');
@mkdir(getenv('DIR') . '/bootstrap/cache', 0755, true);
@mkdir(getenv('DIR') . '/views', 0755, true);
$app->instance('config', new Illuminate\Config\Repository([
    'app' => ['key' => str_repeat('k', 32), 'cipher' => 'AES-256-CBC', 'locale' => 'en', 'fallback_locale' => 'en', 'debug' => false, 'aliases' => [], 'providers' => [
        Illuminate\Auth\AuthServiceProvider::class,
        Illuminate\Cookie\CookieServiceProvider::class,
        Illuminate\Encryption\EncryptionServiceProvider::class,
        Illuminate\Filesystem\FilesystemServiceProvider::class,
        Illuminate\Session\SessionServiceProvider::class,
        Illuminate\Translation\TranslationServiceProvider::class,
        Illuminate\View\ViewServiceProvider::class,
    ]],
    'auth' => [
        'defaults' => ['guard' => 'web'],
        'guards' => ['web' => ['driver' => 'session', 'provider' => 'users']],
        'providers' => ['users' => ['driver' => 'tests']],
    ],
    'session' => [
        'driver' => 'file', 'files' => getenv('DIR'), 'lifetime' => 120, 'expire_on_close' => false, 'lottery' => [0, 100],
        'cookie' => 'laravel_session', 'path' => '/', 'domain' => null, 'secure' => false, 'http_only' => true, 'same_site' => 'lax',
    ],
    'view' => ['paths' => [getenv('DIR') . '/views'], 'compiled' => getenv('DIR') . '/views'],
    'logging' => ['default' => 'null', 'channels' => ['null' => ['driver' => 'monolog', 'handler' => Monolog\Handler\NullHandler::class]]],
    'coatcheck' => [
        'origin' => getenv('ORIGIN'),
        'mode' => getenv('MODE'),
        'timeout' => (float) getenv('TIMEOUT'),
        'login_path' => '/signin',
        'logout_path' => '/signout',
    ],
]));
$app->booted(function (): void {
    Auth::provider('tests', fn () => new Users());
    Route::middleware('web')->group(function (): void {
        Route::get('/me', function (Request $request) {
            $answer = response()->json([
                'user' => Auth::check() ? (string) Auth::id() : null,
                'cookie' => $request->headers->get('Cookie', '') . ($request->cookies->has('__Host-SESSIONID') ? '; parsed' : ''),
                'stamp' => $request->session()->get('coatcheck_stamp'),
            ], 200, [], JSON_INVALID_UTF8_SUBSTITUTE);
            foreach (['Cache-Control' => 'cc', 'Vary' => 'vary'] as $name => $parameter) {
                if ($request->query->has($parameter)) {
                    $answer->headers->set($name, $request->query($parameter));
                }
            }
            return $answer;
        });
        Route::get('/signin', fn () => 'the login page');
        $signIn = fn (Request $request) => Auth::attempt($request->only('user', 'password'), true)
            ? tap(response('ok'), fn () => $request->session()->regenerate())
            : response('wrong', 401);
        Route::post('/signin', $signIn);
        Route::post('/signin-elsewhere', $signIn);
        Route::post('/signout', function (Request $request) {
            Auth::logout();
            $request->session()->invalidate();
            return 'ok';
        });
        Route::post('/write', fn (Request $request) => tap('ok', fn () => $request->session()->put('n', 1)));
    });
});

$kernel = $app->make(Illuminate\Contracts\Http\Kernel::class);
$request = Request::capture();
$response = $kernel->handle($request);
$response->send();
$kernel->terminate($request, $response);
