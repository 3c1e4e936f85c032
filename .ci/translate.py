"""Prints what CloudFormation makes of template.yaml: SAM's own translation.

cfn-lint then checks the roles, permissions and routes that SAM adds.
"""

import json
import os

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """We use none by name, so none needs to be looked up in an account."""

    def load(self):
        return {}


os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")  # any will do
with open("template.yaml") as file:
    template = yaml_parse(file)
# sam deploy puts the code there.
template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code.zip"
print(json.dumps(transform(template, {}, NoManagedPolicies()), indent=2))
