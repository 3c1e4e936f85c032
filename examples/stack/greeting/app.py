"""A Lambda function behind Coatcheck's authorizer. It knows nothing of sessions."""

import json


def handler(event, context):
    """Answers with what the authorizer says of the caller. All its values are strings."""
    who = event["requestContext"].get("authorizer", {}).get("lambda")
    if not who:  # the route has no authorizer
        return answer(401, {"title": "Unauthorized", "status": 401}, {"Www-Authenticate": "Cookie"})
    roles = json.loads(who["roles"])  # a JSON array
    return answer(200, {"greeting": f"Hello, {who['user_id']}", "roles": roles, "signed_in_at": who["authenticated_at"]})


def answer(status, body, more=()):
    """The answer that an HTTP API expects. No cache may keep what is for one user."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **dict(more)}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
