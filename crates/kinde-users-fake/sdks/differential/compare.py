"""Compares what this project's client sends with what the official SDKs send for the same call.

    compare.py VECTORS DIFFERENCES NAME=COMMAND...

VECTORS is the folder of the request vectors, which another test compares byte for byte with the
client. Each COMMAND calls an SDK (see call.py and call.mjs). It is run with the host of a server
that records what arrives.

Every difference in meaning has to be listed in DIFFERENCES, and every listed difference has to
occur. The file lists for each SDK and each part of a request: the cases by name (`*` stands for any
text), the reason, and examples of what the SDK sends. Three parts are about the whole call: `sent`
(the SDK sends what we refuse), `refused` (the SDK refuses what we send) and `unsupported` (the SDK
has no such call or argument).
"""

import base64
import fnmatch
import http.server
import json
import os
import pathlib
import queue
import re
import shlex
import ssl
import subprocess
import sys
import threading
import time
import typing
from urllib.parse import parse_qsl, quote, unquote

import trustme

# How long an SDK may take for a call, in seconds.
PATIENCE = 30
# For these operations, the arguments that are not in the path or the query are the body.
WITH_BODY = {
    "create_user",
    "create_user_billing_customer",
    "create_user_identity",
    "set_user_password",
    "update_user",
    "update_user_properties",
}


# ---- A server that records --------------------------------------------------


class Recorder(http.server.BaseHTTPRequestHandler):
    """Accepts any request of any length and answers it with a token or an empty object."""

    protocol_version = "HTTP/1.1"
    # Otherwise, a client that keeps its connection open would wait for the second packet of each
    # reply.
    disable_nagle_algorithm = True

    def handle_one_request(self):
        self.raw_requestline = self.rfile.readline(1 << 20)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        # `parse_request` normalises the target, but the comparison needs it as it came.
        target = self.raw_requestline.decode("latin-1").split()[1]
        self.server.recorded.put(Request(self.command, target, dict(self.headers.items()), body))
        reply = json.dumps(self.server.token_reply if target == "/oauth2/token" else {}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, authority):
        super().__init__(("127.0.0.1", 0), Recorder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        # The thread of the connection performs the handshake with its first read.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.recorded = queue.SimpleQueue()
        claims = {"aud": [f"https://{self.host}/api"], "exp": int(time.time()) + 86_400}
        parts = [{"alg": "RS256"}, claims, {}]
        self.token = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
        self.token_reply = {"access_token": self.token, "token_type": "bearer", "expires_in": 86_400}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self):
        """Returns the requests since the last call."""
        taken = []
        while not self.recorded.empty():
            taken.append(self.recorded.get())
        return taken


# ---- What a request means ---------------------------------------------------


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.body = method, target, body
        self.headers = {name.lower(): value for name, value in headers.items()}

    def __str__(self):
        text = f"{self.method} {self.target}"
        return f"{text} {self.body.decode()}" if self.body else text

    def meaning(self):
        """Returns the meaning of each part: a server does not distinguish two requests with the same meaning."""
        path, _, query = self.target.partition("?")
        media_type = self.headers.get("content-type", "").partition(";")[0].strip()
        body = self.body.decode()
        if media_type == "application/json" and body:
            # As text, because `True == 1` in Python.
            body = json.dumps(json.loads(body), sort_keys=True)
        elif media_type == "application/x-www-form-urlencoded":
            # The order of the pairs does not matter.
            body = sorted(parse_qsl(body, keep_blank_values=True))
        return {
            "method": self.method,
            # Segments are decoded one by one, so that an encoded slash does not separate segments.
            "path": [unquote(segment) for segment in path.split("/")],
            "query": parse_qsl(query, keep_blank_values=True),
            "authorization": self.headers.get("authorization"),
            "accept": self.headers.get("accept"),
            "content-type": media_type,
            "content-length": self.headers.get("content-length"),
            "body": body,
        }


def of_vector(vector, token):
    """Returns the request of this project's client, or None if it refuses the arguments."""
    if "refused" in vector:
        return None
    headers = {"accept": "application/json", "authorization": f"Bearer {token}"}
    body = b""
    if "body" in vector:
        headers["content-type"] = "application/json"
        body = json.dumps(vector["body"]).encode()
    elif vector["method"] in ("POST", "PUT", "PATCH"):
        headers["content-length"] = "0"
    return Request(vector["method"], vector["target"], headers, body)


def of_token_vector(vector, host):
    """Returns the request for a token, from this tenant instead of the vector's."""
    headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
    body = vector["body"].replace(f"{vector['domain']}.kinde.com", quote(host))
    return Request("POST", "/oauth2/token", headers, body.encode())


# ---- The cases --------------------------------------------------------------


def expanded(arguments):
    """Expands {"$repeat": ["a", 3]} to "aaa"."""
    if isinstance(arguments, dict):
        if "$repeat" in arguments:
            text, times = arguments["$repeat"]
            return text * times
        return {key: expanded(value) for key, value in arguments.items()}
    if isinstance(arguments, list):
        return [expanded(item) for item in arguments]
    return arguments


def call_of(operation, vector):
    """Returns the call in the form that call.py and call.mjs read."""
    if operation == "token":
        of_test = {"name", "domain", "body"}
        parameters = {key: value for key, value in vector.items() if key not in of_test}
        return {"operation": operation, "parameters": parameters, "body": None}
    parameters, body = expanded(vector["arguments"]), None
    if operation in WITH_BODY:
        ids = {"id", "user_id"}
        body = {key: value for key, value in parameters.items() if key not in ids}
        parameters = {key: value for key, value in parameters.items() if key in ids}
        if operation == "create_user" and not body:
            # The body is optional there, and a caller without data gives none.
            body = None
    # The SDKs expect callers to join lists.
    parameters = {key: ",".join(value) if isinstance(value, list) else value for key, value in parameters.items()}
    return {"operation": operation, "parameters": parameters, "body": body}


