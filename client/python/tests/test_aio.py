"""The client for `async`: the same story, and what is its own: cancellation."""

import asyncio
import errno
import socket

import pytest

import sockwright.v1 as v1
from sockwright import aio

WEB = ("10.0.0.2", 80)


def test_the_story_of_a_connection(sockwright_server: str) -> None:
    async def story() -> None:
        async with aio.connect(sockwright_server) as client, await client.lab("a", "b") as lab:
            watch = await client.watch(stacks=[lab["a"].name])
            listener = await lab["b"].create_server(WEB)
            accepting = asyncio.create_task(listener.accept())
            peer = await lab["a"].create_connection(WEB)
            server, address = await accepting
            assert address == await peer.getsockname() and await peer.getpeername() == WEB
            await peer.sendall(b"hello" * 100_000)
            assert await peer.shutdown(socket.SHUT_WR) == "FIN-WAIT-1"
            heard = b""
            while piece := await server.recv(1 << 20):
                heard += piece
            assert heard == b"hello" * 100_000
            assert await server.state() == "CLOSE-WAIT"
            assert await server.close() == "LAST-ACK"
            waited, closed = await peer.wait_for("TIME-WAIT"), await peer.wait_for("CLOSED")
            assert waited and closed and closed.time_ns - waited.time_ns == 60_000_000_000
            await peer.close()
            await peer.wait_for(released=True, timeout=10)
            states = []
            async for event in watch:
                assert isinstance(event, v1.Event)
                if event.WhichOneof("kind") == "tcp_state_changed":
                    states.append(v1.TcpState.Name(event.tcp_state_changed.to).removeprefix("TCP_STATE_"))
                if event.WhichOneof("kind") == "released":
                    break
            assert " ".join(states) == "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED"
            watch.close()

    asyncio.run(story())


def test_a_cancelled_wait_loses_nothing(sockwright_server: str) -> None:
    async def story() -> None:
        async with aio.connect(sockwright_server) as client, await client.lab("a", "b") as lab:
            listener = await lab["b"].create_server(WEB)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(listener.accept(), 0.01)
            peer = await lab["a"].create_connection(WEB)
            server, _ = await listener.accept()
            for piece in (b"one", b"two"):
                reading = asyncio.create_task(server.recv(100))
                await asyncio.sleep(0)  # Into the call.
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                await peer.sendall(piece)
                assert await server.recv(100) == piece
            server.settimeout(0.01)
            with pytest.raises(TimeoutError):
                await server.recv(1)
            server.settimeout(None)
            reading = asyncio.create_task(server.recv(1))
            await asyncio.sleep(0)
            await server.close()
            with pytest.raises(OSError) as closed:
                await reading
            assert closed.value.errno == errno.EBADF

    asyncio.run(story())


def test_a_connection_that_is_given_up_leaves_nothing(sockwright_server: str) -> None:
    async def story() -> None:
        async with aio.connect(sockwright_server) as client:
            lab = await client.lab("a", "b", clock="manual", impairments={"loss": 1.0})
            async with lab:
                watch = await client.watch(stacks=[lab["a"].name])
                connecting = asyncio.create_task(lab["a"].create_connection(WEB))
                async for event in watch:
                    if event.WhichOneof("kind") == "tcp_state_changed":
                        connecting.cancel()
                    if event.WhichOneof("kind") == "released":
                        break
                with pytest.raises(asyncio.CancelledError):
                    await connecting
                watch.close()

    asyncio.run(story())


def test_sessions_and_datagrams(sockwright_server: str) -> None:
    async def story() -> None:
        async with aio.connect(sockwright_server) as client, await client.lab("a", "b") as lab:
            async with await client.session(on_expiry="vanish") as session:
                server = await lab["b"].socket("datagram", session=session)
                await server.bind(("10.0.0.2", 53))
                asker = await lab["a"].socket("datagram", session=session)
                await asker.sendto(b"who", ("10.0.0.2", 53))
                heard, address = await server.recvfrom(100)
                await server.sendto(heard * 2, address)
                assert await asker.recvfrom(100) == (b"whowho", ("10.0.0.2", 53))
            left = await client.sockets.List(v1.ListRequest(filter=v1.Filter(stacks=[lab["a"].name])))
            assert not left.sockets
            with pytest.raises(ConnectionRefusedError):
                await lab["a"].create_connection(WEB)

    asyncio.run(story())
