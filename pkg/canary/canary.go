// Package canary tries a deployed product as one of its users, again and again: it runs
// package smoketest, and changes the user's password once a day. The password is kept in
// Secrets Manager. Whenever a run ends, for whatever reason, the next one finds in the secret
// a password that signs the user in.
//
// This package may still change in ways that break programs.
package canary

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/smoketest"
)

// changeAfter is how old a password is when it is changed.
const changeAfter = 24 * time.Hour

// Config says what is tried, and as whom.
type Config struct {
	URL    string // of the product, such as https://app.example.com
	UserID string // the user must have this ID, and no roles

	// Secret is the name or the ARN of the secret, whose value is JSON such as
	// {"username": "canary", "password": "…"}.
	Secret string

	// Logger gets canary_ok or canary_failed for each run. The default is slog.Default().
	Logger *slog.Logger
}

// Canary tries the product. Make one with [New].
type Canary struct {
	secrets *secretsmanager.Client
	config  Config
	step    string // what the test did last
}

// New returns a Canary. It makes no call.
func New(secrets *secretsmanager.Client, c Config) *Canary {
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return &Canary{secrets: secrets, config: c}
}

// Run tries the product once, and changes the password if it is a day old. The error says at
// which step something was wrong. It contains no secret. Run logs it too.
func (c *Canary) Run(ctx context.Context) error {
	c.step = "the secret is read"
	changed, err := c.run(ctx)
	if err != nil {
		events.Log(ctx, c.config.Logger, "canary_failed", "user_id", c.config.UserID, "step", c.step, "error", err.Error())
		return err
	}
	events.Log(ctx, c.config.Logger, "canary_ok", "user_id", c.config.UserID, "password_changed", changed)
	return nil
}

// run changes the password in an order of which every part may be the last: the next password
// is put into the secret beside the current one; then the product gets it; then it becomes
// the current one. So the current password signs in, or the next one does.
func (c *Canary) run(ctx context.Context) (changed bool, err error) {
	current, err := c.read(ctx, &secretsmanager.GetSecretValueInput{VersionStage: aws.String("AWSCURRENT")})
	if err != nil {
		return false, err
	}
	err = c.testAs(current).Run(ctx)
	if errors.Is(err, smoketest.ErrRefused) {
		return true, c.finish(ctx, current, err)
	}
	if err != nil || time.Since(current.made) < changeAfter {
		return false, err
	}
	return true, c.change(ctx, current)
}

// finish ends a change that was cut short after the product had got the next password, if
// that is why the current one was refused.
func (c *Canary) finish(ctx context.Context, current version, refused error) error {
	next, err := c.readNext(ctx, current)
	if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		return refused
	}
	if err == nil {
		err = c.testAs(next).Run(ctx)
	}
	if err != nil {
		return err
	}
	return c.promote(ctx, current, next)
}

func (c *Canary) change(ctx context.Context, current version) error {
	c.step = "the next password is put into the secret"
	next, err := c.prepare(ctx, current)
	if err != nil {
		return err
	}
	if err := c.testAs(current).ChangePassword(ctx, next.value["password"]); err != nil {
		return err
	}
	return c.promote(ctx, current, next)
}

// version is one version of the secret.
type version struct {
	id    string
	made  time.Time
	value map[string]string
}

// nextID returns the ID of the version that comes after v. It follows from that of v. So there
// is one next password, also if a run was cut short before, or another one is under way.
func (v version) nextID() string {
	sum := sha256.Sum256([]byte("coatcheck canary v1\x00" + v.id))
	return hex.EncodeToString(sum[:])
}

func (c *Canary) testAs(v version) *smoketest.Test {
	return &smoketest.Test{
		URL: c.config.URL, UserID: c.config.UserID, Username: v.value["username"], Password: v.value["password"],
		Step: func(name string) { c.step = name },
	}
}

func (c *Canary) readNext(ctx context.Context, current version) (version, error) {
	return c.read(ctx, &secretsmanager.GetSecretValueInput{VersionId: aws.String(current.nextID())})
}

func (c *Canary) read(ctx context.Context, in *secretsmanager.GetSecretValueInput) (v version, err error) {
	in.SecretId = &c.config.Secret
	out, err := c.secrets.GetSecretValue(ctx, in)
	if err != nil {
		return v, fmt.Errorf("the secret cannot be read: %w", err)
	}
	v = version{id: aws.ToString(out.VersionId), made: aws.ToTime(out.CreatedDate)}
	if json.Unmarshal([]byte(aws.ToString(out.SecretString)), &v.value) != nil || v.value["username"] == "" || v.value["password"] == "" {
		return v, fmt.Errorf(`version %s of the secret is not JSON such as {"username": "canary", "password": "…"}`, v.id)
	}
	return v, nil
}

// prepare puts the next password into the secret, unless it is there.
func (c *Canary) prepare(ctx context.Context, current version) (version, error) {
	value, err := json.Marshal(map[string]string{"username": current.value["username"], "password": rand.Text()})
	if err != nil {
		return version{}, err
	}
	_, err = c.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &c.config.Secret, ClientRequestToken: aws.String(current.nextID()), SecretString: aws.String(string(value)), VersionStages: []string{"AWSPENDING"},
	})
	if exists := (*types.ResourceExistsException)(nil); err != nil && !errors.As(err, &exists) {
		return version{}, fmt.Errorf("the secret cannot be written: %w", err)
	}
	return c.readNext(ctx, current)
}

// promote makes next the current version. That it is so already is no error: the answer to an
// earlier try was lost.
func (c *Canary) promote(ctx context.Context, current, next version) error {
	c.step = "the next password becomes the current one"
	_, err := c.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &c.config.Secret, VersionStage: aws.String("AWSCURRENT"), RemoveFromVersionId: &current.id, MoveToVersionId: &next.id,
	})
	if err == nil {
		return nil
	}
	if now, unread := c.read(ctx, &secretsmanager.GetSecretValueInput{VersionStage: aws.String("AWSCURRENT")}); unread == nil && now.id == next.id {
		return nil
	}
	return fmt.Errorf("the secret's stage cannot be moved: %w", err)
}
