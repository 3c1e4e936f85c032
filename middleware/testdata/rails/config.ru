# frozen_string_literal: true

# A monolith in Rails; with DEVISE=1 its users are Devise's.

require 'fileutils'
require 'logger'
require 'action_controller/railtie'
require 'action_mailer/railtie'
require 'active_record/railtie'
require 'devise' if ENV['DEVISE']
require_relative '../../coatcheck_rack'

# Rails looks for its routes below its root, and Devise for its models in them.
FileUtils.mkdir_p("#{ENV.fetch('DIR')}/config")
FileUtils.cp("#{__dir__}/routes.rb", "#{ENV.fetch('DIR')}/config")
ENV['DATABASE_URL'] = "sqlite3:#{ENV.fetch('DIR')}/db"

class Monolith < Rails::Application
  config.root = ENV.fetch('DIR')
  config.load_defaults 6.1
  config.eager_load = true
  config.secret_key_base = 'an invented key of a test' * 4
  config.hosts.clear
  config.logger = Logger.new($stderr, level: :fatal)
  config.session_store :cookie_store, key: '_monolith'
  config.consider_all_requests_local = false
  config.action_controller.allow_forgery_protection = false
  config.middleware.insert_before 0, Coatcheck, origin: ENV.fetch('ORIGIN'), mode: ENV.fetch('MODE'), timeout: Float(ENV.fetch('TIMEOUT')), login_path: '/signin', logout_path: '/signout'
end

if ENV['DEVISE']
  require 'devise/orm/active_record'
  Devise.setup do |config|
    config.secret_key = 'an invented key of a test' * 4
    config.stretches = 1
  end
end

class ApplicationController < ActionController::Base
  unless ENV['DEVISE']
    def current_user
      id = request.env['coatcheck'].user_id(session[:user_id])
      user = User.find_by(id: id)
      user if user && user.id.to_s == id
    end

    def sign_in(user)
      reset_session
      request.env['coatcheck'].sign_in(session)
      session[:user_id] = user.id.to_s
    end

    def sign_out
      reset_session
    end
  end
end

class PagesController < ApplicationController
  include Devise::Controllers::Rememberable if ENV['DEVISE']

  def me
    response.headers['Cache-Control'] = params[:cc] if params[:cc]
    response.headers['Vary'] = params[:vary] if params[:vary]
    parsed = '; parsed' if request.cookies.key?('__Host-SESSIONID') || cookies.key?('__Host-SESSIONID')
    render json: { user: current_user&.id&.to_s, cookie: "#{request.headers['Cookie']}#{parsed}", stamp: session[:coatcheck_stamp] }
  end

  def login_page
    render plain: 'the login page'
  end

  def create
    return render(plain: 'wrong', status: :unauthorized) unless params[:password] == 'right'

    user = User.find(params[:user])
    # Devise does nothing for a user who is signed in already, also by our cookie.
    ENV['DEVISE'] ? sign_in(user, force: true) : sign_in(user)
    remember_me(user) if ENV['DEVISE']
    render plain: 'ok'
  end

  def destroy
    sign_out
    render plain: 'ok'
  end

  def write
    session[:n] = 1
    render plain: 'ok'
  end
end

class User < ActiveRecord::Base
  devise :database_authenticatable, :rememberable if ENV['DEVISE']
end

Rails.application.initialize!
ActiveRecord::Schema.verbose = false
ActiveRecord::Schema.define do
  create_table :users do |t|
    t.string :email
    t.string :encrypted_password, default: 'an invented hash of a test, long enough', null: false
    t.datetime :remember_created_at
  end
end
[42, 43].each { |id| User.new(id: id, email: "#{id}@example.com").save!(validate: false) }

run Rails.application
