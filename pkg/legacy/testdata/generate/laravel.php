<?php
// Writes laravel_8.83_database.json and laravel_8.83_redis.json into the folder that is its
// argument. Made with Debian 12's packages php-cli 8.2, php-sqlite3, php-redis 5.3.7 and
// php-laravel-framework 8.83.26, beside a Redis of its own:
//
//   redis-server --port 6390 --save '' & php laravel.php .. 6390
//
// Each profile is a Laravel application in a process of its own.

use Illuminate\Contracts\Http\Kernel as KernelContract;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Cookie;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Hash;
use Illuminate\Support\Facades\Redis;
use Illuminate\Support\Facades\Route;

error_reporting(E_ALL & ~E_DEPRECATED);
const NEW_KEY = 'base64:' . 'TkVXTkVXTkVXTkVXTkVXTkVXTkVXTkVXTkVXTkVXTkU=';
const OLD_KEY = 'base64:' . 'T0xET0xET0xET0xET0xET0xET0xET0xET0xET0xET0w=';
const SHORT_KEY = 'base64:' . 'U0hPUlRLRVlTSE9SVEtFWQ==';
const STAMP = 'AbCdEfGhIjKlMnOpQrStUv.1760000000';
const COOKIE = 'shop_session';

if (!getenv('PROFILE')) {
    [, $folder, $port] = $argv;
    $profiles = [
        'php' => [], 'encrypted' => ['ENCRYPT' => '1'], 'bound' => ['BOUND' => '1'], 'old_key' => ['KEY' => OLD_KEY],
        'short_key' => ['KEY' => SHORT_KEY, 'CIPHER' => 'AES-128-CBC'], 'gcm' => ['CIPHER' => 'AES-256-GCM'],
        'redis' => ['DRIVER' => 'redis'], 'redis_encrypted' => ['DRIVER' => 'redis', 'ENCRYPT' => '1'],
        'redis_bound' => ['DRIVER' => 'redis', 'BOUND' => '1'],
    ];
    $files = ['database' => [], 'redis' => []];
    foreach ($profiles as $name => $env) {
        $env += ['PROFILE' => $name, 'PORT' => $port, 'PATH' => getenv('PATH')];
        $process = proc_open([PHP_BINARY, __FILE__], [1 => ['pipe', 'w']], $pipes, null, $env);
        $cases = json_decode(stream_get_contents($pipes[1]), true);
        if (proc_close($process) !== 0 || !$cases) {
            exit("$name failed\n");
        }
        $file = $env['DRIVER'] ?? 'database';
        $files[$file] = array_merge($files[$file], $cases);
    }
    foreach ($files as $file => $cases) {
        $content = [
            'adapter' => "laravel-$file", 'generated_with' => ['php' => PHP_VERSION, 'laravel/framework' => '8.83.26'],
            'how' => 'generate/laravel.php', 'config' => ['app_key' => NEW_KEY, 'cookie_name' => COOKIE, 'prefix' => 'shop_database_shop_cache:'],
            'cases' => $cases,
        ];
        file_put_contents("$folder/laravel_8.83_$file.json",
            json_encode($content, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE) . "\n");
    }
    exit;
}

require 'Illuminate/autoload.php';

class User extends Illuminate\Foundation\Auth\User
{
    public $timestamps = false;
}

class Thing
{
    private $a = 1;
    protected $b = [2];
}

class Odd implements Serializable
{
    public function serialize() { return '{"}'; }
    public function unserialize($text) {}
    public function __serialize(): array { return ['x' => 1]; }
    public function __unserialize(array $data): void {}
}

class ShopKernel extends Kernel
{
    protected $middleware = [];
    protected $middlewareGroups = ['web' => [
        Illuminate\Cookie\Middleware\EncryptCookies::class,
        Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse::class,
        Illuminate\Session\Middleware\StartSession::class,
    ]];
    protected $routeMiddleware = ['auth.session' => Illuminate\Session\Middleware\AuthenticateSession::class];
}

