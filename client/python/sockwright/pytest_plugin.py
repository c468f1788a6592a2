"""Fixtures for tests that drive TCP peers, and what a failed one has to show: the ladder of its connections.

    def test_the_proxy_half_closes(lab):
        listener = lab["b"].create_server(("10.0.0.2", 80))
        ...

| fixture | gives |
|---|---|
| `sockwright_server` | the address of a server: `--sockwright-server`, `SOCKWRIGHT_SERVER`, or one that is started |
| `sockwright_client` | a connection to it |
| `lab` | a lab of the test's own with the stacks `a` and `b`; `@pytest.mark.lab("a", "b", clock="manual", seed=7)` |
| `peer` | a stack on a real link; `@pytest.mark.peer(raw_ip={"addresses": ["127.0.0.1"]})` |
| `trace` | the evidence of a failure, as files: the trace, its packets, its ladders |
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from sockwright.client import Client, Lab, Stack, connect
from sockwright.evidence import Evidence
from sockwright.recording import Ladders
from sockwright.server import Server, find

_RECORDINGS = pytest.StashKey[list[Ladders]]()
_EVIDENCE = pytest.StashKey[Evidence]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sockwright")
    group.addoption("--sockwright-server", metavar="ADDRESS", help="use the server that listens there, and start none")
    group.addoption(
        "--sockwright-traces",
        metavar="DIR",
        help="trace each test with a `lab` or a `peer`, and keep what failed ones leave there "
        "(tests that ask for `trace` keep it in `test-results` otherwise)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "lab(*stacks, **lab): what the fixture `lab` is made from")
    config.addinivalue_line("markers", "peer(**link): the link that the fixture `peer` is attached to")


@pytest.fixture(scope="session")
def sockwright_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server. Skips where none is given and there is no program to start."""
    given = request.config.getoption("--sockwright-server") or os.environ.get("SOCKWRIGHT_SERVER")
    if given:
        yield given
        return
    if find() is None:
        pytest.skip("no sockwrightd: give --sockwright-server, set SOCKWRIGHTD, or put it into PATH")
    # Kernel peers on loopback, and nobody else.
    with Server("--allow", "127.0.0.0/8", "--allow", "::1") as server:
        yield server.address


@pytest.fixture
def sockwright_client(sockwright_server: str) -> Iterator[Client]:
    """A connection to the server."""
    with connect(sockwright_server) as client:
        yield client


@pytest.fixture
def lab(request: pytest.FixtureRequest, sockwright_client: Client) -> Iterator[Lab]:
    """A lab of the test's own. A failure shows the ladders of its connections."""
    mark = request.node.get_closest_marker("lab")
    stacks = mark.args if mark and mark.args else ("a", "b")
    with sockwright_client.lab(*stacks, **(mark.kwargs if mark else {})) as made:
        with _drawn(request.node, made.stacks):
            yield made


@pytest.fixture
def peer(request: pytest.FixtureRequest, sockwright_client: Client) -> Iterator[Stack]:
    """A stack on a real link, by default raw IP on 127.0.0.1. Skips where the server may not attach one."""
    mark = request.node.get_closest_marker("peer")
    link = mark.kwargs if mark and mark.kwargs else {"raw_ip": {"addresses": ["127.0.0.1"]}}
    try:
        attached = sockwright_client.attach("", **link)
    except PermissionError as error:
        pytest.skip(f"no peer on a real link: {error}")
    with attached, _drawn(request.node, [attached]):
        yield attached


@pytest.fixture
def trace(request: pytest.FixtureRequest, sockwright_client: Client) -> Iterator[Path]:
    """The directory of this test's evidence, for files of its own too. If the test fails it is kept, with the trace of
    its `lab` or `peer`, or of all that the server did where it has neither; it goes if the test passes.
    """
    given = request.config.getoption("--sockwright-traces")
    base = request.config.invocation_params.dir / given if given else request.config.rootpath / "test-results"
    stacks: list[str] = []
    if "lab" in request.fixturenames:
        stacks += [stack.name for stack in request.getfixturevalue("lab").stacks]
    if "peer" in request.fixturenames:
        stacks.append(request.getfixturevalue("peer").name)
    evidence = Evidence(sockwright_client, base, request.node.nodeid, stacks)
    request.node.stash[_EVIDENCE] = evidence
    yield evidence.directory
    evidence.close()


@pytest.fixture(autouse=True)
def _traced(request: pytest.FixtureRequest) -> None:
    """`trace`, for who names a directory."""
    if request.config.getoption("--sockwright-traces") and {"lab", "peer"} & set(request.fixturenames):
        request.getfixturevalue("trace")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.failed:
        for recording in item.stash.get(_RECORDINGS, []):
            if drawn := str(recording):
                report.sections.append(("Sockwright: ladders", drawn))
    # What is set up after it may fail as well.
    if report.when in ("setup", "call") and report.failed and (evidence := item.stash.get(_EVIDENCE, None)):
        report.sections.append(("Sockwright: evidence", evidence.keep()))
    return report


def _drawn(node: pytest.Item, stacks: list[Stack]) -> Ladders:
    made = Ladders(stacks)
    node.stash.setdefault(_RECORDINGS, []).append(made)
    return made
