package main

import (
	"context"
	"errors"

	"example.com/coatcheck/pkg/accounts"
)

var errLater = errors.New("later")

func (u users) Create(ctx context.Context, a *accounts.Account) error { return errLater }
func (u users) Delete(ctx context.Context, a *accounts.Account) error { return errLater }
func (u users) Claim(ctx context.Context, key, holder string) error   { return errLater }
func (u users) Holder(ctx context.Context, key string) (string, error) {
	return "", errLater
}
func (u users) PassClaim(ctx context.Context, key, from, to string) error { return errLater }
