"""A TCP connection between two stacks of a lab, from LISTEN to TIME-WAIT and beyond, without a sleep.

The lab's clock is virtual: the 60 seconds of TIME-WAIT are over at once.

    python examples/first_peer.py [127.0.0.1:50051]
"""

import socket
import sys

import sockwright
from sockwright.words import state_name

WEB = ("10.0.0.2", 80)


def main(server: str) -> None:
    with sockwright.connect(server) as client, client.lab("a", "b", seed=1) as lab:
        watch = client.watch(stacks=[stack.name for stack in lab.stacks])  # From here on, nothing is missed.

        listener = lab["b"].create_server(WEB, label="web")
        peer = lab["a"].create_connection(WEB, label="client")
        child, _ = listener.accept()

        peer.sendall(b"hello")
        print("received:", child.recv(100))
        peer.shutdown(socket.SHUT_WR)
        assert child.recv(100) == b"", "the half-close is the end of the stream"
        child.close()
        peer.wait_for("TIME-WAIT")
        peer.wait_for("CLOSED")

        for event in watch:
            if event.WhichOneof("kind") == "tcp_state_changed":
                before, after = (state_name(getattr(event.tcp_state_changed, end)) for end in ("from", "to"))
                when, who = event.time_ns / 1e9, f"#{event.socket} {event.label}"
                print(f"{when:9.6f} {event.stack} {who:9} {before} -> {after}")
                if (event.socket, after) == (peer.id, "CLOSED"):
                    break


if __name__ == "__main__":
    main(*sys.argv[1:] or ["127.0.0.1:50051"])
