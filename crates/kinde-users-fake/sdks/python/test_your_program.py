"""How to test a program that uses kinde-python-sdk, with no account and no network.

    cargo install --path crates/kinde-users-fake --features server
    pip install kinde-python-sdk
    python -m unittest test_your_program

KINDE_USERS_FAKE is the path of the program kinde-users-fake if it is not on the PATH.
"""

import json
import os
import subprocess
import unittest

from kinde_sdk.management import ManagementClient

# ---- Your program, which gets its client from outside -----------------------


def lock_out(client, email):
    """Suspends the user with this address and signs them out everywhere. Returns their id."""
    found = client.users_api.get_users(email=email).users
    if not found:
        raise LookupError("no user has this address")
    id = found[0].id
    client.users_api.update_user(id, {"is_suspended": True})
    client.users_api.delete_user_sessions(id)
    return id


# ---- Its tests --------------------------------------------------------------


class LockOut(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Users 0 to 24 have the addresses user<n>@example.com; user 3 is signed in. The SDK
        # supports only HTTPS.
        program = os.environ.get("KINDE_USERS_FAKE", "kinde-users-fake")
        fake = subprocess.Popen([program, "--tls", "--users", "25"], stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(fake.stdout.close)
        cls.addClassCleanup(fake.wait)
        cls.addClassCleanup(fake.terminate)
        announced = json.loads(fake.stdout.readline())
        # The SDK gets its tokens with requests and makes its calls with urllib3. Each has its own
        # variable.
        for variable in ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"]:
            os.environ[variable] = announced["ca"]
        host = announced["origin"].removeprefix("https://")
        cls.client = ManagementClient(host, announced["client_id"], announced["client_secret"])

    def test_the_user_is_suspended_and_signed_out(self):
        id = lock_out(self.client, "user3@example.com")
        self.assertIs(self.client.users_api.get_user_data(id).is_suspended, True)
        self.assertEqual(self.client.users_api.get_user_sessions(id).sessions, [])

    def test_others_are_left_alone(self):
        lock_out(self.client, "user4@example.com")
        (other,) = self.client.users_api.get_users(email="user5@example.com").users
        self.assertIs(other.is_suspended, False)

    def test_unknown_address_is_an_error(self):
        with self.assertRaises(LookupError):
            lock_out(self.client, "unknown@example.com")


if __name__ == "__main__":
    unittest.main()
