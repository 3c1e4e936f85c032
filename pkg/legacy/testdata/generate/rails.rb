# Writes rails_6.1_encrypted_cookie.json, rails_6.1_signed_session_id.json and
# rails_6.1_activerecord_store.json into the folder that is its argument. Made with Debian
# 12's packages ruby 3.1.2, ruby-rails 6.1.7.10, ruby-devise 4.8.1, ruby-sqlite3 1.4.2:
#
#   ruby rails.rb ..
#
# Each profile is a Rails application in a process of its own. The gem
# activerecord-session_store has no package in Debian: rows are made by its own calls,
# Rack's private_id, and Base64.encode64(Marshal.dump(...)) or JSON.generate(...), out of
# sessions of the application.
require "json"
require "open3"
require "rbconfig"

NEW_SECRET = "new-" + "b" * 124
OLD_SECRET = "old-" + "c" * 124
STAMP = "AbCdEfGhIjKlMnOpQrStUv.1760000000"

unless ENV["PROFILE"]
  profiles = {
    "json" => {}, "marshal" => {"SERIALIZER" => "marshal"}, "hybrid" => {"SERIALIZER" => "hybrid"},
    "old_secret" => {"SECRET" => OLD_SECRET}, "no_metadata" => {"METADATA" => "false"},
    "expiring" => {"EXPIRE" => "1800"}, "sha256_digest" => {"DIGEST" => "SHA256"},
  }
  files = Hash.new { |h, k| h[k] = [] }
  profiles.each do |name, env|
    out, status = Open3.capture2(env.merge("PROFILE" => name), RbConfig.ruby, __FILE__)
    abort "#{name} failed" unless status.success?
    JSON.parse(out).each { |file, cases| files[file].concat(cases) }
  end
  files.each do |file, cases|
    content = {
      "adapter" => file, "generated_with" => {"ruby" => RUBY_VERSION, "rails" => "6.1.7.10", "devise" => "4.8.1"},
      "how" => "generate/rails.rb", "config" => {"secret_key_base" => NEW_SECRET, "cookie_name" => "_shop_session"}, "cases" => cases,
    }
    File.write(File.join(ARGV[0], "rails_6.1_#{file}.json"), JSON.pretty_generate(content, indent: " ") + "\n")
  end
  exit
end

require "rails"
require "action_controller/railtie"
require "active_record"
require "devise"
require "devise/orm/active_record"
require "rack/test"
require "bigdecimal"
require "set"

ENV["RAILS_ENV"] = "production"

class Shop < Rails::Application
  config.load_defaults 6.1
  config.eager_load = false
  config.logger = Logger.new(IO::NULL)
  config.secret_key_base = ENV.fetch("SECRET", NEW_SECRET)
  config.hosts.clear
  config.action_dispatch.cookies_serializer = ENV.fetch("SERIALIZER", "json").to_sym
  config.action_dispatch.use_cookies_with_metadata = ENV["METADATA"] != "false"
  config.action_dispatch.signed_cookie_digest = ENV["DIGEST"] if ENV["DIGEST"]
  config.session_store :cookie_store, **{key: "_shop_session", expire_after: ENV["EXPIRE"]&.to_i}.compact
end

ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: ":memory:")
ActiveRecord::Base.logger = nil
ActiveRecord::Schema.verbose = false
ActiveRecord::Schema.define do
  create_table(:users) { |t| t.string :email; t.string :encrypted_password }
  create_table(:members, id: :string) { |t| t.string :email; t.string :encrypted_password }
end

Devise.setup { |config| config.stretches = 4; config.secret_key = "d" * 64 }

class User < ActiveRecord::Base
  devise :database_authenticatable, :timeoutable
end

class Member < ActiveRecord::Base
  devise :database_authenticatable
end

Point = Struct.new(:x, :y)
module Loud; end
class Thing; def initialize; @a = 1; end; end

