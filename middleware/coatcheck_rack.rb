# frozen_string_literal: true

# Coatcheck's sessions in Rack, Rails, Warden and Devise. README.md beside this file says how
# to set it up.

require 'json'
require 'net/http'
require 'rack/utils'
require 'rack/version'
require 'securerandom'
require 'timeout'
require 'uri'

# The middleware. It stands in front of all others.
class Coatcheck
  # Nobody knows who is calling, because Coatcheck did not answer as it should.
  class Outage < StandardError; end

  RETRY_AFTER = '5' # seconds
  MAX_ANSWER = 64 << 10 # bytes
  USER_AGENT = 'Coatcheck-Middleware' # firewalls refuse programs that have none
  # A token: three parts of base64url, or four if tokens are signed.
  TOKEN = /\A[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(\.[A-Za-z0-9_-]{22})?\z/
  LOCAL_PATH = %r{\A/(?![/\\])[^\\\x00-\x20\x7f]*\z}

  # scope and user are for Warden: user is called with whoami's answer and returns the user of
  # the scope, or nil. The defaults are Warden's scope, and with Devise the record of its model
  # whose id is user_id.
  def initialize(app, origin:, mode:, timeout: 2, cookie: '__Host-SESSIONID', user: nil, scope: nil, login_path: nil, logout_path: nil)
    raise ArgumentError, "Coatcheck's mode must be :also or :only, not #{mode.inspect}" unless %w[also only].include?(mode.to_s)

    @app = app
    @only = mode.to_s == 'only'
    @origin = Origin.new(origin, cookie, timeout)
    @user = user
    @scope = scope
    @login_paths = Array(login_path).map { |path| canonical(path) }
    @logout_paths = Array(logout_path).map { |path| canonical(path) }
    Coatcheck.watch_warden if defined?(Warden::Manager)
    # Rails answers the exception with its page of this status.
    ActionDispatch::ExceptionWrapper.rescue_responses[Outage.name] = :service_unavailable if defined?(ActionDispatch::ExceptionWrapper)
  end

  def call(env)
    ours = env['coatcheck'] = Ours.new(@origin, hide(env), @only, method(:set_user))
    path = canonical(env['SCRIPT_NAME'].to_s + env['PATH_INFO'].to_s)
    return ours.complete(303, { Coatcheck.field('Location') => login_page(env) }, []) if @only && @login_paths.include?(path)

    ours.identify
    ours.end_session if @logout_paths.include?(path) && env['REQUEST_METHOD'] != 'OPTIONS'
    ours.complete(*@app.call(env))
  rescue Outage => e
    env['rack.errors']&.puts("coatcheck: #{e.message}")
    ours.complete(503, { Coatcheck.field('Content-Type') => 'text/plain' }, ['The service is unavailable. Please try again.'])
  end

  # Tells Warden the user of each request. When Warden signs somebody in, it ends ours and
  # stamps the session.
  def self.watch_warden
    return if @watching

    @watching = true
    Warden::Manager.on_request { |warden| warden.env['coatcheck']&.tell(warden) }
    Warden::Manager.after_set_user(except: :fetch) do |user, warden, options|
      ours = warden.env['coatcheck']
      # Devise's cookie that remembers a user is no sign-in of now.
      remembered = warden.winning_strategy.class.name == 'Devise::Strategies::Rememberable'
      next if ours.nil? || options[:store] == false || remembered

      begin
        ours.sign_in(warden.raw_session)
      rescue Outage
        warden.session_serializer.delete(options[:scope], user)
        raise
      end
    end
  end

  # The name of a header field as this version of Rack writes it.
  def self.field(name)
    Rack.release >= '3' ? name.downcase : name
  end

  private

  # The path as Rails routes it: /logout/, //logout and /logout.json are /logout.
  def canonical(path)
    path.squeeze('/').sub(%r{(.)/\z}, '\1').sub(%r{\.[^./]+\z}, '')
  end

  # Takes our cookie out of the request, and returns its different values.
  def hide(env)
    name = @origin.cookie
    ours, others = env.delete('HTTP_COOKIE').to_s.split(';').map { |part| part.gsub(/\A[ \t]+|[ \t]+\z/, '') }.partition { |part| part.start_with?("#{name}=") }
    others.reject!(&:empty?)
    env['HTTP_COOKIE'] = others.join('; ') unless others.empty?
    ours.map { |part| part.delete_prefix("#{name}=") }.uniq
  end

  def set_user(warden, ours)
    return unless ours.who || @only

    # Neither the session nor the cookie that remembers a user signs anybody in.
    warden.session_serializer.define_singleton_method(:fetch) { |_scope| nil }
    warden.lock!
    user = ours.who && load_user(warden, ours.who)
    warden.set_user(user, scope: scope(warden), store: false, run_callbacks: false) if user
  end

  def scope(warden)
    @scope || warden.config.default_scope
  end

  def load_user(warden, who)
    user = @user ? @user.call(who) : devise_user(warden, who['user_id'])
    user unless user.respond_to?(:active_for_authentication?) && !user.active_for_authentication?
  end

  def devise_user(warden, id)
    user = Devise.mappings.fetch(scope(warden)).to.find_by(id: id)
    # The database finds the user 42 by "042" and by "42x" too.
    user if user && user.id.to_s == id
  end

  # The address of Coatcheck's login page, from which a user comes back to next.
  def login_page(env)
    to = Rack::Utils.parse_query(env['QUERY_STRING'])['next']
    to.is_a?(String) && to.valid_encoding? && LOCAL_PATH.match?(to) ? "/login?#{URI.encode_www_form(next: to)}" : '/login'
  rescue ArgumentError, Rack::Utils::InvalidParameterError
    '/login'
  end

  # Our cookie in one request.
  class Ours
    CLEARED = { value: '', path: '/', max_age: 0, secure: true, httponly: true, same_site: :lax }.freeze

    # whoami's answer, or nil.
    attr_reader :who

    def initialize(origin, values, only, set_user)
      @origin = origin
      @values = values
      @only = only
      @set_user = set_user
    end

    # Makes the user of our cookie Warden's.
    def tell(warden)
      @set_user.call(warden, self)
    end

    # The ID of the user of our cookie; if it names nobody, own in mode also, and nil in mode
    # only. It is for applications without Warden.
    def user_id(own = nil)
      return @who['user_id'] if @who

      own unless @only
    end

    # Ends ours, which may be another user's, and stamps the session. Without Warden, call it at
    # each sign-in, after reset_session and before the user is put into the session. In an
    # outage it raises Outage: let it pass, and the answer is 503.
    def sign_in(session)
      end_session
      @who = nil
      session['coatcheck_stamp'] = "#{SecureRandom.urlsafe_base64(16)}.#{Time.now.to_i}"
    end

    def identify
      @who = outages { @origin.whoami(@values) }
    end

    def end_session
      return if @values.empty? || @ended

      outages { @origin.logout(@values) }
      @ended = true
    end

    # Completes the headers of the answer.
    def complete(status, headers, body)
      headers = headers.dup
      change(headers, 'Vary') { |vary| add_cookie(vary) }
      if @outage
        change(headers, 'Cache-Control') { 'no-store' }
        change(headers, 'Retry-After') { |given| given.empty? ? RETRY_AFTER : given }
      elsif @who || @ended
        change(headers, 'Cache-Control') { |control| make_private(control) }
      end
      Rack::Utils.set_cookie_header!(headers, @origin.cookie, CLEARED) if @ended
      [status, headers, body]
    end

    # Keeps the token out of what prints the environment.
    def inspect
      '#<Coatcheck::Ours>'
    end

    private

    def outages
      yield
    rescue Outage
      @outage = true
      raise
    end

    def change(headers, name)
      key = headers.keys.find { |given| given.casecmp?(name) } || Coatcheck.field(name)
      headers[key] = yield headers[key].to_s
    end

    def add_cookie(vary)
      fields = vary.split(',').map(&:strip).reject(&:empty?)
      fields << 'Cookie' unless fields.any? { |field| ['*', 'cookie'].include?(field.downcase) }
      fields.join(', ')
    end

    def make_private(control)
      directives = control.split(',').map(&:strip).reject { |directive| directive.empty? || directive.casecmp?('public') }
      directives.unshift('private') unless directives.any? { |directive| %w[private no-store].include?(directive.downcase) }
      directives.join(', ')
    end
  end

  # Where Coatcheck answers.
  class Origin
    attr_reader :cookie

    def initialize(origin, cookie, timeout)
      @uri = URI(origin)
      unless @uri.is_a?(URI::HTTP) && @uri.host && origin.match?(%r{\Ahttps?://[^/?#@]+/?\z})
        raise ArgumentError, "Coatcheck's origin must be like https://app.example.com, not #{origin.inspect}"
      end

      @cookie = cookie
      @timeout = timeout
    end

    # whoami's answer about the only value of our cookie; nil means nobody.
    def whoami(values)
      return unless values.size == 1 && TOKEN.match?(values.first)

      status, body = ask(Net::HTTP::Get.new('/whoami'), values)
      return if status == 401

      who = status == 200 ? parse(body) : nil
      return who if who.is_a?(Hash) && who['user_id'].is_a?(String) && !who['user_id'].empty?

      raise Outage, "GET /whoami answered #{status}, and not who is calling"
    end

    # Ends the sessions of all these values of our cookie.
    def logout(values)
      tokens = values.grep(TOKEN)
      return if tokens.empty?

      status, = ask(Net::HTTP::Post.new('/logout'), tokens)
      raise Outage, "POST /logout answered #{status}, not 204" unless status == 204
    end

    private

    def ask(request, tokens)
      request['Accept'] = 'application/json'
      request['Accept-Encoding'] = 'identity'
      request['User-Agent'] = USER_AGENT
      request['Cookie'] = tokens.map { |token| "#{@cookie}=#{token}" }.join('; ')
      # Of the whole answer: read_timeout begins again with each read.
      Timeout.timeout(@timeout) { connection.start { |http| read(http, request) } }
    rescue Outage
      raise
    rescue StandardError => e
      raise Outage, "#{request.method} #{request.path}: #{e.class}: #{e.message}"
    end

    # A connection past no proxy, which sends each request once.
    def connection
      Net::HTTP.new(@uri.hostname, @uri.port, nil).tap do |http|
        http.use_ssl = @uri.scheme == 'https'
        http.max_retries = 0
      end
    end

    def read(http, request)
      body = +''
      answer = http.request(request) do |response|
        response.read_body do |part|
          body << part
          raise Outage, "more than #{MAX_ANSWER} bytes" if body.bytesize > MAX_ANSWER
        end
      end
      [answer.code.to_i, body]
    end

    def parse(body)
      JSON.parse(body.force_encoding(Encoding::UTF_8))
    rescue JSON::ParserError
      nil
    end
  end
end
