"""The stream of events: in order, and over the end of its server."""

import threading

import pytest

import sockwright
import sockwright.v1 as v1
from sockwright.client import Client, Lab
from sockwright.server import Server
from sockwright.words import state_name

WEB = ("10.0.0.2", 80)


def test_every_state_in_order(lab: Lab, sockwright_client: Client) -> None:
    listener = lab["b"].create_server(WEB)
    with sockwright_client.watch(stacks=[stack.name for stack in lab.stacks]) as watch:
        assert watch.sockets[listener.id].tcp_state == v1.TCP_STATE_LISTEN
        client = lab["a"].create_connection(WEB)
        client.close()
        states = []
        for event in watch:
            assert isinstance(event, v1.Event)
            if event.socket == client.id and event.WhichOneof("kind") == "tcp_state_changed":
                states.append(state_name(event.tcp_state_changed.to))
            if event.socket == client.id and event.WhichOneof("kind") == "released":
                break
    assert states == ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSED"]
    assert list(watch) == [], "it was closed"


def test_a_filter_that_makes_no_sense_says_so(sockwright_client: Client) -> None:
    with pytest.raises(OSError, match="addresses"):
        sockwright_client.watch(addresses=["nowhere"])
    with pytest.raises(ValueError, match="'states' is none of OPENED"):
        sockwright_client.watch(kinds="states")


def test_it_outlives_its_server(binary: str) -> None:
    with Server(binary=binary) as first:
        address = first.address
        client = sockwright.connect(address)
        watch = client.watch()
        stack = client.lab("a", name="old").stacks[0]
        before = stack.socket(label="before")
        assert next(event for event in watch if event.label == "before").socket == before.id
    with Server(listen=address, binary=binary):
        # What the first one told as it ended comes before.
        gap = next(update for update in watch if isinstance(update, v1.Gap))
        assert gap.reason == v1.GAP_REASON_OTHER_EPOCH
        client.lab("a", name="new").stacks[0].socket(label="after")
        assert next(event for event in watch if event.label == "after").stack == "new/a"
        assert before.id not in watch.sockets or watch.sockets[before.id].stack != "old/a"
    watch.close()
    client.close()


def test_closed_while_its_server_is_away_it_waits_for_nobody(binary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sockwright.watch.RETRY_FIRST", 3600)
    with Server(binary=binary) as server:
        client = sockwright.connect(server.address)
        watch = client.watch()
        reader = threading.Thread(target=lambda: list(watch), daemon=True)
        reader.start()
    watch.close()
    reader.join(timeout=30)
    assert not reader.is_alive()
    client.close()
