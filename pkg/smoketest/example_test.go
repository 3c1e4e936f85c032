package smoketest_test

import (
	"context"
	"fmt"

	"example.com/coatcheck/pkg/smoketest"
)

func ExampleTest_Run() {
	test := &smoketest.Test{
		URL: "http://app.example.com", Username: "canary", Password: "nine plum otters juggle lanterns",
		Step: func(name string) { fmt.Println(name) },
	}
	fmt.Println(test.Run(context.Background()))
	// Output: the URL is "http://app.example.com"; a password goes over https only, or to http://localhost
}