class PagesController < ActionController::Base
  def login
    sign_in(User.find(params[:id])) if params[:id]
    sign_in(Member.find(params[:member])) if params[:member]
    session["coatcheck_stamp"] = STAMP if params[:stamp]
    head :ok
  end

  def logout
    sign_out
    head :ok
  end

  def fill
    session["name"] = "Zoë ☕"
    session["cart"] = [{"sku" => "ABC", "qty" => 2}]
    session["count"] = 3
    session["price"] = 9.5
    session["wide"] = true
    head :ok
  end

  # What old applications keep in sessions, and only Marshal can write.
  def objects
    session["seen_at"] = Time.at(1760000000)
    session["zone_at"] = Time.at(1760000000).in_time_zone("UTC")
    session["filter"] = ActiveSupport::HashWithIndifferentAccess.new(q: "x", page: 2)
    session["html"] = "<b>".html_safe
    session["price"] = BigDecimal("9.50")
    session["set"] = Set[1, 2]
    session["point"] = Point.new(1, 2)
    session["thing"] = Thing.new
    session["class"] = Thing
    session["pattern"] = /a+/i
    session["symbol"] = :new
    session["twice"] = [a = "same", a, [a]]
    session["big"] = 2**70
    session["latin"] = "caf\xE9".dup.force_encoding("ISO-8859-1")
    session["binary"] = "\xFF\x00".b
    session["extended"] = "x".dup.extend(Loud)
    session["name"] = "after the objects"
    head :ok
  end

  def plain
    session["user_id"] = {
      "integer" => 42, "text" => "042", "big" => 2**70, "negative" => -5, "float" => 42.0, "list" => [42],
      "object" => Point.new(42, 0), "time" => Time.at(42), "true" => true, "rational" => Rational(42, 1),
    }.fetch(params[:kind])
    head :ok
  end

  def prefs
    cookies.encrypted[:prefs] = {"user_id" => 42, "warden.user.user.key" => [[42], User.find(42).authenticatable_salt]}
    head :ok
  end

  def signed
    cookies.signed.permanent[params.fetch(:as, "session_id")] = params[:text] || params[:row].to_i
    head :ok
  end

  def who
    render plain: (current_user&.id || current_member&.id || session["user_id"]).to_s
  end
end

Shop.routes.append do
  devise_for :users, skip: :all
  devise_for :members, skip: :all
  %w[login logout fill objects plain prefs signed who].each { |action| get action => "pages##{action}" }
end
Shop.initialize!
Devise.class_variable_set(:@@warden_configured, nil) # it was, before there were routes
Devise.configure_warden!

USER = User.create!(id: 42, email: "zoe@example.com", password: "correct horse 1")
MEMBER = Member.create!(id: "0f0e7a52-9d0e-4c55-8d0c-5a6f7a1b2c3d", email: "ida@example.com", password: "correct horse 2")
ANOTHER_HASH = User.new(password: "another horse").encrypted_password
PROFILE = ENV["PROFILE"]

def browser(*paths)
  Rack::Test::Session.new(Rack::MockSession.new(Shop)).tap { |b| paths.each { |p| b.get(p); raise "#{p}: #{b.last_response.body}" unless b.last_response.ok? } }
end

