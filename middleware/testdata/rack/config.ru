# frozen_string_literal: true

# A monolith on Rack alone, with its sessions in a cookie.

require 'json'
require_relative '../../coatcheck_rack'

class App
  USERS = %w[42 43].freeze

  def call(env)
    request = Rack::Request.new(env)
    case [request.request_method, request.path]
    in ['GET', '/me'] then me(request)
    in ['GET', '/signin'] then answer('the login page')
    in ['POST', '/signin' | '/signin-elsewhere'] then sign_in(request)
    in ['POST', '/signout'] then request.session.clear && answer('ok')
    in ['POST', '/write'] then (request.session['n'] = 1) && answer('ok')
    else [404, { 'Content-Type' => 'text/plain' }, ['no such page']]
    end
  end

  private

  def me(request)
    user = request.env['coatcheck'].user_id(request.session['user_id'])
    parsed = '; parsed' if request.cookies.key?('__Host-SESSIONID')
    body = { user: (user if USERS.include?(user)), cookie: "#{request.env['HTTP_COOKIE']}#{parsed}", stamp: request.session['coatcheck_stamp'] }
    headers = { 'Content-Type' => 'application/json', 'Cache-Control' => request.GET['cc'], 'Vary' => request.GET['vary'] }
    [200, headers.compact, [body.to_json]]
  end

  def sign_in(request)
    return [401, { 'Content-Type' => 'text/plain' }, ['wrong']] unless request.POST['password'] == 'right'

    request.session.clear
    request.env['coatcheck'].sign_in(request.session)
    request.session['user_id'] = request.POST['user']
    answer('ok')
  end

  def answer(text)
    [200, { 'Content-Type' => 'text/plain' }, [text]]
  end
end

use Coatcheck, origin: ENV.fetch('ORIGIN'), mode: ENV.fetch('MODE'), timeout: Float(ENV.fetch('TIMEOUT')), login_path: '/signin', logout_path: '/signout'
use Rack::Session::Cookie, secret: 'an invented key of a test' * 4
run App.new
