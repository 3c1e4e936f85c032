// Package dynamostore keeps sessions in a DynamoDB table.
//
// A session is one item, usually under 500 bytes, so a read costs one read unit and a
// write one write unit. TTL may remove an item days late (AWS: "Using time to live in
// DynamoDB"), but no answer depends on it.
//
// # The table
//
// It has the hash key owner (S) and the range key id (S). TTL on expires_at is for
// cleaning up. In Go, [CreateTableInput] and [UpdateTimeToLiveInput] define it. In
// CloudFormation:
//
//	Sessions:
//	  Type: AWS::DynamoDB::Table
//	  Properties:
//	    BillingMode: PAY_PER_REQUEST
//	    AttributeDefinitions:
//	      - { AttributeName: owner, AttributeType: S }
//	      - { AttributeName: id, AttributeType: S }
//	    KeySchema:
//	      - { AttributeName: owner, KeyType: HASH }
//	      - { AttributeName: id, KeyType: RANGE }
//	    TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
//
// In Terraform:
//
//	resource "aws_dynamodb_table" "sessions" {
//	  name         = "sessions"
//	  billing_mode = "PAY_PER_REQUEST"
//	  hash_key     = "owner"
//	  range_key    = "id"
//
//	  attribute {
//	    name = "owner"
//	    type = "S"
//	  }
//
//	  attribute {
//	    name = "id"
//	    type = "S"
//	  }
//
//	  ttl {
//	    attribute_name = "expires_at"
//	    enabled        = true
//	  }
//	}
//
// If the table is lost, users only have to sign in again. A restored backup has sessions
// that were ended since: set [session.Config.NotBefore] then.
//
// # Permissions
//
// A Store needs five IAM actions on the table, and a program only those of the methods
// of [session.Manager] that it calls:
//
//	Load, LoadForwarded              dynamodb:GetItem, dynamodb:UpdateItem
//	Require, Optional                dynamodb:GetItem, dynamodb:UpdateItem
//	RequireRole, RequireRecent       dynamodb:GetItem, dynamodb:UpdateItem
//	Create                           dynamodb:PutItem, dynamodb:Query, dynamodb:DeleteItem
//	Update, Renew                    dynamodb:UpdateItem, dynamodb:GetItem
//	Reauthenticate, ReauthenticateAt dynamodb:UpdateItem, dynamodb:GetItem
//	ReauthenticateAlone              dynamodb:UpdateItem, dynamodb:GetItem, dynamodb:Query, dynamodb:DeleteItem
//	Destroy, Redeem                  dynamodb:DeleteItem
//	Revoke, RevokeKey                dynamodb:DeleteItem
//	List                             dynamodb:Query
//	RevokeAll                        dynamodb:Query, dynamodb:DeleteItem
//
// With [session.Config.BeforeEnding], Destroy needs dynamodb:GetItem too. Without UpdateItem,
// Load works too, but no use extends the idle timeout, and each
// request that should have done so logs a warning.
//
// # The client
//
// [ClientOptions] has the settings that the Lambda functions of this module use: short
// timeouts and a fast first retry, so that a store that hangs is an outage before the
// time of a request is over. Package dynamoconfig makes such a client, and the sessions on
// it, from environment variables. [Store.Check] opens the connection before the first
// request, so that no user waits for it.
//
// # The items
//
// Programs in other languages may read them:
//
//	owner, id                     S    key: session.Key
//	secret, previous_secret       B    SHA-256 of a token's 43 secret characters; 32 bytes
//	user_id, ip, user_agent       S
//	last_ip, last_user_agent      S    optional; of the last touch, empty if they are as at login
//	roles                         L of S
//	values                        M of S
//	created_at                    N    Unix milliseconds
//	authenticated_at,
//	last_seen_at, expires_at      N    Unix seconds; at expires_at the session is dead
//	ends_at                       N    optional; Unix seconds; the session ends then, however much it is used
//	persistent                    BOOL optional, absent means false; has the limits of persistent sessions
//	version                       N    63 random bits, new on every Update
package dynamostore
