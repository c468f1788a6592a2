package dev.sockwright;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sockwright.junit.SockwrightExtension;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The Linux kernel at the other end, on loopback. */
@ExtendWith(SockwrightExtension.class)
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class KernelTest {
    @Test
    void whoOpensIsOurs(Stack peer) throws Exception {
        try (ServerSocket kernel = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            Connection ours = peer.connect((InetSocketAddress) kernel.getLocalSocketAddress());
            Socket accepted = kernel.accept();
            assertEquals(ours.localAddress(), accepted.getRemoteSocketAddress());
            exchange(ours, accepted);
        }
    }

    @Test
    void whoListensIsOurs(Stack peer) throws Exception {
        try (Listener listener = peer.listen(new InetSocketAddress("127.0.0.1", 0))) {
            CompletableFuture<Socket> kernel = inBackground(() -> {
                InetSocketAddress there = listener.localAddress();
                return new Socket(there.getAddress(), there.getPort());
            });
            exchange(listener.accept(), kernel.get());
        }
    }

    @Test
    void nothingButLoopbackIsAllowed(Stack peer) {
        InetSocketAddress elsewhere = new InetSocketAddress("192.0.2.1", 9);
        SocketException denied = assertThrows(SocketException.class, () -> peer.connect(elsewhere));
        Failure failure = Failure.behind(denied).orElseThrow();
        assertTrue(failure.isDenied());
        assertEquals("EPERM", failure.errno());
    }

    /** Octets both ways at once, and both half-closes. */
    private static void exchange(Connection ours, Socket kernel) throws Exception {
        byte[] there = octets(200_000);
        byte[] back = octets(100_000);
        CompletableFuture<byte[]> arrived = inBackground(() -> kernel.getInputStream().readAllBytes());
        CompletableFuture<byte[]> returned = inBackground(() -> ours.inputStream().readAllBytes());
        CompletableFuture<Void> sent = inBackground(() -> {
            kernel.getOutputStream().write(back);
            kernel.shutdownOutput();
            return null;
        });
        ours.outputStream().write(there);
        ours.shutdownOutput();
        sent.get();
        assertArrayEquals(there, arrived.get());
        assertArrayEquals(back, returned.get());
        kernel.close();
        ours.close();
    }

    private static byte[] octets(int count) {
        byte[] octets = new byte[count];
        new Random(count).nextBytes(octets);
        return octets;
    }

    private interface Work<T> {
        T done() throws IOException;
    }

    private static <T> CompletableFuture<T> inBackground(Work<T> work) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return work.done();
            } catch (IOException failed) {
                throw new IllegalStateException(failed);
            }
        });
    }
}
