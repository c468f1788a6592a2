"""Who calls: tokens, certificates, Unix sockets; of a real server that asks."""

import asyncio
import errno
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import sockwright
import sockwright.aio
from sockwright.access import Access
from sockwright.server import Server

MAKE = Path(__file__).resolve().parents[2] / "certificates"
TOKENS = json.loads((MAKE.parent / "story.json").read_text())["tokens"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of certificates."""
    directory = tmp_path_factory.mktemp("certificates")
    subprocess.run([MAKE, directory], check=True)
    return directory


@pytest.fixture(scope="module")
def token(binary: str, files: Path) -> str:
    """A token that the file `tokens` makes known."""
    made = subprocess.run([binary, "token", "ci"], capture_output=True, text=True, check=True).stdout
    token, _, lines = made.partition("\n")
    (files / "tokens").write_text(lines)
    return token


@pytest.fixture(scope="module")
def asking(binary: str, files: Path, token: str) -> Iterator[str]:
    """A server that speaks TLS, and asks everybody for a token or a certificate."""
    tls = ["--tls-cert", files / "server.pem", "--tls-key", files / "server.key", "--tls-client-ca", files / "ca.pem"]
    with Server(*map(str, tls), "--tokens", str(files / "tokens"), binary=binary) as server:
        yield f"https://{server.address}"


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVER", "TOKEN", "TOKEN_FILE", "CA", "CERT", "KEY", "INSECURE"):
        monkeypatch.delenv(f"SOCKWRIGHT_{name}", raising=False)


def _works(client: sockwright.Client) -> None:
    """Calls of each kind: those that are awaited, those that stream, those that wait."""
    with client, client.lab("a", "b") as lab:
        watch = client.watch(stacks=[stack.name for stack in lab.stacks])
        listener = lab["b"].create_server(("10.0.0.2", 80))
        peer = lab["a"].create_connection(("10.0.0.2", 80))
        accepted, _ = listener.accept()
        accepted.settimeout(0.01)
        with pytest.raises(TimeoutError):
            accepted.recv(5)
        peer.sendall(b"hello")
        accepted.settimeout(None)
        assert accepted.recv(5) == b"hello"
        assert next(iter(watch)) is not None
        watch.close()


async def _works_awaited(client: sockwright.aio.Client) -> None:
    async with client, await client.lab("a", "b") as lab:
        watch = await client.watch(stacks=[stack.name for stack in lab.stacks])
        listener = await lab["b"].create_server(("10.0.0.2", 80))
        peer = await lab["a"].create_connection(("10.0.0.2", 80))
        accepted, _ = await listener.accept()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(accepted.recv(5), 0.01)
        await peer.sendall(b"hello")
        assert await accepted.recv(5) == b"hello"
        async for event in watch:
            assert event is not None
            break
        watch.close()


def test_a_token_lets_in(asking: str, files: Path, token: str) -> None:
    ca = files / "ca.pem"
    _works(sockwright.connect(asking, token=token, ca=ca))

    async def awaited() -> None:
        await _works_awaited(sockwright.aio.connect(asking, token=token, ca=ca))

    asyncio.run(awaited())


def test_a_certificate_lets_in(asking: str, files: Path) -> None:
    mine = {"ca": files / "ca.pem", "cert": files / "client.pem", "key": files / "client.key"}
    _works(sockwright.connect(asking, **mine))

    async def awaited() -> None:
        await _works_awaited(sockwright.aio.connect(asking, **mine))

    asyncio.run(awaited())


def test_the_environment_says_what_nobody_else_does(
    asking: str, files: Path, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOCKWRIGHT_SERVER", asking)
    monkeypatch.setenv("SOCKWRIGHT_CA", str(files / "ca.pem"))
    monkeypatch.setenv("SOCKWRIGHT_TOKEN", token)
    _works(sockwright.connect())
    monkeypatch.delenv("SOCKWRIGHT_TOKEN")
    (tmp_path / "token").write_text(token + "\n")
    monkeypatch.setenv("SOCKWRIGHT_TOKEN_FILE", str(tmp_path / "token"))
    _works(sockwright.connect())
    monkeypatch.delenv("SOCKWRIGHT_TOKEN_FILE")
    monkeypatch.setenv("SOCKWRIGHT_CERT", str(files / "client.pem"))
    monkeypatch.setenv("SOCKWRIGHT_KEY", str(files / "client.key"))
    _works(sockwright.connect())
    monkeypatch.setenv("SOCKWRIGHT_CA", str(files / "nowhere.pem"))
    with pytest.raises(FileNotFoundError):
        sockwright.connect()


@pytest.mark.parametrize("wrong", [None, "sockwright_of_nobody"])
def test_who_is_not_known_is_told_how_to_be(asking: str, files: Path, wrong: "str | None") -> None:
    ca = files / "ca.pem"
    with sockwright.connect(asking, token=wrong, ca=ca) as client:
        with pytest.raises(PermissionError) as denied:
            client.lab("a")
        assert denied.value.errno == errno.EACCES
        assert "token" in str(denied.value)
        assert isinstance(denied.value.__cause__, grpc.RpcError)
        assert denied.value.__cause__.code() == grpc.StatusCode.UNAUTHENTICATED

    async def awaited() -> None:
        async with sockwright.aio.connect(asking, token=wrong, ca=ca) as client:
            with pytest.raises(PermissionError):
                await client.lab("a")

    asyncio.run(awaited())


def test_a_server_that_nobody_vouches_for_is_not_called(asking: str, token: str) -> None:
    with sockwright.connect(asking, token=token) as client, pytest.raises(ConnectionError, match="no server"):
        client.lab("a")


def test_a_unix_socket_is_an_address(binary: str, tmp_path: Path) -> None:
    with Server(listen=f"unix:{tmp_path}/door", binary=binary) as server:
        assert server.address == f"unix:{tmp_path}/door"
        _works(sockwright.connect(server.address))

        async def awaited() -> None:
            await _works_awaited(sockwright.aio.connect(server.address))

        asyncio.run(awaited())


def test_addresses_are_those_of_urls_or_of_grpc() -> None:
    targets = {
        "http://127.0.0.1:1": "127.0.0.1:1",
        "https://[::1]:1/": "[::1]:1",
        "localhost:1": "localhost:1",
        "unix:/run/door": "unix:/run/door",
    }
    for given, target in targets.items():
        access = Access.to(given)
        assert (access.target, access.credentials is None) == (target, not given.startswith("https:"))
    with pytest.raises(ValueError, match="neither http"):
        Access.to("ftp://127.0.0.1:1")


@pytest.mark.parametrize("server", TOKENS["refused"])
def test_a_token_goes_to_no_other_machine_in_clear(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for connect in (Access.to, sockwright.connect, sockwright.aio.connect):
        with pytest.raises(ValueError, match="SOCKWRIGHT_INSECURE=1") as refused:
            connect(server, token="sockwright_secret")
        assert "secret" not in str(refused.value)
    Access.to(server)
    Access.to(server, token="sockwright_secret", insecure=True)
    monkeypatch.setenv("SOCKWRIGHT_INSECURE", "1")
    Access.to(server, token="sockwright_secret")
    with pytest.raises(ValueError, match="in clear"):
        Access.to(server, token="sockwright_secret", insecure=False)


@pytest.mark.parametrize("server", TOKENS["sent"])
def test_a_token_goes_where_nobody_listens_in(server: str) -> None:
    assert Access.to(server, token="sockwright_secret").token


def test_a_token_for_this_machine_goes_through_no_proxy(
    binary: str, token: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with Server("--tokens", str(files / "tokens"), binary=binary) as server:
        _works(sockwright.connect(server.address, token=token))
