"""Drives two servers on one network: each against the kernel of a third host, and both against each other.

    python drive_both.py ADDRESS-OF-A ADDRESS-OF-B ADDRESS-OF-NGINX

Every server has a stack on its own address (`raw_ip`), so that what is seen is a real wire between them. With PROMETHEUS in
the environment, it has to have scraped both.
"""

import json
import os
import sys
import time
import urllib.parse
import urllib.request

import sockwright

PATIENCE = 60


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as response:
        return response.read().decode()


def page_of_the_kernel(stack: sockwright.Stack, nginx: str) -> None:
    """A whole exchange with a kernel's HTTP server, which ends the connection."""
    peer = stack.create_connection((nginx, 80), timeout=PATIENCE)
    peer.sendall(b"GET /hello HTTP/1.0\r\nHost: nginx\r\n\r\n")
    page = peer.makefile("rb").read()
    assert page.startswith(b"HTTP/1.1 200 OK\r\n") and page.endswith(b"hello from the kernel\n"), page
    peer.close()


def each_other(listening: sockwright.Stack, calling: sockwright.Stack, address: str) -> None:
    """Octets both ways between two stacks, and an orderly end that both servers tell of."""
    listener = listening.create_server((address, 8080))
    caller = calling.create_connection((address, 8080), timeout=PATIENCE, msl=0.1)
    accepted, _ = listener.accept()
    payload = bytes(range(256)) * 1024
    caller.sendall(payload)
    received = b""
    while len(received) < len(payload):
        received += accepted.recv(65536)
    assert received == payload
    accepted.sendall(b"thanks")
    assert caller.recv(6) == b"thanks"
    caller.close()
    assert accepted.recv(1) == b""
    accepted.close()
    caller.wait_for("TIME-WAIT")
    listener.close()


def prometheus_has_both(url: str) -> None:
    query = f"{url}/api/v1/query?" + urllib.parse.urlencode({"query": 'up{job="sockwright"}'})
    deadline = time.monotonic() + PATIENCE
    while True:
        results = json.loads(get(query))["data"]["result"]
        up = sorted(result["metric"]["instance"] for result in results if result["value"][1] == "1")
        if len(up) == 2:
            return
        assert time.monotonic() < deadline, results
        time.sleep(0.5)


def main(a: str, b: str, nginx: str) -> None:
    with sockwright.connect(f"{a}:50051") as one, sockwright.connect(f"{b}:50051") as other:
        with one.attach("wire", raw_ip={"addresses": [a]}) as here, other.attach("wire", raw_ip={"addresses": [b]}) as there:
            page_of_the_kernel(here, nginx)
            page_of_the_kernel(there, nginx)
            each_other(there, here, b)
            each_other(here, there, a)
            for address in (a, b):
                metrics = get(f"http://{address}:50051/metrics")
                assert 'stack="wire"' in metrics, metrics[:2000]
    if url := os.environ.get("PROMETHEUS"):
        prometheus_has_both(url)
        print("Prometheus scrapes both")
    print(f"{a} and {b} speak with {nginx} and with each other")


if __name__ == "__main__":
    main(*sys.argv[1:])
