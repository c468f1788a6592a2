package dev.sockwright;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.sockwright.junit.Server;
import io.grpc.Status;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who calls: tokens, certificates, Unix sockets; of a real server that asks. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class AccessTest {
    @TempDir
    static Path files;

    private static Server server;
    private static String address;
    private static String token;

    @BeforeAll
    static void start() throws Exception {
        String program = System.getenv("SOCKWRIGHTD");
        assumeTrue(program != null, "SOCKWRIGHTD names no program");
        said("../certificates", files.toString());
        String made = said(program, "token", "ci");
        token = made.substring(0, made.indexOf('\n'));
        Files.writeString(files.resolve("tokens"), made.substring(token.length()));
        server = Server.start(
                        "127.0.0.1:0",
                        "--tls-cert=" + files.resolve("server.pem"),
                        "--tls-key=" + files.resolve("server.key"),
                        "--tls-client-ca=" + files.resolve("ca.pem"),
                        "--tokens=" + files.resolve("tokens"))
                .orElseThrow();
        address = "https://" + server.address();
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    @Test
    void aTokenLetsIn() throws IOException {
        calls(address, known().withToken(token));
    }

    @Test
    void aCertificateLetsIn() throws IOException {
        calls(address, known().withCertificate(files.resolve("client.pem"), files.resolve("client.key")));
    }

    @Test
    void whoIsNotKnownIsToldHowToBe() {
        for (Access access : new Access[] {known(), known().withToken("sockwright_of_nobody")}) {
            SocketException denied = assertThrows(SocketException.class, () -> calls(address, access));
            Failure failure = Failure.behind(denied).orElseThrow();
            assertEquals(Status.Code.UNAUTHENTICATED, failure.code());
            assertTrue(failure.isDenied());
            assertTrue(failure.getMessage().contains("token"), failure.getMessage());
        }
    }

    @Test
    void aServerThatNobodyVouchesForIsNotCalled() {
        Access access = Access.ofEnvironment().withToken(token);
        SocketException stranger = assertThrows(SocketException.class, () -> calls(address, access));
        assertEquals(
                Status.Code.UNAVAILABLE,
                Failure.behind(stranger).orElseThrow().code());
        Access nowhere = access.withAuthorities(files.resolve("nowhere.pem"));
        assertThrows(UncheckedIOException.class, () -> calls(address, nowhere));
    }

    @Test
    void aUnixSocketIsAnAddress() throws IOException {
        try (Server door = Server.start("unix:" + files.resolve("door")).orElseThrow()) {
            assertEquals("unix:" + files.resolve("door"), door.address());
            calls(door.address(), Access.ofEnvironment());
        }
        assertThrows(IllegalArgumentException.class, () -> Sockwright.connect("ftp://127.0.0.1:1"));
    }

    @Test
    void aTokenGoesToNoOtherMachineInClear() throws IOException {
        JsonObject tokens = JsonParser.parseString(Files.readString(Path.of("../story.json")))
                .getAsJsonObject()
                .getAsJsonObject("tokens");
        Access secret = Access.ofEnvironment().withToken("sockwright_secret");
        for (JsonElement refused : tokens.getAsJsonArray("refused")) {
            String server = refused.getAsString();
            IllegalArgumentException told =
                    assertThrows(IllegalArgumentException.class, () -> Sockwright.connect(server, secret), server);
            assertTrue(told.getMessage().contains("SOCKWRIGHT_INSECURE=1"), told.getMessage());
            assertFalse(told.getMessage().contains("secret"), told.getMessage());
            Sockwright.connect(server).close();
            Sockwright.connect(server, secret.insecure()).close();
        }
        for (JsonElement sent : tokens.getAsJsonArray("sent")) {
            Sockwright.connect(sent.getAsString(), secret).close();
        }
    }

    /** Nobody can change the environment of a Java program that runs: another one is asked. */
    @Test
    void theEnvironmentSaysWhatNobodyElseDoes() throws Exception {
        Files.writeString(files.resolve("token"), token + "\n");
        assertEquals("let in\n", inEnvironment("SOCKWRIGHT_TOKEN", token));
        assertEquals("let in\n", inEnvironment("SOCKWRIGHT_TOKEN_FILE", files.resolve("token")));
        assertEquals(
                "let in\n",
                inEnvironment(
                        "SOCKWRIGHT_CERT", files.resolve("client.pem"), "SOCKWRIGHT_KEY", files.resolve("client.key")));
        assertEquals("UNAUTHENTICATED\n", inEnvironment());
    }

    @Test
    void theEnvironmentSaysWhetherATokenMayGoInClear() throws Exception {
        // Nobody listens there, and what goes there stays on the machine; but who can tell.
        String elsewhere = "http://0.0.0.0:1";
        assertEquals("refused\n", inEnvironment("SOCKWRIGHT_SERVER", elsewhere, "SOCKWRIGHT_TOKEN", token));
        assertEquals(
                "UNAVAILABLE\n",
                inEnvironment(
                        "SOCKWRIGHT_SERVER", elsewhere, "SOCKWRIGHT_TOKEN", token, "SOCKWRIGHT_INSECURE", "1"));
    }

    /** The program that {@link #theEnvironmentSaysWhatNobodyElseDoes} runs. */
    static final class Caller {
        private Caller() {}

        public static void main(String... nothing) throws IOException {
            try (Sockwright client = Sockwright.connect()) {
                client.lab("a").close();
                System.out.println("let in");
            } catch (SocketException failed) {
                System.out.println(Failure.behind(failed).orElseThrow().code());
            } catch (IllegalArgumentException clear) {
                System.out.println("refused");
            }
        }
    }

    private static Access known() {
        return Access.ofEnvironment().withAuthorities(files.resolve("ca.pem"));
    }

    private static void calls(String server, Access access) throws IOException {
        try (Sockwright client = Sockwright.connect(server, access)) {
            client.lab("a").close();
        }
    }

    private static String inEnvironment(Object... variables) throws Exception {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        ProcessBuilder builder = new ProcessBuilder(
                java.toString(), "-cp", System.getProperty("java.class.path"), Caller.class.getName());
        builder.environment().keySet().removeIf(name -> name.startsWith("SOCKWRIGHT_"));
        builder.environment().put("SOCKWRIGHT_SERVER", address);
        builder.environment().put("SOCKWRIGHT_CA", files.resolve("ca.pem").toString());
        for (int i = 0; i < variables.length; i += 2) {
            builder.environment().put(variables[i].toString(), variables[i + 1].toString());
        }
        return said(builder);
    }

    private static String said(String... command) throws Exception {
        return said(new ProcessBuilder(command));
    }

    private static String said(ProcessBuilder builder) throws Exception {
        Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
        return said;
    }
}
