#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ./demo asks the web server: demo_client.py PORT FILE. Waits for it, 60 s at most.

`/` must be FILE byte for byte, and `/hello?name=newcomer` must greet. Exit status: 0 if so.
"""

import sys
import time
import urllib.request

SECONDS = 60
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy knows the guest


def ask(port, path):
    with DIRECT.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read()


def main():
    port, name = sys.argv[1:]
    end = time.monotonic() + SECONDS
    while True:
        try:
            page = ask(port, "/")
            break
        except OSError as error:
            if time.monotonic() > end:
                print(f"no answer in {SECONDS} s: {error}", file=sys.stderr)
                return 1
            time.sleep(0.1)
    with open(name, "rb") as file:
        if page != file.read():
            print(f"/ is not {name}", file=sys.stderr)
            return 1
    print(f"GET /                     -> {len(page)} bytes: {name}, byte for byte")
    greeting = ask(port, "/hello?name=newcomer").decode()
    print(f"GET /hello?name=newcomer  -> {greeting.strip()}")
    if not greeting.startswith("Hello, newcomer!"):
        print("that is no greeting", file=sys.stderr)
        return 1
    requests = [line for line in ask(port, "/metrics").decode().splitlines() if line.startswith("http_requests_total")]
    print("GET /metrics              -> " + "; ".join(requests[:3]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
