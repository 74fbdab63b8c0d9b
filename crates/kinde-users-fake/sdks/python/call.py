"""Makes calls with the official Python SDK and prints the outcome of each. It reads one call a line, as JSON.

    call.py HOST
    {"operation": "get_user_data", "parameters": {"id": "kp_1"}, "body": null}
"""

import inspect
import json
import sys

from kinde_sdk.management import ManagementClient
from kinde_sdk.management.management_token_manager import ManagementTokenManager

HOST = sys.argv[1]
users = ManagementClient(HOST, "id", "secret").users_api


def call(operation, parameters, body):
    if operation == "token":
        ManagementTokenManager(HOST, parameters.pop("client_id"), parameters.pop("client_secret")).request_new_token()
        return "unsupported" if parameters else "called"
    method = getattr(users, operation, None)
    if method is None:
        return "unsupported"
    names = [name for name in inspect.signature(method).parameters if not name.startswith("_")]
    arguments = {name: parameters[name] for name in names if name in parameters}
    if body is not None:
        (name,) = [name for name in names if name.endswith("_request")]
        arguments[name] = body
    method(**arguments)
    return "called"


for line in sys.stdin:
    try:
        outcome = call(**json.loads(line))
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    print(json.dumps(outcome), flush=True)
