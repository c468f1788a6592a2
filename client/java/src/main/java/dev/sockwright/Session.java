package dev.sockwright;

import dev.sockwright.v1.KeepAliveRequest;
import dev.sockwright.v1.OpenResponse;
import dev.sockwright.v1.SessionsCloseRequest;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** A lease: what belongs to it ends by its policy when this program is gone. */
public final class Session implements AutoCloseable {
    private final Sockwright client;
    private final String id;
    private final ScheduledExecutorService timer;

    Session(Sockwright client, OpenResponse opened) {
        this.client = client;
        id = opened.getSession();
        timer = Executors.newSingleThreadScheduledExecutor(run -> {
            Thread thread = new Thread(run, "sockwright session " + id);
            thread.setDaemon(true);
            return thread;
        });
        long lease = TimeUnit.SECONDS.toMillis(opened.getLease().getSeconds())
                + TimeUnit.NANOSECONDS.toMillis(opened.getLease().getNanos());
        // Three times as often as it has to be: a call that fails is made good by the next.
        long every = Math.max(lease / 3, 1);
        timer.scheduleAtFixedRate(() -> keepAlive(every), every, every, TimeUnit.MILLISECONDS);
    }

    /**
     * Its name in the contract.
     *
     * @return the identifier
     */
    public String id() {
        return id;
    }

    /** Ends it now. What belongs to it ends by its policy. */
    @Override
    public void close() throws IOException {
        timer.shutdownNow();
        SessionsCloseRequest request =
                SessionsCloseRequest.newBuilder().setSession(id).build();
        Calls.get(() -> client.sessions().close(request));
    }

    private void keepAlive(long millis) {
        try {
            KeepAliveRequest request = KeepAliveRequest.newBuilder().setSession(id).build();
            client.sessions().withDeadlineAfter(millis, TimeUnit.MILLISECONDS).keepAlive(request);
        } catch (StatusRuntimeException lost) {
            // The next one makes it good, or nobody can.
            return;
        }
    }
}
