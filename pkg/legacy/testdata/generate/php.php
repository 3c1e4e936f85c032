<?php
// Writes php_8.2.json into the folder that is its argument. Made with Debian 12's packages
// php-cli 8.2 and php-redis 5.3.7, beside a Redis of its own:
//
//   redis-server --port 6390 --save '' & php php.php .. 6390
//
// The sessions are written by session_start itself, through phpredis.
if (!getenv('CASE')) {
    [, $folder, $port] = $argv;
    $cases = [];
    foreach (['php', 'php_serialize', 'php_binary'] as $handler) {
        foreach (['integer', 'text', 'zero', 'nested', 'stamped', 'objects', 'anonymous', 'float', 'list', 'boolean', 'object', 'in_object', 'reference', 'enum', 'ended'] as $case) {
            $settings = ['session.save_handler' => 'redis', 'session.serialize_handler' => $handler, 'session.use_cookies' => '0',
                'session.save_path' => "tcp://127.0.0.1:$port?prefix=shop-sessions:", 'session.cache_limiter' => '', 'session.gc_maxlifetime' => '1440'];
            $command = [PHP_BINARY];
            foreach ($settings as $name => $value) {
                array_push($command, '-d', "$name=\"$value\"");
            }
            $process = proc_open([...$command, __FILE__], [1 => ['pipe', 'w']], $pipes, null,
                ['CASE' => $case, 'PORT' => $port, 'HANDLER' => $handler]);
            $cases[] = json_decode(stream_get_contents($pipes[1]), true, 512, JSON_THROW_ON_ERROR);
            proc_close($process);
        }
    }
    file_put_contents("$folder/php_8.2.json", json_encode(['adapter' => 'php-redis',
        'generated_with' => ['php' => PHP_VERSION, 'phpredis' => phpversion('redis')], 'how' => 'generate/php.php', 'config' => ['prefix' => 'shop-sessions:'],
        'cases' => $cases], JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE) . "\n");
    exit;
}

class Thing
{
    public $user_id = 42;
    private $a = [1];
}

enum Suit: string
{
    case Hearts = '42';
}

session_start();
$_SESSION['first'] = 1;
$ok = ['ok' => true, 'user_id' => '42'];
$no = ['ok' => false];
$user = 'user_id';
switch (getenv('CASE')) {
    case 'integer':
        $_SESSION += ['user_id' => 42, 'name' => 'Zoë ☕', 'price' => 1.5, 'wide' => true, 'cart' => [['sku' => 'ABC']], 'none' => null, 'bytes' => "\xff\x00"];
        $expect = $ok + ['signed_in_at' => 0, 'data' => ['first' => 1, 'name' => 'Zoë ☕', 'price' => 1.5, 'wide' => true, 'cart' => null, 'none' => null]];
        break;
    case 'text':
        $_SESSION['user_id'] = '042';
        $expect = ['ok' => true, 'user_id' => '042'];
        break;
    case 'zero':
        $_SESSION['user_id'] = 0;
        $expect = ['ok' => true, 'user_id' => '0'];
        break;
    case 'nested':
        $_SESSION['user'] = ['id' => 42, 'name' => 'Zoë'];
        $user = 'user.id';
        $expect = $ok;
        break;
    case 'stamped':
        $_SESSION += ['user_id' => 42, 'coatcheck_stamp' => 'AbCdEfGhIjKlMnOpQrStUv.1760000000'];
        $expect = $ok + ['signed_in_at' => 1760000000];
        break;
    case 'objects':
        $thing = new Thing;
        $list = [1];
        $_SESSION += ['thing' => $thing, 'same' => $thing, 'list' => [&$list, &$list], 'when' => new DateTime('@0'), 'array' => new ArrayObject([1]),
            'suit' => Suit::Hearts, 'name' => 'after the objects', 'user_id' => 42];
        $expect = $ok + ['data' => ['thing' => null, 'same' => null, 'list' => null, 'when' => null, 'array' => null, 'suit' => null, 'name' => 'after the objects']];
        break;
    case 'anonymous':
        $expect = ['ok' => true, 'anonymous' => true];
        break;
    case 'float':
        $_SESSION['user_id'] = 42.0;
        $expect = $no;
        break;
    case 'list':
        $_SESSION['user_id'] = [42];
        $expect = $no;
        break;
    case 'boolean':
        $_SESSION['user_id'] = true;
        $expect = $no;
        break;
    case 'object':
        $_SESSION['user_id'] = new Thing;
        $expect = $no;
        break;
    case 'in_object':
        $_SESSION['user'] = new Thing;
        $user = 'user.user_id';
        $expect = $no;
        break;
    case 'reference':
        $_SESSION['other'] = 42;
        $_SESSION['user_id'] = &$_SESSION['other'];
        $expect = $no;
        break;
    case 'enum':
        $_SESSION['user_id'] = Suit::Hearts;
        $expect = $no;
        break;
    case 'ended':
        $_SESSION['user_id'] = 42;
        $expect = $no;
        break;
}
$id = session_id();
session_write_close();
$key = "shop-sessions:$id";
$redis = new Redis();
$redis->connect('127.0.0.1', (int) getenv('PORT'));
$made = ['name' => getenv('HANDLER') . '_' . getenv('CASE'), 'cookies' => ['PHPSESSID' => $id], 'now' => time(), 'handler' => getenv('HANDLER'), 'user' => $user,
    'store' => ['key' => $key, 'value_base64' => base64_encode($redis->get($key)), 'ttl' => $redis->ttl($key)], 'expect' => $expect];
if (getenv('CASE') === 'ended') {
    unset($made['store']);
}
echo json_encode($made, JSON_THROW_ON_ERROR);
