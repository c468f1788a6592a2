"""The story that the clients of all languages tell: `client/story.json`, see `client/STORY.md`."""

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

import sockwright.v1 as v1
from sockwright import socket_error
from sockwright.client import Client
from sockwright.v1 import networks_pb2, sessions_pb2, sockets_pb2

STORY = json.loads((Path(__file__).resolve().parents[2] / "story.json").read_text())
DESCRIBED = {
    "Networks": networks_pb2.DESCRIPTOR,
    "Sessions": sessions_pb2.DESCRIPTOR,
    "Sockets": sockets_pb2.DESCRIPTOR,
}


def filled(value: Any, kept: dict[str, Any]) -> Any:
    """A value of the story with what was kept in the place of `$names`."""
    if isinstance(value, dict):
        return {key: filled(each, kept) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, kept) for each in value]
    return kept[value[1:]] if isinstance(value, str) and value.startswith("$") else value


def fits(expected: Any, found: Any) -> bool:
    """Objects may have more than is expected of them; lists and values may not."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            key in found and fits(each, found[key]) for key, each in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(expected) == len(found) and all(map(fits, expected, found))
    return expected == found


def message(kind: str, value: Any) -> Any:
    return json_format.ParseDict(value, getattr(v1, kind)())


def invoke(client: Client, call: str, request: dict[str, Any]) -> Any:
    service, method = call.split(".")
    described = DESCRIBED[service].services_by_name[service].methods_by_name[method]
    stub = getattr(client, service.lower())
    return getattr(stub, method)(message(described.input_type.name, request), timeout=30)


def test_the_story(sockwright_client: Client) -> None:
    kept: dict[str, Any] = {}
    watch = None
    for number, step in enumerate(STORY["steps"]):
        where = f"step {number}: {json.dumps(step)}"
        if "watch" in step:
            watch = sockwright_client.events.Watch(message("WatchRequest", step["watch"]))
            assert next(watch).snapshot.last, where
            continue
        request = filled(step["request"], kept)
        if "error" in step:
            with pytest.raises(grpc.RpcError) as failed:
                invoke(sockwright_client, step["call"], request)
            assert failed.value.code().name == step["error"]["code"], where
            detail = json_format.MessageToDict(socket_error(failed.value) or v1.SocketError())
            assert fits(step["error"].get("detail", {}), detail), f"{where}: {detail}"
            continue
        reply = json_format.MessageToDict(invoke(sockwright_client, step["call"], request))
        assert fits(filled(step["reply"], kept), reply), f"{where}: {reply}"
        kept |= {name: reply[field] for name, field in step.get("keep", {}).items()}
    assert watch is not None
    told = (json_format.MessageToDict(event) for response in watch for event in response.events.events)
    for expected in STORY["events"]:
        event = next(told)
        assert fits(filled(expected, kept), event), f"{expected}: {event}"
    watch.cancel()
