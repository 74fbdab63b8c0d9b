"""How to test a program with pytest and kinde-python-sdk. Each test has a tenant of its own, so tests
can run at the same time.

    cargo install --path crates/kinde-users-fake --features server
    pip install kinde-python-sdk pytest
    pytest test_with_tenants.py

KINDE_USERS_FAKE is the path of the program kinde-users-fake if it is not on the PATH. ANNOUNCED is
a file with the line of a program that already runs, if all tests are to use that one.
"""

import json
import os
import ssl
import subprocess
import urllib.request

import pytest
from kinde_sdk.management import ManagementClient
from kinde_sdk.management.exceptions import ServiceException, UnauthorizedException

# ---- Your program, which gets its client from outside -----------------------


def sign_up(client, email):
    """Creates a user, and returns their id."""
    try:
        return client.users_api.create_user(
            {"identities": [{"type": "email", "details": {"email": email}}]}
        ).id
    except UnauthorizedException:
        # The token ended earlier than the SDK thinks. The request had no effect.
        client.token_manager.clear_tokens()
        return sign_up(client, email)
    except ServiceException:
        # The request may have had its effect.
        found = client.users_api.get_users(email=email).users
        return found[0].id if found else sign_up(client, email)


# ---- The fixtures -----------------------------------------------------------


class Control:
    """The control routes of a tenant."""

    def __init__(self, announced):
        self.announced = announced

    def __call__(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.announced['origin']}/_fake{path}", body and json.dumps(body).encode(), method=method
        )
        # The SDK reads the certificate from the environment too.
        trusted = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        with urllib.request.urlopen(request, timeout=10, context=trusted) as response:
            return json.load(response)

    def client(self):
        """Returns a client of the SDK, which supports only HTTPS."""
        host = self.announced["origin"].removeprefix("https://")
        return ManagementClient(host, self.announced["client_id"], self.announced["client_secret"])


@pytest.fixture(scope="session")
def fake():
    """The program, for all tests."""
    if "ANNOUNCED" in os.environ:
        with open(os.environ["ANNOUNCED"], encoding="utf-8") as file:
            yield Control(json.load(file))
        return
    program = [os.environ.get("KINDE_USERS_FAKE", "kinde-users-fake"), "--tls"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as running:
        announced = json.loads(running.stdout.readline())
        os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = announced["ca"]
        yield Control(announced)
        running.terminate()


@pytest.fixture
def tenant(fake):
    """A tenant with two users, for one test."""
    users = [
        {"id": "kp_sally", "email": "sally@example.com"},
        {"id": "kp_terry", "email": "terry@example.com", "mfa": [{"type": "sms", "name": "+61412345678"}]},
    ]
    opened = fake("POST", "/tenants", {"users": users})
    yield Control(opened)
    fake("DELETE", f"/tenants/{opened['id']}")


# ---- The tests --------------------------------------------------------------


def test_sign_up_survives_a_lost_reply_and_an_old_token(tenant):
    client = tenant.client()
    assert len(client.users_api.get_users().users) == 2

    # The next create takes effect, and then the service fails.
    fault = {"operation": "create_user", "fault": {"kind": "server_error"}, "after_the_effect": True}
    tenant("POST", "/faults", fault)
    ada = sign_up(client, "ada@example.com")
    # The token that the SDK has is no longer valid.
    tenant("POST", "/clock", {"advance_seconds": 90_000})
    ben = sign_up(client, "ben@example.com")

    assert [user["id"] for user in tenant("GET", "/users")["users"]] == ["kp_sally", "kp_terry", ada, ben]
    sent = tenant("GET", "/requests?operation=create_user&masked=false")["requests"]
    outcomes = [(request["status"], request["took_effect"]) for request in sent]
    assert outcomes == [(500, True), (401, False), (200, True)]
    assert json.loads(sent[0]["body"])["identities"][0]["details"]["email"] == "ada@example.com"

    tenant("POST", "/reset")
    assert [user["id"] for user in tenant("GET", "/users")["users"]] == ["kp_sally", "kp_terry"]
    assert tenant("GET", "/requests")["count"] == 0


def test_user_changes_behind_the_program(tenant):
    client = tenant.client()
    assert client.users_api.get_users_mfa("kp_terry").mfa.type == "sms"
    tenant("PATCH", "/users/kp_terry", {"mfa": [], "is_suspended": True})
    assert client.users_api.get_users_mfa("kp_terry").mfa is None
    assert client.users_api.get_user_data("kp_terry").is_suspended is True
