package samtemplate

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table is one DynamoDB table.
type Table struct {
	// TTL is the attribute that tells DynamoDB when an item expires. It is empty if
	// DynamoDB does not remove expired items.
	TTL string

	keys       []types.KeySchemaElement
	attributes []types.AttributeDefinition
}

// CreateInput returns the input of a call that creates the table under the given
// name, with on-demand billing and without TTL. It has no backups, no encryption and
// no deletion protection, because a program that uses the items cannot see these.
func (t Table) CreateInput(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName:            &name,
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            slices.Clone(t.keys),
		AttributeDefinitions: slices.Clone(t.attributes),
	}
}

// TTLInput returns the input of a call that turns on the TTL of the table with the
// given name. t.TTL must not be empty.
func (t Table) TTLInput(name string) *dynamodb.UpdateTimeToLiveInput {
	return &dynamodb.UpdateTimeToLiveInput{
		TableName: &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: &t.TTL,
			Enabled:       new(true),
		},
	}
}

// Create creates the table under the given name, with its TTL, in a local DynamoDB.
// If the table exists already, Create does not change it, and created is false.
func (t Table) Create(ctx context.Context, client *dynamodb.Client, name string) (created bool, err error) {
	_, err = client.CreateTable(ctx, t.CreateInput(name))
	if _, ok := errors.AsType[*types.ResourceInUseException](err); ok {
		return false, nil
	}
	if err == nil && t.TTL != "" {
		_, err = client.UpdateTimeToLive(ctx, t.TTLInput(name))
	}
	return err == nil, err
}

// ignoredProperties are the properties of a table that this package knows but does not
// need.
var ignoredProperties = []string{
	"BillingMode", "DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "SSESpecification", "StreamSpecification", "TableName", "Tags",
}

type key struct {
	Name literal `yaml:"AttributeName"`
	Type literal `yaml:"KeyType"`
}

type attribute struct {
	Name literal `yaml:"AttributeName"`
	Type literal `yaml:"AttributeType"`
}

type timeToLive struct {
	Name    literal `yaml:"AttributeName"`
	Enabled bool    `yaml:"Enabled"`
}

func readTable(p properties) (Table, error) {
	var keys []key
	var attributes []attribute
	var ttl timeToLive
	err := errors.Join(
		p.known(append(ignoredProperties, "KeySchema", "AttributeDefinitions", "TimeToLiveSpecification")...),
		p.load("KeySchema", &keys),
		p.load("AttributeDefinitions", &attributes),
		p.load("TimeToLiveSpecification", &ttl),
	)
	switch {
	case err != nil:
		return Table{}, err
	case len(keys) == 0 || len(attributes) == 0:
		return Table{}, errors.New("KeySchema or AttributeDefinitions is missing")
	case ttl.Enabled && ttl.Name == "":
		return Table{}, errors.New("in TimeToLiveSpecification: AttributeName is missing")
	}
	var t Table
	for _, k := range keys {
		t.keys = append(t.keys, types.KeySchemaElement{AttributeName: new(string(k.Name)), KeyType: types.KeyType(k.Type)})
	}
	for _, a := range attributes {
		t.attributes = append(t.attributes, types.AttributeDefinition{
			AttributeName: new(string(a.Name)), AttributeType: types.ScalarAttributeType(a.Type),
		})
	}
	if ttl.Enabled {
		t.TTL = string(ttl.Name)
	}
	return t, nil
}
