"""Tests every Users operation of the official Python SDK, unmodified, against kinde-users-fake.

ANNOUNCED names a file with the line that the program printed, which was started with --tls --users
25. OFFSETS=full means that it was started with --choose short-offsets=false too. The certificate
comes from the environment, as a user would configure it: SSL_CERT_FILE for the calls,
REQUESTS_CA_BUNDLE for the token.
"""

import inspect
import json
import os
import sys
import unittest

from kinde_sdk.management import ManagementClient
from kinde_sdk.management.api import UsersApi
from kinde_sdk.management.exceptions import BadRequestException, NotFoundException
from pydantic import ValidationError

with open(os.environ["ANNOUNCED"], encoding="utf-8") as file:
    ANNOUNCED = json.load(file)
HOST = ANNOUNCED["origin"].removeprefix("https://")
BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

# The operations that returned a value which the SDK's own models accepted.
succeeded = set()
known_failures = []


class Counted:
    """The SDK's UsersApi, which records the operations that succeeded."""

    def __init__(self, api):
        self._api = api

    def __getattr__(self, name):
        method = getattr(self._api, name)

        def call(*args, **kwargs):
            reply = method(*args, **kwargs)
            # The SDK returns None for a status that it does not expect.
            assert reply is not None, name
            succeeded.add(name)
            return reply

        return call


users = Counted(ManagementClient(HOST, ANNOUNCED["client_id"], ANNOUNCED["client_secret"]).users_api)


def seeded(email):
    """Returns a user that existed at the start."""
    (user,) = users.get_users(email=email).users
    return user.id


def new_user(name):
    identity = {"type": "email", "details": {"email": f"{name}@example.org"}}
    return users.create_user({"identities": [identity]}).id