function application(string $root): Application
{
    foreach (['config', 'bootstrap/cache', 'storage/framework/views'] as $folder) {
        mkdir("$root/$folder", 0777, true);
    }
    $redis = ['host' => '127.0.0.1', 'port' => (int) getenv('PORT'), 'database' => 0];
    $configuration = [
        'app' => ['name' => 'Shop', 'env' => 'production', 'key' => getenv('KEY') ?: NEW_KEY, 'cipher' => getenv('CIPHER') ?: 'AES-256-CBC',
            'timezone' => 'UTC', 'locale' => 'en', 'fallback_locale' => 'en', 'url' => 'http://localhost', 'providers' => [
                Illuminate\Auth\AuthServiceProvider::class, Illuminate\Cache\CacheServiceProvider::class,
                Illuminate\Cookie\CookieServiceProvider::class, Illuminate\Database\DatabaseServiceProvider::class,
                Illuminate\Encryption\EncryptionServiceProvider::class, Illuminate\Filesystem\FilesystemServiceProvider::class,
                Illuminate\Hashing\HashServiceProvider::class, Illuminate\Redis\RedisServiceProvider::class,
                Illuminate\Session\SessionServiceProvider::class, Illuminate\View\ViewServiceProvider::class,
            ], 'aliases' => []],
        'auth' => ['defaults' => ['guard' => 'web'], 'providers' => ['users' => ['driver' => 'eloquent', 'model' => User::class]],
            'guards' => ['web' => ['driver' => 'session', 'provider' => 'users'], 'staff' => ['driver' => 'session', 'provider' => 'users']]],
        'cache' => ['default' => 'redis', 'prefix' => 'shop_cache', 'stores' => ['redis' => ['driver' => 'redis', 'connection' => 'default']]],
        'database' => ['default' => 'sqlite', 'connections' => ['sqlite' => ['driver' => 'sqlite', 'database' => ':memory:', 'prefix' => '']],
            'redis' => ['client' => 'phpredis', 'options' => ['prefix' => 'shop_database_'], 'default' => $redis]],
        'hashing' => ['driver' => 'bcrypt', 'bcrypt' => ['rounds' => 4]],
        'session' => ['driver' => getenv('DRIVER') ?: 'database', 'lifetime' => 120, 'expire_on_close' => false, 'encrypt' => (bool) getenv('ENCRYPT'),
            'connection' => null, 'table' => 'sessions', 'store' => null, 'lottery' => [0, 100], 'cookie' => COOKIE, 'path' => '/', 'domain' => null,
            'secure' => true, 'http_only' => true, 'same_site' => 'lax'],
        'view' => ['paths' => [], 'compiled' => "$root/storage/framework/views"],
        'logging' => ['default' => 'errorlog', 'channels' => ['errorlog' => ['driver' => 'errorlog']]],
    ];
    foreach ($configuration as $name => $values) {
        file_put_contents("$root/config/$name.php", '<?php return ' . var_export($values, true) . ';');
    }
    $app = new Application($root);
    $app->singleton(KernelContract::class, ShopKernel::class);
    $app->singleton(Illuminate\Contracts\Console\Kernel::class, Illuminate\Foundation\Console\Kernel::class);
    $app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);
    return $app;
}

function routes(): void
{
    Route::middleware(getenv('BOUND') ? ['web', 'auth.session'] : ['web'])->group(function () {
        Route::get('/login/{id}/{guard?}', function ($id, $guard = 'web') {
            Auth::guard($guard)->loginUsingId((int) $id);
        });
        Route::get('/stamp', fn () => session()->put('coatcheck_stamp', STAMP) ?? '');
        Route::get('/logout', fn () => Auth::logout() ?? '');
        Route::get('/fill', fn () => session()->put(['cart_id' => 'c-1 ☕', 'items' => 3, 'price' => 9.5, 'wide' => true, 'narrow' => false,
            'cart' => [['sku' => 'ABC', 'qty' => 2]], 'nothing' => null]) ?? '');
        Route::get('/objects', function () {
            $same = ['a'];
            session()->put(['thing' => new Thing, 'odd' => new Odd, 'when' => new DateTimeImmutable('@1760000000'), 'two' => [$o = new Thing, $o],
                'references' => [&$same, &$same], 'infinite' => INF, 'cart_id' => 'after the objects']);
        });
        Route::get('/who', fn () => (string) Auth::id());
        Route::get('/prefs/{id}', fn ($id) => Cookie::queue('prefs', $id) ?? '');
    });
}

// visit opens a page with cookies, and returns them as a browser would have them then.
function visit(string $path, array $cookies = [], &$content = null): array
{
    $app = app();
    foreach (['session', 'session.store', 'auth', 'auth.driver', 'cookie', 'encrypter'] as $shared) {
        $app->forgetInstance($shared);
    }
    Illuminate\Support\Facades\Facade::clearResolvedInstances();
    $app->forgetInstance(Illuminate\Session\Middleware\StartSession::class);
    $request = Request::create("https://localhost$path", 'GET', [], array_map('urldecode', $cookies));
    $kernel = $app->make(KernelContract::class);
    $response = $kernel->handle($request);
    $content = $response->getContent();
    if ($response->getStatusCode() !== 200) {
        fwrite(STDERR, getenv('PROFILE') . " $path: " . ($response->exception ?? $response->getStatusCode()) . "\n");
        exit(1);
    }
    foreach ($response->headers->getCookies() as $cookie) {
        $cookies[$cookie->getName()] = rawurlencode($cookie->getValue());
    }
    return $cookies;
}

function visits(array $paths): array
{
    $cookies = [];
    foreach ($paths as $path) {
        $cookies = visit($path, $cookies);
    }
    return $cookies;
}

// sessionID returns the ID that a cookie has, by Laravel's own decryption.
function sessionID(string $cookie): string
{
    return explode('|', app('encrypter')->decrypt(urldecode($cookie), false), 2)[1];
}