def cases(folder):
    """Yields the name of each case, the call, and the vector."""
    for file in sorted(folder.glob("*.json")):
        for vector in json.loads(file.read_text(encoding="utf-8")).get("requests", []):
            yield f"{file.stem}/{vector['name']}", call_of(file.stem, vector), vector


class Seen(typing.NamedTuple):
    """The outcome of a call with an SDK. A request is None if there was none."""

    outcome: str
    ours: Request | None
    theirs: Request | None
    parts: set[str]


class Sdk:
    """An SDK in its own process."""

    def __init__(self, command, host, ca):
        # The SDK trusts the server through the environment, as a user would configure it.
        variables = {name: ca for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([*shlex.split(command), host], env={**os.environ, **variables}, **pipes)

    def call(self, call):
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.start()
        try:
            self.process.stdin.write(json.dumps(call) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            sys.exit(f"the SDK ended, or took more than {PATIENCE} s: {str(call)[:500]}")
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


def differences(ours, theirs, outcome):
    if outcome == "unsupported":
        return {"unsupported"}
    if theirs is None:
        return set() if ours is None else {"refused"}
    if ours is None:
        return {"sent"}
    has_body = ours.body or theirs.body
    ours, theirs = ours.meaning(), theirs.meaning()
    # If there is a body, its length adds nothing.
    return {part for part in ours if ours[part] != theirs[part] and not (has_body and part == "content-length")}


def observe(command, all_cases, authority):
    """Returns for each case the outcome of the call, our request, theirs, and the parts in which they differ."""
    server = Server(authority)
    seen = {}
    with authority.cert_pem.tempfile() as ca:
        sdk = Sdk(command, server.host, ca)
        for name, call, vector in all_cases:
            outcome = sdk.call(call)
            requests = server.take()
            if call["operation"] == "token":
                ours = of_token_vector(vector, server.host)
            else:
                ours = of_vector(vector, server.token)
                requests = [request for request in requests if request.target != "/oauth2/token"]
            if len(requests) > 1:
                sys.exit(f"{name}: {len(requests)} requests for one call")
            theirs = requests[0] if requests else None
            seen[name] = Seen(outcome, ours, theirs, differences(ours, theirs, outcome))
        sdk.end()
    server.shutdown()
    server.server_close()
    return seen


# ---- The judgement ----------------------------------------------------------


def short(text, width=300):
    text = str(text)
    return text if len(text) <= width else f"{text[:width]}..."


def shown(part, request):
    """Returns what an example of a difference shows: the header if the part is one, otherwise the request."""
    if request is None:
        return None
    if part in request.headers:
        return request.headers[part]
    # The port of the server is different each time.
    return re.sub(r"127\.0\.0\.1%3A\d+", "HOST", str(request))


def judge(sdk, seen, rules):
    """Prints where the differences are not those of the rules, and returns the number of complaints."""
    complaints = []
    expected = {}
    for rule in rules:
        part = rule["part"]
        excepted = {name for pattern in rule.get("except", []) for name in fnmatch.filter(seen, pattern)}
        for pattern in rule["cases"]:
            names = set(fnmatch.filter(seen, pattern)) - excepted
            if not names:
                complaints.append(f"no case matches {pattern}")
            expected.update(((name, part), rule) for name in names)
        for name, text in rule["examples"].items():
            found = shown(part, seen[name].theirs) if name in seen else None
            if (name, part) not in expected or found != text:
                complaints.append(f"the example {name} ({part}) is {short(found)} instead of {text}")
    # If one of the two does not make the call, nothing else can differ.
    whole = {"sent", "refused", "unsupported"}
    unsupported = {name for name, part in expected if part == "unsupported"}
    for name, part in list(expected):
        by_both = seen[name].ours and seen[name].theirs
        if part != "unsupported" and (name in unsupported or (part not in whole and not by_both)):
            del expected[name, part]

    occurred = {(name, part) for name, case in seen.items() for part in case.parts}
    for name, part in sorted(occurred - expected.keys()):
        case = seen[name]
        complaints.append(
            f"{name} differs in {part}, which is not listed\n"
            f"    ours    {short(case.ours)}\n    theirs  {short(case.theirs)}\n    outcome {short(case.outcome)}"
        )
    for name, part in sorted(expected.keys() - occurred):
        complaints.append(f"{name} does not differ in {part}, although it is listed: {expected[name, part]['reason']}")

    for complaint in complaints:
        print(f"{sdk}: {complaint}")
    operations = {name.split("/")[0] for name, case in seen.items() if case.ours and case.theirs} - {"token"}
    alike = sum(not case.parts for case in seen.values())
    print(
        f"{sdk}: {len(operations)} operations, {len(seen)} cases, {alike} alike, {len(seen) - alike} different, "
        f"{len(complaints)} complaints"
    )
    return len(complaints)


def main(vectors, rules, *sdks):
    all_cases = list(cases(pathlib.Path(vectors)))
    rules = json.loads(pathlib.Path(rules).read_text(encoding="utf-8"))
    authority = trustme.CA()
    complaints = 0
    for sdk in sdks:
        name, command = sdk.split("=", 1)
        of_sdk = [rule for rule in rules if name in rule["sdks"]]
        complaints += judge(name, observe(command, all_cases, authority), of_sdk)
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
