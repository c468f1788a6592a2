package dev.sockwright.examples;

import dev.sockwright.Connection;
import dev.sockwright.Lab;
import dev.sockwright.Listener;
import dev.sockwright.Sockwright;
import dev.sockwright.v1.Event;
import dev.sockwright.v1.TcpState;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

/**
 * A TCP connection between two stacks of a lab, from LISTEN to TIME-WAIT and beyond, without a sleep: the lab's clock is virtual, so that
 * the 60 seconds of TIME-WAIT are over at once.
 */
public final class FirstPeer {
    private FirstPeer() {}

    /**
     * Runs it.
     *
     * @param arguments the server, where it is not 127.0.0.1:50051
     * @throws IOException where the server refuses
     */
    public static void main(String... arguments) throws IOException {
        run(arguments.length > 0 ? arguments[0] : "127.0.0.1:50051", System.out);
    }

    static void run(String server, PrintStream out) throws IOException {
        try (Sockwright client = Sockwright.connect(server);
                Lab lab = client.lab("a", "b")) {
            Listener listener = lab.stack("b").listen(new InetSocketAddress("10.0.0.2", 80));
            Connection peer = lab.stack("a").connect(listener.localAddress());
            Connection accepted = listener.accept();

            peer.outputStream().write("hello".getBytes(StandardCharsets.UTF_8));
            peer.shutdownOutput();
            byte[] received = accepted.inputStream().readAllBytes();
            out.println("received: " + new String(received, StandardCharsets.UTF_8));
            accepted.close();
            for (TcpState state : List.of(TcpState.TCP_STATE_TIME_WAIT, TcpState.TCP_STATE_CLOSED)) {
                Event event = peer.waitFor(state).orElseThrow();
                out.printf(Locale.ROOT, "%.6f %s%n", event.getTimeNs() / 1e9, state);
            }
        }
    }
}