# raw returns a cookie as a browser sends it.
def raw(browser, name)
  header = browser.last_response.headers["Set-Cookie"].to_s.lines.find { |l| l.start_with?("#{name}=") }
  header[/\A#{Regexp.escape(name)}=([^;\n]*)/, 1]
end

def who(browser)
  browser.get("/who")
  browser.last_response.body
end

def session_case(name, paths, expect, **more)
  b = browser(*paths)
  cookie = raw(b, "_shop_session")
  {"name" => "#{PROFILE}_#{name}", "cookies" => {"_shop_session" => cookie}, "now" => Time.now.to_i,
   "user_password_column" => USER.encrypted_password, "framework_user" => who(b), "expect" => expect}.merge(more.transform_keys(&:to_s))
end

DATA = {"name" => "Zoë ☕", "count" => 3, "price" => 9.5, "wide" => true, "cart" => nil}
OK = {"ok" => true, "user_id" => "42"}
NO = {"ok" => false}

encrypted = []
case PROFILE
when "json", "marshal"
  encrypted << session_case("devise", %w[/fill /login?id=42 /fill], OK.merge("signed_in_at" => 0, "data" => DATA))
  encrypted << session_case("devise_stamped", %w[/fill /login?id=42&stamp=1], OK.merge("signed_in_at" => 1760000000, "identity" => "stamp:AbCdEfGhIjKlMnOpQrStUv"))
  encrypted << session_case("member", %W[/login?member=#{MEMBER.id}], {"ok" => true, "user_id" => MEMBER.id},
    user: "warden.user.member.key", user_password_column: MEMBER.encrypted_password)
  encrypted << session_case("another_scope", %W[/login?member=#{MEMBER.id}], {"ok" => true, "anonymous" => true})
  encrypted << session_case("anonymous", %w[/fill], {"ok" => true, "anonymous" => true})
  encrypted << session_case("logged_out", %w[/login?id=42 /logout /fill], {"ok" => true, "anonymous" => true})
  encrypted << session_case("password_changed", %w[/login?id=42], NO, user_password_column: ANOTHER_HASH)
  kinds = {"integer" => "42", "text" => "042", "big" => (2**70).to_s, "negative" => "-5", "list" => nil, "true" => nil}
  kinds.merge!("object" => nil, "time" => nil, "rational" => nil) if PROFILE == "marshal"
  kinds["float"] = nil
  kinds.each do |kind, id|
    encrypted << session_case("plain_#{kind}", %W[/plain?kind=#{kind}], id ? {"ok" => true, "user_id" => id} : NO, user: "user_id")
  end
  b = browser("/prefs")
  encrypted << {"name" => "#{PROFILE}_other_cookie", "cookies" => {"_shop_session" => raw(b, "prefs")}, "now" => Time.now.to_i,
    "user_password_column" => USER.encrypted_password, "expect" => NO}
  if PROFILE == "marshal"
    encrypted << session_case("objects", %w[/login?id=42 /objects], OK.merge("data" => {
      "name" => "after the objects", "seen_at" => nil, "zone_at" => nil, "filter" => nil, "html" => nil, "price" => nil, "set" => nil,
      "point" => nil, "thing" => nil, "class" => nil, "pattern" => nil, "extended" => nil, "symbol" => "new", "big" => (2**70).to_s,
    }))
  end
when "hybrid"
  encrypted << session_case("devise", %w[/login?id=42 /fill], OK.merge("data" => DATA))
when "old_secret"
  encrypted << session_case("devise", %w[/login?id=42], OK, secrets: [NEW_SECRET, OLD_SECRET])
  encrypted << session_case("devise_forgotten", %w[/login?id=42], NO, secrets: [NEW_SECRET])
when "no_metadata"
  encrypted << session_case("devise", %w[/login?id=42], NO, note: "Rails accepts it, and the reader does not: the cookie has no purpose")
when "expiring"
  alive = session_case("alive", %w[/login?id=42], OK)
  encrypted << alive
  encrypted << alive.merge("name" => "expiring_expired", "now" => alive["now"] + 1801, "expect" => NO, "framework_user" => "")
end

def signed_case(name, query, row, expect, **more)
  cookie = raw(browser("/signed?#{query}"), more.delete(:as) || "session_id")
  {"name" => "#{PROFILE}_#{name}", "cookies" => {"session_id" => cookie}, "now" => Time.now.to_i, "row" => row, "expect" => expect}.merge(more.transform_keys(&:to_s))
end

signed = []
if %w[json marshal sha256_digest old_secret].include?(PROFILE)
  row = {"id" => 17, "user_id" => 42, "created_at" => "2026-11-01 08:30:00.123456"}
  at = Time.utc(2026, 11, 1, 8, 30, 0).to_i
  ok = OK.merge("identity" => "17", "signed_in_at" => at)
  more = PROFILE == "old_secret" ? {secrets: [NEW_SECRET, OLD_SECRET]} : {}
  signed << signed_case("integer", "row=17", row, ok, **more)
  if PROFILE == "old_secret"
    signed << signed_case("forgotten", "row=17", row, NO, secrets: [NEW_SECRET])
  else
    uuid = "7b0c2f0e-52f9-4a55-93f6-0d9a0b6d8e11"
    signed << signed_case("uuid", "text=#{uuid}", row.merge("id" => uuid), ok.merge("identity" => uuid))
    signed << signed_case("row_deleted", "row=18", nil, NO)
    signed << signed_case("row_in_capitals", "text=#{uuid.upcase}", row.merge("id" => uuid), NO, note: "MySQL finds the row all the same")
    signed << signed_case("other_cookie", "row=17&as=cart_id", row, NO, as: "cart_id")
    signed << signed_case("within_lifetime", "row=17", row, ok, lifetime: "2400h", now: at + 2400 * 3600 - 1)
    signed << signed_case("beyond_lifetime", "row=17", row, NO, lifetime: "2400h", now: at + 2400 * 3600 + 1)
  end
end

# row_case makes a row as activerecord-session_store does.
def row_case(name, paths, expect, serializer, **more)
  b = browser(*paths)
  b.get("/who")
  sid = Rack::Session::SessionId.new(SecureRandom.hex(16))
  values = b.last_request.session.to_hash.except("session_id")
  data = serializer == "json" ? JSON.generate(values, quirks_mode: true) : Base64.encode64(Marshal.dump(values))
  {"name" => "#{serializer}_#{name}", "cookie" => sid.public_id, "now" => 1795000000 + 60,
   "row" => {"session_id" => sid.private_id, "data" => data, "updated_at" => Time.at(1795000000).utc.strftime("%F %T.%6N")},
   "user_password_column" => USER.encrypted_password, "expect" => expect}.merge(more.transform_keys(&:to_s))
end

rows = []
if PROFILE == "marshal"
  %w[marshal json].each do |serializer|
    rows << row_case("devise", %w[/fill /login?id=42 /fill], OK.merge("signed_in_at" => 0, "data" => DATA, "expires_at" => 1795000000 + 30 * 86400), serializer)
    rows << row_case("stamped", %w[/login?id=42&stamp=1], OK.merge("signed_in_at" => 1760000000), serializer)
    rows << row_case("anonymous", %w[/fill], {"ok" => true, "anonymous" => true}, serializer)
    rows << row_case("plain", %w[/plain?kind=text], {"ok" => true, "user_id" => "042"}, serializer, user: "user_id")
    rows << row_case("password_changed", %w[/login?id=42], NO, serializer, user_password_column: ANOTHER_HASH)
    rows << row_case("at_the_end", %w[/login?id=42], OK, serializer, lifetime: "1h", now: 1795000000 + 3599)
    rows << row_case("too_old", %w[/login?id=42], NO, serializer, lifetime: "1h", now: 1795000000 + 3601)
    ended = row_case("ended", %w[/login?id=42], NO, serializer)
    rows << ended.except("row")
    private_id = row_case("private_id", %w[/login?id=42], NO, serializer, note: "the key of the row in place of the cookie")
    rows << private_id.merge("cookie" => private_id["row"]["session_id"])
  end
  rows << row_case("objects", %w[/login?id=42 /objects], OK.merge("data" => {"name" => "after the objects", "thing" => nil}), "marshal")
end

puts JSON.generate({"encrypted_cookie" => encrypted, "signed_session_id" => signed, "activerecord_store" => rows}.reject { |_, cases| cases.empty? })
