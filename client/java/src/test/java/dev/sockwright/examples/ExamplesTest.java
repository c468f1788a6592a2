package dev.sockwright.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sockwright.junit.Server;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ExamplesTest {
    @Test
    void firstPeer() throws IOException {
        Server server = Server.start().orElse(null);
        assumeTrue(server != null, "SOCKWRIGHTD names no program");
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        try (server) {
            FirstPeer.run(server.address(), new PrintStream(said, true, StandardCharsets.UTF_8));
        }
        List<String> lines = said.toString(StandardCharsets.UTF_8).lines().toList();
        assertEquals("received: hello", lines.get(0));
        assertTrue(lines.get(1).matches("0\\.\\d{6} TCP_STATE_TIME_WAIT"), lines.get(1));
        assertTrue(lines.get(2).matches("60\\.\\d{6} TCP_STATE_CLOSED"), lines.get(2));
    }
}
