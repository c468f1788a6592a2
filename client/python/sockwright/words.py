"""The contract's names as Python writes them: states and kinds as strings, addresses as tuples, times as seconds.

Owns no connection and makes no call: what the client with and the one without `await` have in common is here.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

import sockwright.v1 as v1

Address = tuple[str, int]
"""An IP address and a port, as Python's own sockets have them."""
Seconds = float
"""A time. The contract has nanoseconds; what is finer is rounded."""


def state_name(state: int) -> str:
    """A TCP state as RFC 9293 spells it: `TIME-WAIT`. Empty for none."""
    return name_of(v1.TcpState, "TCP_STATE_", state).replace("_", "-") if state else ""


def name_of(enum: EnumTypeWrapper, prefix: str, value: int) -> str:
    """The name of an enum's value without its prefix; the number where the contract of this client does not know it."""
    return enum.Name(value).removeprefix(prefix) if value in enum.values() else str(value)


def number_of(enum: EnumTypeWrapper, prefix: str, value: str | int) -> Any:
    """The number of an enum's value from its name, in any case and with `-` or `_`: `time-wait`, `TIME_WAIT`.

    ValueError: there is no such value; the message has those that there are.
    """
    if isinstance(value, int):
        return value
    name = prefix + value.upper().replace("-", "_")
    if name not in enum.keys():
        known = ", ".join(key.removeprefix(prefix) for key in enum.keys() if not key.endswith("_UNSPECIFIED"))
        raise ValueError(f"{value!r} is none of {known}")
    return enum.Value(name)


def state_numbers(states: "str | int | Iterable[str | int]") -> list[Any]:
    """TCP states from one name or several."""
    several = [states] if isinstance(states, (str, int)) else states
    return [number_of(v1.TcpState, "TCP_STATE_", state) for state in several]


def kind_numbers(kinds: "str | int | Iterable[str | int]") -> list[Any]:
    """Kinds of event from one name or several: `segment_sent`."""
    several = [kinds] if isinstance(kinds, (str, int)) else kinds
    return [number_of(v1.EventKind, "EVENT_KIND_", kind) for kind in several]


def to_address(address: Address) -> v1.SocketAddress:
    """The contract's address. An empty host is any address, as for Python's sockets."""
    host, port = address[:2]
    return v1.SocketAddress(ip=host or "0.0.0.0", port=port)


def from_address(address: v1.SocketAddress) -> Address:
    """Python's address."""
    return (address.ip, address.port)


def family_of(address: "Address | None") -> int:
    """The family of an address, or none for the stack to choose."""
    if address is None or not address[0]:
        return v1.ADDRESS_FAMILY_UNSPECIFIED
    return v1.ADDRESS_FAMILY_IPV6 if ":" in address[0] else v1.ADDRESS_FAMILY_IPV4


def duration(seconds: "Seconds | timedelta") -> Duration:
    """A time as the contract has it."""
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    nanoseconds = round(seconds * 1_000_000_000)
    sign = -1 if nanoseconds < 0 else 1
    whole, rest = divmod(abs(nanoseconds), 1_000_000_000)
    return Duration(seconds=sign * whole, nanos=sign * rest)


def message(kind: Any, fields: dict[str, Any]) -> Any:
    """A message of the contract from keywords: times in seconds, enums by name, messages as dictionaries.

    TypeError: the message has no such field. ValueError: an enum has no such value.
    """
    made = kind()
    for name, value in fields.items():
        field = kind.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            known = ", ".join(sorted(kind.DESCRIPTOR.fields_by_name))
            raise TypeError(f"{kind.DESCRIPTOR.name} has no {name!r}; it has {known}")
        if value is None:
            continue
        if isinstance(value, (list, tuple)):
            getattr(made, name).extend(_value(field, each) for each in value)
        elif field.message_type is not None:
            getattr(made, name).CopyFrom(_value(field, value))
        else:
            setattr(made, name, _value(field, value))
    return made


def _value(field: Any, value: Any) -> Any:
    if field.message_type is Duration.DESCRIPTOR and not isinstance(value, Duration):
        return duration(value)
    if field.message_type is not None and isinstance(value, dict):
        return message(getattr(v1, field.message_type.name), value)
    if field.enum_type is not None and isinstance(value, str):
        prefix = field.enum_type.values[0].name.removesuffix("UNSPECIFIED")
        return number_of(getattr(v1, field.enum_type.name), prefix, value)
    return value


def watch_filter(
    *,
    stacks: Sequence[str] = (),
    sockets: Sequence[int] = (),
    sessions: Sequence[str] = (),
    labels: Sequence[str] = (),
    addresses: Sequence[str] = (),
    ports: Sequence[int] = (),
    states: "str | Iterable[str | int]" = (),
    kinds: "str | Iterable[str | int]" = (),
) -> v1.Filter:
    """A filter from keywords: those given have to hold together, the values of one by turns."""
    return v1.Filter(
        stacks=stacks,
        sockets=sockets,
        sessions=sessions,
        labels=labels,
        addresses=addresses,
        ports=ports,
        tcp_states=state_numbers(states),
        kinds=kind_numbers(kinds),
    )


def wait_request(
    socket: int,
    born: v1.Position,
    *,
    state: "str | int | Iterable[str | int] | None" = None,
    event: "str | int | Iterable[str | int] | None" = None,
    readable: "int | None" = None,
    acknowledged: bool = False,
    released: bool = False,
    after: "v1.Position | None" = None,
) -> v1.WaitForRequest:
    """What `wait_for` asks. A state, an event and the release count from where the socket began.

    ValueError: not exactly one condition.
    """
    given = [state is not None, event is not None, readable is not None, acknowledged, released]
    if sum(given) != 1:
        raise ValueError("wait_for takes exactly one of state, event, readable, acknowledged and released")
    request = v1.WaitForRequest(socket=socket)
    if state is not None:
        request.tcp_states.states.extend(state_numbers(state))
    elif event is not None:
        request.event_kinds.kinds.extend(kind_numbers(event))
    elif readable is not None:
        request.readable = readable
    elif acknowledged:
        request.all_acknowledged = True
    else:
        request.released = True
    if after is not None:
        request.after.CopyFrom(after)
    elif state is not None or event is not None or released:
        request.after.CopyFrom(born)
    return request


def lab_request(
    stacks: Sequence[str],
    session: str,
    *,
    name: str = "",
    clock: "str | int" = "virtual",
    seed: int = 0,
    impairments: "dict[str, Any] | None" = None,
) -> v1.CreateLabRequest:
    """What `lab` asks."""
    request = v1.CreateLabRequest(
        name=name,
        stacks=[v1.LabStack(name=stack) for stack in stacks],
        clock=number_of(v1.Clock, "CLOCK_", clock),
        seed=seed,
        session=session,
    )
    if impairments is not None:
        request.links.append(v1.LabLink(stacks=stacks, impairments=message(v1.Impairments, impairments)))
    return request


def attach_request(name: str, session: str, **link: Any) -> v1.AttachRequest:
    """What `attach` asks."""
    request = message(v1.AttachRequest, link)
    request.name = name
    request.session = session
    return request


def create_request(
    stack: str, kind: "str | int", session: str, *, family: "str | int" = 0, label: str = "", **options: Any
) -> v1.CreateRequest:
    """What `socket` asks."""
    return v1.CreateRequest(
        stack=stack,
        kind=number_of(v1.SocketKind, "SOCKET_KIND_", kind),
        family=number_of(v1.AddressFamily, "ADDRESS_FAMILY_", family),
        label=label,
        session=session,
        options=message(v1.SocketOptions, options),
    )
