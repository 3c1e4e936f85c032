<?php

declare(strict_types=1);

// A monolith in PHP without a framework.

require '../../Coatcheck.php';

$coatcheck = Coatcheck\Coatcheck::start([
    'origin' => getenv('ORIGIN'),
    'mode' => getenv('MODE'),
    'timeout' => (float) getenv('TIMEOUT'),
    'login_path' => '/signin',
    'logout_path' => '/signout',
]);
session_cache_limiter('');
session_save_path(getenv('DIR'));
session_start();

function me(?string $user): void
{
    foreach (['Cache-Control' => 'cc', 'Vary' => 'vary'] as $name => $parameter) {
        if (isset($_GET[$parameter])) {
            header("$name: $_GET[$parameter]");
        }
    }
    header('Content-Type: application/json');
    echo json_encode([
        'user' => in_array($user, ['42', '43'], true) ? $user : null,
        'cookie' => ($_SERVER['HTTP_COOKIE'] ?? '') . (isset($_COOKIE['__Host-SESSIONID']) ? '; parsed' : ''),
        'stamp' => $_SESSION['coatcheck_stamp'] ?? null,
    ], JSON_INVALID_UTF8_SUBSTITUTE);
}

function sign_in(Coatcheck\Coatcheck $coatcheck): void
{
    if ($_POST['password'] !== 'right') {
        http_response_code(401);
        return;
    }
    session_regenerate_id(true);
    $coatcheck->signIn();
    $_SESSION['user_id'] = (int) $_POST['user']; // as a database has it
}

match ($_SERVER['REQUEST_METHOD'] . ' ' . parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    'GET /me' => me(($coatcheck->who()['display_name'] ?? 'Alice') === 'Alice' ? $coatcheck->userId($_SESSION['user_id'] ?? null) : 'whoami says otherwise'),
    'GET /signin' => print 'the login page',
    'POST /signin', 'POST /signin-elsewhere' => sign_in($coatcheck),
    'POST /signout' => session_destroy(),
    'POST /write' => $_SESSION['n'] = 1,
    default => http_response_code(404),
};
