package bridge_test

import (
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }
