"""Prints the CloudFormation template that SAM makes from the template that is given, with the parameters given as NAME=VALUE.

cfn-lint then checks the roles, permissions and routes that SAM adds.
"""

import json
import os
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The template names no managed policy, so none must be loaded from an account."""

    def load(self):
        return {}


os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")  # any region works
with open(sys.argv[1]) as file:
    template = yaml_parse(file)
# sam deploy replaces CodeUri with the place of the uploaded code.
if "Globals" in template:
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code.zip"
parameters = dict(pair.split("=", 1) for pair in sys.argv[2:])
print(json.dumps(transform(template, parameters, NoManagedPolicies()), indent=2))
