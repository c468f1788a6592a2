package dev.sockwright;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sockwright.junit.LabOf;
import dev.sockwright.junit.Server;
import dev.sockwright.junit.SockwrightExtension;
import dev.sockwright.v1.Clock;
import dev.sockwright.v1.CreateRequest;
import dev.sockwright.v1.Filter;
import dev.sockwright.v1.GapReason;
import dev.sockwright.v1.Impairments;
import dev.sockwright.v1.ListRequest;
import dev.sockwright.v1.OnExpiry;
import dev.sockwright.v1.TcpState;
import io.grpc.Status;
import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.NoRouteToHostException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SockwrightExtension.class)
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class SockwrightTest {
    private static final InetSocketAddress WEB = new InetSocketAddress("10.0.0.2", 80);

    private record Pair(Connection client, Connection server) {}

    private static Pair connected(Lab lab) throws IOException {
        Listener listener = lab.stack("b").listen(WEB);
        Connection client = lab.stack("a").connect(WEB);
        Connection server = listener.accept();
        assertEquals(client.localAddress(), server.remoteAddress());
        assertEquals(WEB, client.remoteAddress());
        return new Pair(client, server);
    }

    private static ByteBuffer octets(String text) {
        return StandardCharsets.UTF_8.encode(text);
    }

    private static String text(Connection connection) throws IOException {
        return new String(connection.inputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    @Test
    void theStoryOfAConnection(Lab lab) throws IOException {
        Pair pair = connected(lab);
        assertEquals(5, pair.client.write(octets("hello")));
        assertEquals(TcpState.TCP_STATE_FIN_WAIT_1, pair.client.shutdownOutput());
        assertEquals("hello", text(pair.server));
        SocketException broken = assertThrows(SocketException.class, () -> pair.client.write(octets("more")));
        assertEquals("EPIPE", Failure.behind(broken).orElseThrow().errno());
        assertEquals(TcpState.TCP_STATE_CLOSE_WAIT, pair.server.state());
        pair.server.write(octets("goodbye"));
        pair.server.waitAcknowledged();
        pair.server.close();
        pair.server.close();
        assertEquals("goodbye", text(pair.client));
        long waited = pair.client
                .waitFor(TcpState.TCP_STATE_TIME_WAIT)
                .orElseThrow()
                .getTimeNs();
        long closed = pair.client
                .waitFor(TcpState.TCP_STATE_CLOSED)
                .orElseThrow()
                .getTimeNs();
        assertEquals(Duration.ofSeconds(60), Duration.ofNanos(closed - waited), "2*MSL");
        pair.client.close();
        pair.client.waitReleased();
        SocketException never =
                assertThrows(SocketException.class, () -> pair.client.waitFor(TcpState.TCP_STATE_CLOSING));
        assertEquals("ENOTCONN", Failure.behind(never).orElseThrow().errno());
        assertThrows(ClosedChannelException.class, () -> pair.client.read(ByteBuffer.allocate(1)));
        assertTrue(!pair.client.isOpen());
    }

    @Test
    void failuresAreThoseOfJavaNet(Lab lab, Sockwright client) throws IOException {
        Stack stack = lab.stack("a");
        ConnectException refused = assertThrows(ConnectException.class, () -> stack.connect(WEB));
        Failure failure = Failure.behind(refused).orElseThrow();
        assertEquals(TcpState.TCP_STATE_CLOSED, failure.tcpState());
        assertEquals(Status.Code.UNAVAILABLE, failure.code());
        assertTrue(failure.socket() > 0);
        assertThrows(NoRouteToHostException.class, () -> stack.connect(new InetSocketAddress("192.0.2.1", 80)));
        assertThrows(BindException.class, () -> stack.listen(new InetSocketAddress("10.0.0.9", 80)));
        ListRequest left = ListRequest.newBuilder()
                .setFilter(Filter.newBuilder().addStacks(stack.name()))
                .build();
        assertEquals(0, client.sockets().list(left).getSocketsCount(), "calls that failed leave nothing");
        assertThrows(
                SocketException.class, () -> stack.connect(InetSocketAddress.createUnresolved("web.lab", 80)));
        Pair pair = connected(lab);
        pair.server.abort();
        SocketException reset =
                assertThrows(SocketException.class, () -> pair.client.read(ByteBuffer.allocate(1)));
        assertEquals("ECONNRESET", Failure.behind(reset).orElseThrow().errno());
    }

    @Test
    void aTimeoutLosesNothing(Lab lab) throws IOException {
        Pair pair = connected(lab);
        ByteBuffer buffer = ByteBuffer.allocate(100);
        for (String piece : List.of("one", "two", "three")) {
            pair.server.setSoTimeout(1);
            assertThrows(SocketTimeoutException.class, () -> pair.server.read(buffer));
            pair.client.write(octets(piece));
            pair.server.setSoTimeout(0);
            ByteBuffer two = ByteBuffer.allocate(2);
            assertEquals(2, pair.server.read(two));
            assertEquals(piece.length() - 2, pair.server.read(buffer.clear()));
            String heard = StandardCharsets.UTF_8.decode(two.flip()).toString()
                    + StandardCharsets.UTF_8.decode(buffer.flip());
            assertEquals(piece, heard);
            buffer.clear();
        }
        Listener listener = lab.stack("b").listen(new InetSocketAddress("10.0.0.2", 81));
        listener.setSoTimeout(1);
        assertThrows(SocketTimeoutException.class, listener::accept);
        Connection late = lab.stack("a").connect(listener.localAddress());
        listener.setSoTimeout(0);
        assertEquals(late.localAddress(), listener.accept().remoteAddress());
    }

    @Test
    void closingEndsAWait(Lab lab) throws Exception {
        Pair pair = connected(lab);
        CompletableFuture<Throwable> reading = CompletableFuture.supplyAsync(
                () -> assertThrows(IOException.class, () -> pair.server.read(ByteBuffer.allocate(1))));
        pair.server.close();
        assertInstanceOf(ClosedChannelException.class, reading.get());
    }

    @Test
    @LabOf(loss = 0.01, delayMillis = 1, seed = 5)
    void aMebibyteThroughLossIsItself(Lab lab) throws Exception {
        Pair pair = connected(lab);
        byte[] sent = new byte[1 << 20];
        new Random(7).nextBytes(sent);
        CompletableFuture<byte[]> heard = CompletableFuture.supplyAsync(() -> {
            try {
                return pair.server.inputStream().readAllBytes();
            } catch (IOException failed) {
                throw new IllegalStateException(failed);
            }
        });
        pair.client.outputStream().write(sent);
        pair.client.shutdownOutput();
        assertArrayEquals(sent, heard.get());
        assertTrue(pair.client.info().getTcp().getRetransmissions() > 0);
    }

    @Test
    void datagramsKeepTheirBounds(Lab lab) throws IOException {
        DatagramPeer answering = lab.stack("b").datagrams(new InetSocketAddress("10.0.0.2", 53));
        DatagramPeer asking = lab.stack("a").datagrams(new InetSocketAddress("10.0.0.1", 0));
        for (String question : List.of("who", "", "where")) {
            asking.send(question.getBytes(StandardCharsets.UTF_8), answering.localAddress());
            DatagramPeer.Datagram heard = answering.receive();
            assertEquals(question, new String(heard.data(), StandardCharsets.UTF_8));
            assertEquals(asking.localAddress(), heard.from());
        }
        assertThrows(SocketException.class, () -> asking.send(new byte[70_000], answering.localAddress()));
    }

    @Test
    @LabOf(clock = Clock.CLOCK_MANUAL)
    void timeStandsUntilItIsTold(Lab lab, Sockwright client) throws Exception {
        lab.impair(Impairments.newBuilder()
                .setDelay(com.google.protobuf.Duration.newBuilder().setNanos(500_000_000))
                .build());
        lab.stack("b").listen(WEB);
        Stack stack = lab.stack("a");
        try (Watch watch = client.watch(Filter.newBuilder().addStacks(stack.name()).build())) {
            CompletableFuture<Connection> connecting = CompletableFuture.supplyAsync(() -> {
                try {
                    return stack.connect(WEB);
                } catch (IOException failed) {
                    throw new IllegalStateException(failed);
                }
            });
            until(watch, TcpState.TCP_STATE_SYN_SENT);
            assertEquals(500_000_000, lab.advance(Duration.ofMillis(500)));
            assertEquals(1_000_000_000, lab.advance(Duration.ofMillis(500)));
            assertEquals(TcpState.TCP_STATE_ESTABLISHED, connecting.get().state());
        }
    }

    @Test
    void aWatchTellsEveryStateInOrder(Lab lab, Sockwright client) throws IOException {
        Listener listener = lab.stack("b").listen(WEB);
        Filter filter = Filter.newBuilder()
                .addAllStacks(lab.stacks().stream().map(Stack::name).toList())
                .build();
        Watch watch = client.watch(filter);
        assertEquals(
                TcpState.TCP_STATE_LISTEN, watch.sockets().get(listener.id()).getTcpState());
        Connection peer = lab.stack("a").connect(WEB);
        peer.close();
        List<String> states = new ArrayList<>();
        while (watch.next().orElseThrow() instanceof Watch.Happened happened) {
            if (happened.event().getSocket() != peer.id()) {
                continue;
            }
            if (happened.event().hasTcpStateChanged()) {
                states.add(happened.event().getTcpStateChanged().getTo().name().substring(10));
            }
            if (happened.event().hasReleased()) {
                break;
            }
        }
        assertEquals(List.of("SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSED"), states);
        watch.close();
        assertTrue(watch.next().isEmpty());
    }

    @Test
    void aWatchOutlivesItsServer() throws IOException {
        Server first = Server.start().orElse(null);
        assumeTrue(first != null, "SOCKWRIGHTD names no program");
        try (Sockwright client = Sockwright.connect(first.address());
                Watch watch = client.watch(Filter.getDefaultInstance())) {
            first.close();
            try (Server second = Server.start(first.address()).orElseThrow()) {
                assertEquals(first.address(), second.address());
                Watch.Missed missed = assertInstanceOf(Watch.Missed.class, watch.next().orElseThrow());
                assertEquals(GapReason.GAP_REASON_OTHER_EPOCH, missed.gap().getReason());
            }
        }
    }

    @Test
    void aSessionEndsItsSocketsByItsPolicy(Lab lab, Sockwright client) throws IOException {
        Listener listener = lab.stack("b").listen(WEB);
        Connection held;
        Connection peer;
        try (Session session = client.session(Duration.ofSeconds(1), OnExpiry.ON_EXPIRY_RESET)) {
            CreateRequest socket = CreateRequest.newBuilder().setSession(session.id()).setLabel("held").build();
            held = lab.stack("a").connect(WEB, socket);
            peer = listener.accept();
            // Three leases later it is there: it was kept alive. Only time tells that.
            peer.setSoTimeout(3000);
            assertThrows(SocketTimeoutException.class, () -> peer.read(ByteBuffer.allocate(1)));
        }
        held.waitReleased();
        peer.setSoTimeout(0);
        assertThrows(SocketException.class, () -> peer.read(ByteBuffer.allocate(1)));
    }

    @Test
    void nobodyThereIsSaid() {
        try (Sockwright client = Sockwright.connect("127.0.0.1:1")) {
            SocketException nobody = assertThrows(SocketException.class, () -> client.lab("a"));
            assertEquals(Status.Code.UNAVAILABLE, Failure.behind(nobody).orElseThrow().code());
        }
    }

    private static void until(Watch watch, TcpState state) throws IOException {
        while (watch.next().orElseThrow() instanceof Watch.Happened happened) {
            if (happened.event().getTcpStateChanged().getTo() == state) {
                return;
            }
        }
    }
}
