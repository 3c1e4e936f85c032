// Package dynamoaudit keeps the audit trail in a DynamoDB table of its own.
//
// An entry is one item, usually under 500 bytes, so writing one costs one write unit, and
// a page of /activity one or a few read units.
//
// # The table
//
// It has the hash key user_id (S) and the range key key (S). TTL on expires_at is for
// cleaning up. In Go, [CreateTableInput] and [UpdateTimeToLiveInput] define it. In
// CloudFormation:
//
//	Trail:
//	  Type: AWS::DynamoDB::Table
//	  DeletionPolicy: Retain
//	  UpdateReplacePolicy: Retain
//	  Properties:
//	    BillingMode: PAY_PER_REQUEST
//	    DeletionProtectionEnabled: true
//	    AttributeDefinitions:
//	      - { AttributeName: user_id, AttributeType: S }
//	      - { AttributeName: key, AttributeType: S }
//	    KeySchema:
//	      - { AttributeName: user_id, KeyType: HASH }
//	      - { AttributeName: key, KeyType: RANGE }
//	    TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
//
// With a stream (StreamViewType: NEW_IMAGE) other programs can read along.
//
// # Permissions
//
// Who writes the trail should not read it, and who reads it should not write it. So there is
// one type for each, and a [Store] only for operators:
//
//	Writer.Append             dynamodb:PutItem
//	Reader.List, Reader.Check dynamodb:Query
//	Store.All                 dynamodb:Scan
//
// A put returns what it replaces if it asks for that. So allow PutItem on one condition:
//
//	Effect: Allow
//	Action: dynamodb:PutItem
//	Resource: !GetAtt Trail.Arn
//	Condition:
//	  StringEquals: { dynamodb:ReturnValues: NONE }
//
// PutItem can write over an item whose key it knows. Of the key, 128 bits are random, and are
// told nobody who may not read the trail. No policy allows an item to be added and not to be
// replaced, so this is what keeps a program that was broken into from what is there already.
// It can still add entries that are not true.
//
// # The client
//
// Make the client with dynamostore.ClientOptions, so that a call that hangs is tried again
// before the time of a request is over. A retry is harmless: a [Writer] takes a put that
// finds its own item as done.
//
// # The items
//
// Programs in other languages may read them:
//
//	user_id               S        whose account or session it is about
//	key                   S        when, and the entry's ID: 2026-11-27T12:30:45.678Z#n4bQgYhMfWWaL-qgxVrQFa
//	event                 S        the name of its kind in package events
//	session_id, ip,
//	user_agent, reason,
//	actor                 S        may be empty; see audit.Entry
//	details               M of S   optional; the other attributes of the event
//	expires_at            N        Unix seconds; from then on the entry counts as not there
//
// This package may still change in ways that break programs.
package dynamoaudit
