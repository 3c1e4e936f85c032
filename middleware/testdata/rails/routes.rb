# frozen_string_literal: true

Rails.application.routes.draw do
  devise_for :users, skip: :all if ENV['DEVISE']
  get 'me' => 'pages#me'
  get 'signin' => 'pages#login_page'
  post 'signin' => 'pages#create'
  post 'signin-elsewhere' => 'pages#create'
  post 'signout' => 'pages#destroy'
  post 'write' => 'pages#write'
end