function testCase(string $name, array $paths, array $expect, array $more = []): array
{
    $cookies = visits($paths);
    $made = ['name' => getenv('PROFILE') . "_$name", 'cookies' => [COOKIE => $cookies[COOKIE]], 'now' => time(), 'bound' => (bool) getenv('BOUND'),
        'user_password_column' => User::find(7)->password] + stored(sessionID($cookies[COOKIE])) + ['expect' => $expect];
    visit('/who', $cookies, $made['framework_user']);
    return array_merge($made, $more);
}

// stored returns what the monolith has of a session: a row, or a value in Redis.
function stored(string $id): array
{
    if (getenv('DRIVER') !== 'redis') {
        return ['row' => (array) DB::table('sessions')->where('id', $id)->first()];
    }
    $key = 'shop_database_shop_cache:' . $id;
    $redis = new \Redis();
    $redis->connect('127.0.0.1', (int) getenv('PORT'));
    return ['store' => ['key' => $key, 'value_base64' => base64_encode($redis->get($key)), 'ttl' => $redis->ttl($key)]];
}

$root = sys_get_temp_dir() . '/laravel-' . bin2hex(random_bytes(8));
$app = application($root);
$app->instance('request', Request::create('https://localhost/'));
$app->make(KernelContract::class)->bootstrap();
DB::statement('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password TEXT, remember_token TEXT)');
DB::statement('CREATE TABLE sessions (id TEXT PRIMARY KEY, user_id INTEGER, ip_address TEXT, user_agent TEXT, payload TEXT, last_activity INTEGER)');
foreach ([7, 9] as $id) {
    DB::table('users')->insert(['id' => $id, 'name' => "user $id", 'password' => Hash::make("correct horse $id")]);
}
routes();

$ok = ['ok' => true, 'user_id' => '7'];
$no = ['ok' => false];
$data = ['cart_id' => 'c-1 ☕', 'items' => 3, 'price' => 9.5, 'wide' => true, 'narrow' => false, 'cart' => null, 'nothing' => null];
$cases = [];
switch (getenv('PROFILE')) {
    case 'php':
    case 'redis':
        $cases[] = testCase('signed_in', ['/fill', '/login/7', '/fill'], $ok + ['signed_in_at' => 0, 'data' => $data]);
        $cases[] = testCase('stamped', ['/login/7', '/stamp'], $ok + ['signed_in_at' => 1760000000]);
        $cases[] = testCase('objects', ['/login/7', '/objects'], $ok + ['data' => ['cart_id' => 'after the objects', 'thing' => null, 'odd' => null,
            'when' => null, 'two' => null, 'references' => null]]);
        $cases[] = testCase('anonymous', ['/fill'], ['ok' => true, 'anonymous' => true]);
        $cases[] = testCase('logged_out', ['/login/7', '/logout'], ['ok' => true, 'anonymous' => true]);
        $cases[] = testCase('another_guard', ['/login/7/staff'], ['ok' => true, 'anonymous' => true]);
        $cases[] = testCase('guard_staff', ['/login/9', '/login/7/staff'], $ok, ['guard' => 'staff']);
        $cookies = visits(['/login/7']);
        $id = sessionID($cookies[COOKIE]);
        $cookies = visit("/prefs/$id", $cookies);
        $pasted = testCase('other_cookie', ['/login/7'], $no);
        $cases[] = ['cookies' => [COOKIE => $cookies['prefs']]] + stored($id) + $pasted;
        if (getenv('PROFILE') === 'php') {
            $row = testCase('at_the_end', ['/login/7'], $ok);
            $cases[] = array_merge($row, ['now' => $row['row']['last_activity'] + 7199]);
            $cases[] = array_merge($row, ['name' => 'php_too_old', 'now' => $row['row']['last_activity'] + 7201, 'expect' => $no]);
            $ended = array_merge($row, ['name' => 'php_ended', 'expect' => $no]);
            unset($ended['row']);
            $cases[] = $ended;
        }
        break;
    case 'old_key':
        $cases[] = testCase('remembered', ['/login/7'], $ok, ['previous_keys' => [OLD_KEY]]);
        $cases[] = testCase('forgotten', ['/login/7'], $no);
        break;
    case 'short_key':
        $cases[] = testCase('signed_in', ['/login/7'], $ok, ['previous_keys' => [SHORT_KEY]]);
        break;
    case 'gcm':
        $cases[] = testCase('signed_in', ['/login/7'], $no, ['note' => 'Laravel accepts it, and the reader does not: AES-GCM']);
        break;
    case 'bound':
    case 'redis_bound':
        $cases[] = testCase('signed_in', ['/login/7', '/fill'], $ok + ['data' => $data]);
        $cases[] = testCase('password_changed', ['/login/7', '/fill'], $no, ['user_password_column' => User::find(9)->password]);
        $cases[] = testCase('no_hash_yet', ['/login/7'], $no, ['note' => 'no page was opened since the sign-in']);
        break;
    default:
        $cases[] = testCase('signed_in', ['/fill', '/login/7', '/fill'], $ok + ['data' => $data]);
}
echo json_encode($cases, JSON_THROW_ON_ERROR);
(new Illuminate\Filesystem\Filesystem)->deleteDirectory($root);