class Users(unittest.TestCase):
    def assert_done(self, reply):
        self.assertEqual((reply.code, reply.message), ("OK", "Success"))

    def test_a_created_user_has_all_given_values(self):
        created = users.create_user(
            {
                "profile": {"given_name": "Ada", "family_name": "Lovelace", "picture": "https://example.org/a.png"},
                "organization_code": "org_1ccfb819462",
                "provided_id": "external-ada",
                "identities": [
                    {"type": "email", "is_verified": True, "details": {"email": "ada@example.org"}},
                    {"type": "username", "details": {"username": "ada"}},
                    {"type": "phone", "details": {"phone": "+61400000100", "phone_country_id": "au"}},
                ],
            }
        )
        self.assertIs(created.created, True)
        self.assertEqual([(i.type, i.result.created) for i in created.identities],
                         [("email", True), ("username", True), ("phone", True)])

        user = users.get_user_data(created.id, expand="organizations,identities,billing")
        self.assertEqual(user.id, created.id)
        self.assertEqual((user.first_name, user.last_name), ("Ada", "Lovelace"))
        self.assertEqual(user.picture, "https://example.org/a.png")
        self.assertEqual((user.preferred_email, user.username, user.phone), ("ada@example.org", "ada", "+61400000100"))
        self.assertEqual(user.provided_id, "external-ada")
        self.assertEqual(user.organizations, ["org_1ccfb819462"])
        self.assertEqual([(i.type, i.identity) for i in user.identities],
                         [("email", "ada@example.org"), ("username", "ada"), ("phone", "+61400000100")])
        self.assertEqual((user.is_suspended, user.total_sign_ins, user.last_signed_in), (False, 0, None))

        filters = {"email": "ada@example.org", "username": "ada", "phone": "+61400000100", "user_id": user.id}
        for name, value in filters.items():
            self.assertEqual([u.id for u in users.get_users(**{name: value}).users], [user.id], name)

    def test_pages_hold_every_user_once(self):
        seen, token = [], None
        for _ in range(100):
            page = users.get_users(page_size=10, next_token=token)
            self.assertEqual((page.code, page.message), ("OK", "Success"))
            self.assertLessEqual(len(page.users), 10)
            seen += page.users
            token = page.next_token
            if token is None:
                break
        ids = [user.id for user in seen]
        self.assertIsNone(token)
        self.assertGreaterEqual(len(ids), 25)
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual([u.email for u in seen[:25]], [f"user{n}@example.com" for n in range(25)])
        self.assertEqual(ids, [user.id for user in users.get_users(page_size=500).users])

    def test_expanded_parts_come_with_a_page(self):
        page = users.get_users(email="user1@example.com,user3@example.com", expand="organizations,identities,billing")
        first, third = page.users
        self.assertEqual((first.first_name, first.last_name), ("Terry", "Okafor"))
        self.assertEqual((third.first_name, third.last_name), ("Zoë", "Nguyễn"))
        self.assertEqual(first.organizations, ["org_00000000001"])
        self.assertEqual([s.org_code for s in first.last_organization_sign_ins], ["org_00000000001"])
        self.assertEqual([i.identity for i in first.identities], ["user1@example.com", "+61400000001"])
        unknown = users.get_users(email="unknown@example.org")
        self.assertIsNone(unknown.users)
        self.assertIsNone(unknown.next_token)

    def test_an_update_changes_only_the_given_fields(self):
        id = new_user("grace")
        users.update_user(id, {"family_name": "Hopper"})
        reply = users.update_user(
            id, {"given_name": "Grace", "is_suspended": True, "is_password_reset_requested": True, "provided_id": "g"}
        )
        self.assertEqual((reply.id, reply.email), (id, "grace@example.org"))
        self.assertEqual((reply.given_name, reply.family_name), ("Grace", "Hopper"))
        self.assertEqual((reply.is_suspended, reply.is_password_reset_requested), (True, True))
        user = users.get_user_data(id)
        self.assertEqual((user.first_name, user.last_name), ("Grace", "Hopper"))
        self.assertEqual((user.is_suspended, user.provided_id), (True, "g"))

    def test_a_deleted_user_is_gone(self):
        id = new_user("gone")
        self.assert_done(users.delete_user(id, is_delete_profile=True))
        with self.assertRaises(BadRequestException) as refused:
            users.get_user_data(id)
        self.assertEqual([error.code for error in refused.exception.data.errors], ["USER_INVALID"])
        self.assertIsNone(users.get_users(email="gone@example.org").users)

    def test_identities_are_added_and_paged_through(self):
        id = new_user("many")
        added = []
        for n in range(11):
            reply = users.create_user_identity(id, {"type": "username", "value": f"many{n}"})
            self.assert_done(reply)
            added.append(reply.identity.id)
        first = users.get_user_identities(id)
        self.assertIs(first.has_more, True)
        self.assertEqual(len(first.identities), 10)
        email = first.identities[0]
        self.assertEqual((email.type, email.name, email.email), ("email", "many@example.org", "many@example.org"))
        self.assertIs(email.is_primary, True)
        rest = users.get_user_identities(id, starting_after=first.identities[-1].id)
        self.assertIs(rest.has_more, False)
        self.assertEqual([i.id for i in first.identities[1:] + rest.identities], added)
        self.assertEqual([i.name for i in rest.identities], ["many9", "many10"])
        back = users.get_user_identities(id, ending_before=rest.identities[0].id)
        self.assertEqual([i.id for i in back.identities], [i.id for i in first.identities])

    def test_properties_are_set_one_by_one_and_together(self):
        id = new_user("props")
        self.assert_done(users.update_user_property(id, "kp_usr_city", "Bendigo"))
        self.assert_done(users.update_user_properties(id, {"properties": {"kp_usr_industry": "Music", "paid": "true"}}))
        reply = users.get_user_property_values(id)
        self.assert_done(reply)
        self.assertIsNone(reply.next_token)
        self.assertEqual({p.key: p.value for p in reply.properties},
                         {"kp_usr_city": "Bendigo", "kp_usr_industry": "Music", "paid": "true"})

    def test_second_factors_are_shown_and_reset_one_by_one_or_all(self):
        for email, reset in [
            ("user3@example.com", lambda id, factor: users.reset_users_mfa(id, factor)),
            ("user10@example.com", lambda id, factor: users.reset_users_mfa_all(id)),
        ]:
            id = seeded(email)
            factor = users.get_users_mfa(id).mfa
            self.assertRegex(factor.id, "^mfa_[0-9a-f]{32}$")
            self.assertEqual((factor.type, factor.name, factor.is_verified), ("email", email, True))
            self.assertEqual(factor.created_on.utcoffset().total_seconds(), 11 * 3600)
            self.assert_done(reset(id, factor.id))
            self.assertIsNone(users.get_users_mfa(id).mfa)

    def test_sessions_are_ended(self):
        id = seeded("user17@example.com")
        if os.environ.get("OFFSETS") == "full":
            (session,) = users.get_user_sessions(id).sessions
            self.assertEqual((session.user_id, session.client_id), (id, ANNOUNCED["client_id"]))
            self.assertEqual(session.updated_on.utcoffset().total_seconds(), 11 * 3600)
        else:
            self.short_offsets_are_refused(id)

        self.assert_done(users.delete_user_sessions(id))
        reply = users.get_user_sessions(id)
        self.assert_done(reply)
        self.assertEqual((reply.sessions, reply.has_more), ([], False))

    def short_offsets_are_refused(self, id):
        """A defect of the SDK: its model refuses an offset without minutes, the form of Kinde's own examples."""
        with self.assertRaises(ValidationError) as refused:
            users.get_user_sessions(id)
        (error,) = refused.exception.errors()
        self.assertEqual((error["loc"], error["type"]), (("updated_on",), "datetime_from_date_parsing"))
        self.assertRegex(error["input"], r"T\d\d:\d\d:\d\d\+11$")
        known_failures.append(f"get_user_sessions does not take {error['input']} for a timestamp")
        # The raw reply has the offset.
        raw = json.loads(users.get_user_sessions_without_preload_content(id).data)
        (session,) = raw["sessions"]
        self.assertEqual((session["user_id"], session["client_id"]), (id, ANNOUNCED["client_id"]))

    def test_write_only_operations_affect_only_this_user(self):
        id = new_user("blind")
        password = {"hashed_password": BCRYPT, "hashing_method": "bcrypt", "is_temporary_password": True}
        for call in [
            lambda id: users.set_user_password(id, password),
            lambda id: users.update_user_feature_flag_override(id, "beta", "true"),
            lambda id: users.refresh_user_claims(id),
        ]:
            self.assert_done(call(id))
            with self.assertRaises(BadRequestException) as refused:
                call("kp_nobody")
            self.assertEqual([error.code for error in refused.exception.data.errors], ["USER_INVALID"])
        with self.assertRaises(BadRequestException) as refused:
            users.set_user_password(id, {"hashed_password": "x", "hashing_method": "pbkdf2"})
        self.assertEqual({error.code for error in refused.exception.data.errors}, {"SALT_REQUIRED", "VARIANT_REQUIRED"})

    def test_a_billing_customer_is_created_once(self):
        id = new_user("payer")
        customer = {"org_code": "org_1ccfb819462", "billing_email": "payer@example.org"}
        created = users.create_user_billing_customer(id, customer)
        self.assert_done(created)
        self.assertEqual(users.get_user_data(id, expand="billing").billing.customer_id, created.billing_customer.id)
        with self.assertRaises(BadRequestException) as refused:
            users.create_user_billing_customer(id, customer)
        self.assertEqual([error.code for error in refused.exception.data.errors], ["BILLING_CUSTOMER_EXISTS"])

    def test_errors_come_as_the_exceptions_of_the_sdk(self):
        with self.assertRaises(NotFoundException) as missing:
            users.reset_users_mfa(new_user("factorless"), "mfa_none")
        self.assertEqual(missing.exception.data.errors.code, "MFA_NOT_FOUND")
        with self.assertRaisesRegex(Exception, "Token request failed .* 404"):
            ManagementClient(HOST, "other", "wrong").users_api.get_users()


def operations():
    """Returns the SDK's operations. Each has two more methods: for the reply with its headers, and for the raw reply."""
    names = (name for name, _ in inspect.getmembers(UsersApi, inspect.isfunction) if not name.startswith("_"))
    return {name for name in names if not name.endswith(("_with_http_info", "_without_preload_content"))}


if __name__ == "__main__":
    outcome = unittest.main(exit=False).result
    for failure in known_failures:
        print(f"known failure of the SDK: {failure}")
    missing = operations() - succeeded
    if missing:
        print(f"never succeeded: {', '.join(sorted(missing))}", file=sys.stderr)
    print(f"operations: {len(operations() & succeeded)}")
    sys.exit(not outcome.wasSuccessful() or bool(missing))
