"""Checks by the tally of `hooks.py` that every operation of the description succeeded."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    description = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    tally = {(operation, status): count for operation, status, count in json.load(file)}

operations = [
    operation
    for path in description["paths"].values()
    for method, operation in path.items()
    if method != "parameters"
]
never = [
    operation["operationId"]
    for operation in operations
    if not any(tally.get((operation["operationId"], int(status))) for status in operation["responses"] if status < "300")
]
successes = sum(count for (_, status), count in tally.items() if status < 300)
print(f"{sum(tally.values())} requests of {len(operations)} operations, {successes} successes")
if never:
    sys.exit(f"never succeeded: {', '.join(never)}")
