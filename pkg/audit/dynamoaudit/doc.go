// Package dynamoaudit keeps the audit trail in a DynamoDB table of its own.
//
// This package may still change in ways that break programs.
package dynamoaudit
