package dev.sockwright.junit;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A server that runs for tests, from the program that SOCKWRIGHTD names. It ends as it is closed, or with this program. */
public final class Server implements AutoCloseable {
    private static final String READY = "listening on ";

    private final Process process;
    private final Thread hook;
    private final String address;

    private Server(Process process) throws IOException {
        this.process = process;
        hook = new Thread(process::destroy);
        Runtime.getRuntime().addShutdownHook(hook);
        BufferedReader output = process.inputReader(StandardCharsets.UTF_8);
        String line = output.readLine();
        while (line != null && !line.startsWith(READY)) {
            line = output.readLine();
        }
        if (line == null) {
            throw new IOException("the server ended");
        }
        address = line.substring(READY.length()).strip();
    }

    /**
     * Starts a server on a free port.
     *
     * @return empty where no program is named
     */
    public static Optional<Server> start() {
        return start("127.0.0.1:0");
    }

    /**
     * Starts a server.
     *
     * @param listen where it is to listen
     * @param flags what else its command line says
     * @return empty where no program is named
     */
    public static Optional<Server> start(String listen, String... flags) {
        String program = System.getenv("SOCKWRIGHTD");
        if (program == null) {
            return Optional.empty();
        }
        // Kernel peers on loopback, and nobody else.
        List<String> command = new ArrayList<>(List.of(program, "--listen", listen));
        command.addAll(List.of("--allow", "127.0.0.0/8", "--allow", "::1"));
        command.addAll(List.of(flags));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        try {
            return Optional.of(new Server(builder.start()));
        } catch (IOException failed) {
            throw new IllegalStateException("SOCKWRIGHTD names " + program, failed);
        }
    }

    /**
     * Where it listens.
     *
     * @return host and port
     */
    public String address() {
        return address;
    }

    @Override
    public void close() {
        process.destroyForcibly();
        Runtime.getRuntime().removeShutdownHook(hook);
        process.onExit().join();
    }
}
