package dev.sockwright;

import dev.sockwright.v1.Delivery;
import dev.sockwright.v1.Event;
import dev.sockwright.v1.Filter;
import dev.sockwright.v1.Gap;
import dev.sockwright.v1.Position;
import dev.sockwright.v1.Snapshot;
import dev.sockwright.v1.SocketSummary;
import dev.sockwright.v1.WatchRequest;
import dev.sockwright.v1.WatchResponse;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The stream of events. When the server goes away it goes on where it was as soon as that is back, and tells a gap if anything was
 * missed. One thread takes; any may close.
 */
public final class Watch implements AutoCloseable {
    /** How long it waits before it tries again, at first and at most, in milliseconds. */
    private static final long RETRY_FIRST = 50;
    private static final long RETRY_MOST = 2000;

    private final Sockwright client;
    private final Filter filter;
    private final ArrayDeque<Update> ready = new ArrayDeque<>();
    private final CountDownLatch closed = new CountDownLatch(1);
    private Map<Long, SocketSummary> sockets = new TreeMap<>();
    private boolean fresh = true;
    private Position position;
    private volatile Context.CancellableContext call;
    private Iterator<WatchResponse> stream;

    /** One thing that a watch tells. */
    public sealed interface Update permits Happened, Missed {}

    /**
     * What happened.
     *
     * @param event all about it
     */
    public record Happened(Event event) implements Update {}

    /**
     * What this watch did not get. {@link Watch#sockets} is what was there behind it, once more is told.
     *
     * @param gap from where to where, and why
     */
    public record Missed(Gap gap) implements Update {}

    Watch(Sockwright client, Filter filter) throws IOException {
        this.client = client;
        this.filter = filter;
        open();
        try {
            while (position == null) {
                take(stream.next());
            }
        } catch (StatusRuntimeException failure) {
            throw Failure.of(failure);
        }
    }

    /**
     * What was there as it began, or behind the last gap.
     *
     * @return by identifier
     */
    public Map<Long, SocketSummary> sockets() {
        return Map.copyOf(sockets);
    }

    /**
     * The next thing that happens. Blocks until there is one.
     *
     * @return empty once it is closed
     * @throws IOException for what trying again does not mend
     */
    public Optional<Update> next() throws IOException {
        long wait = RETRY_FIRST;
        while (ready.isEmpty() && closed.getCount() > 0) {
            try {
                if (stream.hasNext()) {
                    take(stream.next());
                    wait = RETRY_FIRST;
                    continue;
                }
            } catch (StatusRuntimeException failure) {
                if (closed.getCount() > 0 && failure.getStatus().getCode() != Status.Code.UNAVAILABLE) {
                    throw Failure.of(failure);
                }
            }
            pause(wait);
            wait = Math.min(2 * wait, RETRY_MOST);
            fresh = true;
            open();
        }
        return Optional.ofNullable(ready.poll());
    }

    /** Ends the watch. Who waits for its next event gets none. */
    @Override
    public void close() {
        closed.countDown();
        call.cancel(null);
    }

    private void open() {
        WatchRequest.Builder request =
                WatchRequest.newBuilder().setFilter(filter).setDelivery(Delivery.DELIVERY_LOSSLESS);
        if (position != null) {
            request.setResume(position);
        }
        call = Context.current().withCancellation();
        Context before = call.attach();
        try {
            stream = client.events().watch(request.build());
        } finally {
            call.detach(before);
        }
        if (closed.getCount() == 0) {
            call.cancel(null);
        }
    }

    private void take(WatchResponse response) {
        switch (response.getPartCase()) {
            case SNAPSHOT -> {
                Snapshot part = response.getSnapshot();
                if (fresh) {
                    sockets = new TreeMap<>();
                }
                part.getSocketsList().forEach(socket -> sockets.put(socket.getSocket(), socket));
                fresh = part.getLast();
                if (part.getLast()) {
                    position = part.getAt();
                }
            }
            case GAP -> {
                // Should the snapshot break off, it has to come again.
                position = null;
                ready.add(new Missed(response.getGap()));
            }
            case EVENTS -> response.getEvents().getEventsList().forEach(event -> {
                ready.add(new Happened(event));
                position = Position.newBuilder()
                        .setEpoch(response.getEvents().getEpoch())
                        .setSeq(event.getSeq())
                        .build();
            });
            default -> {
                // A part that this client does not know yet.
            }
        }
    }

    private void pause(long millis) {
        try {
            // Over at once when it is closed.
            closed.await(millis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            closed.countDown();
        }
    }
}
