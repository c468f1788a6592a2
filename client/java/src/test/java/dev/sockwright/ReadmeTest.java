package dev.sockwright;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sockwright.junit.LabOf;
import dev.sockwright.junit.Server;
import dev.sockwright.junit.SockwrightExtension;
import dev.sockwright.v1.TcpState;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The README's lines, in their order; book/check.py holds the two together. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class ReadmeTest {
    @Test
    void thePeerIsInTimeWait() throws IOException {
        Server server = Server.start().orElse(null);
        assumeTrue(server != null, "SOCKWRIGHTD names no server");
        String address = server.address();
        try (Sockwright client = Sockwright.connect(address);
                Lab lab = client.lab("a", "b")) {
            Listener listener = lab.stack("b").listen(new InetSocketAddress("10.0.0.2", 80));
            Connection peer = lab.stack("a").connect(listener.localAddress());
            Connection accepted = listener.accept();

            peer.outputStream().write("hello".getBytes());
            peer.shutdownOutput();
            accepted.inputStream().readAllBytes();
            accepted.close();
            peer.waitFor(TcpState.TCP_STATE_TIME_WAIT);
        } finally {
            server.close();
        }
    }
}

@ExtendWith(SockwrightExtension.class)
class ProxyTest {
    @Test
    @LabOf(stacks = {"client", "server"}, loss = 0.01, seed = 7)
    void itHalfCloses(Lab lab) throws IOException {
        Listener listener = lab.stack("server").listen(new InetSocketAddress("10.0.0.2", 80));
        Connection peer = lab.stack("client").connect(listener.localAddress());
        assertEquals(TcpState.TCP_STATE_FIN_WAIT_1, peer.shutdownOutput());
    }
}
