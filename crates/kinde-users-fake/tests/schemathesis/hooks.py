"""What Schemathesis needs to know about the tenant that it tests. `.ci/schemathesis` starts both.

Reads the line that the program announced from the variable KINDE_FAKE.
"""

import collections
import itertools
import json
import os
import urllib.parse
import urllib.request

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import RejectedPositiveData

from values import count, is_well_formed, plain

FAKE = json.loads(os.environ["KINDE_FAKE"])

# Refusals of requests that the description allows. The reason is the state of the users, or a
# closer check of an address, a number, a cursor or a scope than the description has, or a missing
# optional body without which the operation has nothing to do.
BY_STATE = {
    "BILLING_CUSTOMER_EXISTS",
    "BILLING_EMAIL_INVALID",
    "EMAIL_INVALID",
    "ENDING_BEFORE_INVALID",
    "ENDING_BEFORE_NOT_ALLOWED",
    "IDENTITY_ALREADY_EXISTS",
    "NEXT_TOKEN_INVALID",
    "PHONE_INVALID",
    "STARTING_AFTER_INVALID",
    "TYPE_REQUIRED",
    "USER_ALREADY_EXISTS",
    "USER_INVALID",
    "VALUE_INVALID",
    "VALUE_REQUIRED",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
}


def call(path, token=None, form=None):
    request = urllib.request.Request(FAKE["origin"] + path, form and urllib.parse.urlencode(form).encode())
    if token:
        request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


CREDENTIALS = {key: FAKE[key] for key in ("client_id", "client_secret", "audience")}
TOKEN = call("/oauth2/token", form={"grant_type": "client_credentials", **CREDENTIALS})["access_token"]
USERS = [user["id"] for user in call("/api/v1/users?page_size=500", TOKEN)["users"]]
MFA = {user: call(f"/api/v1/users/{user}/mfa", TOKEN).get("mfa") for user in USERS[:300]}

# Some users are there to be deleted, and some to lose their second factor. The others stay
# unchanged.
factors = iter([(user, factor["id"]) for user, factor in MFA.items() if factor])
doomed = iter(USERS[400:])
lasting = itertools.cycle(user for user in USERS[:400] if not MFA.get(user))
turns = collections.Counter()


@schemathesis.auth()
class Bearer:
    def get(self, case, context):
        return TOKEN

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Opens objects that the description closes for the sake of clients. The tenant ignores unknown keys, and treats
    null as an absent field."""

    def open_up(value):
        if isinstance(value, dict):
            # Only objects of requests are closed.
            if value.get("additionalProperties") is False:
                del value["additionalProperties"]
                for name in value["properties"].keys() - set(value.get("required", [])):
                    value["properties"][name] = {"anyOf": [value["properties"][name], {"type": "null"}]}
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                open_up(item)

    open_up(raw_schema)
    # Both forms are the same in a request, but the check `ignored_auth` knows only this one.
    raw_schema["components"]["securitySchemes"]["token"] = {"type": "http", "scheme": "bearer"}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Uses existing users in three of four requests whose other arguments are well-formed."""
    operation = case.operation.definition.raw["operationId"]
    turns[operation] += 1
    if is_well_formed(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        case.body = plain(case.body)
        if case.body.get("salt_position", "") is None:
            # This is the only field that another one requires, so null cannot replace it.
            case.body.pop("salt", None)
    if turns[operation] % 4 == 0:
        return
    if is_well_formed(case, ParameterLocation.PATH):
        case.path_parameters["user_id"] = next(lasting)
        if "factor_id" in case.path_parameters:
            case.path_parameters.update(zip(("user_id", "factor_id"), next(factors, ())))
    if is_well_formed(case, ParameterLocation.QUERY) and "id" in case.query:
        case.query["id"] = next(doomed, "") if operation == "delete_user" else next(lasting)
    if operation == "create_user_billing_customer" and is_well_formed(case, ParameterLocation.BODY):
        case.body["billing_email"] = "billing@example.com"
    if operation == "token" and is_well_formed(case, ParameterLocation.BODY):
        case.body.update(CREDENTIALS)
        case.body.pop("scope", None)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Accepts that the tenant refuses a valid request because of its state, but for no other reason. Accepts that it
    answers an invalid request if an empty query argument makes it invalid, because the tenant ignores such arguments."""
    if isinstance(failure, RejectedPositiveData):
        if case.operation.path == "/oauth2/token" and response.status_code == 404:
            # An unknown client gets no body.
            return False
        body = response.json()
        codes = {error["code"] for error in body["errors"]} if "errors" in body else {body["error"]}
        return not codes <= BY_STATE
    if isinstance(failure, AcceptedNegativeData):
        query = urllib.parse.urlsplit(response.request.url).query
        values = urllib.parse.parse_qsl(query, keep_blank_values=True)
        return all(part for _, value in values for part in value.split(","))
    return True


@schemathesis.hook
def after_call(context, case, response):
    count(case, response)
