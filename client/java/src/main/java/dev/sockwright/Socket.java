package dev.sockwright;

import com.google.common.util.concurrent.ListenableFuture;
import dev.sockwright.v1.AbortRequest;
import dev.sockwright.v1.CloseRequest;
import dev.sockwright.v1.Event;
import dev.sockwright.v1.GetInfoRequest;
import dev.sockwright.v1.GetInfoResponse;
import dev.sockwright.v1.Position;
import dev.sockwright.v1.SetOptionsRequest;
import dev.sockwright.v1.SocketOptions;
import dev.sockwright.v1.TcpState;
import dev.sockwright.v1.TcpStates;
import dev.sockwright.v1.WaitForRequest;
import dev.sockwright.v1.WaitForResponse;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedChannelException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** What connections, listeners and datagram sockets have in common. Threads may share one. */
public abstract sealed class Socket implements AutoCloseable permits Connection, Listener, DatagramPeer {
    /** The server that has it. */
    final Sockwright client;

    private final long id;
    private final Position born;
    private final InetSocketAddress local;
    private final ReentrantLock turn = new ReentrantLock(true);
    private volatile boolean closed;
    private volatile int timeout;
    private volatile ListenableFuture<?> pending;

    Socket(Sockwright client, long id, Position born, InetSocketAddress local) {
        this.client = client;
        this.id = id;
        this.born = born;
        this.local = local;
    }

    /**
     * Its name in the contract, for every call that has no method here.
     *
     * @return the identifier
     */
    public final long id() {
        return id;
    }

    /**
     * Its own address.
     *
     * @return the address
     */
    public final InetSocketAddress localAddress() {
        return local;
    }

    /**
     * Bounds what waits to receive, as {@link java.net.Socket#setSoTimeout} does. A timeout ends the wait, and loses nothing.
     *
     * @param millis 0 is for ever
     */
    public final void setSoTimeout(int millis) {
        if (millis < 0) {
            throw new IllegalArgumentException("a timeout below zero: " + millis);
        }
        timeout = millis;
    }

    /**
     * Everything about it: states, sequence numbers, windows, timers, counters. Good also after closing.
     *
     * @return what the server knows
     * @throws IOException where TCP has forgotten it
     */
    public final GetInfoResponse info() throws IOException {
        GetInfoRequest request = GetInfoRequest.newBuilder().setSocket(id).build();
        return Calls.get(() -> client.sockets().getInfo(request));
    }

    /**
     * Its TCP state. Good also after closing.
     *
     * @return unspecified for a datagram socket
     * @throws IOException where TCP has forgotten it
     */
    public final TcpState state() throws IOException {
        return info().getSummary().getTcpState();
    }

    /**
     * Sets options, all of them or none.
     *
     * @param options those that are present
     * @throws IOException where a value is out of its range
     */
    public final void setOptions(SocketOptions options) throws IOException {
        SetOptionsRequest request =
                SetOptionsRequest.newBuilder().setSocket(id).setOptions(options).build();
        Calls.get(() -> client.sockets().setOptions(request));
    }

    /**
     * Waits until the connection is in one of these states, or gives at once when it was, since the socket began: instead of a
     * sleep. Good also after closing.
     *
     * @param states one or more
     * @return what made it so; empty where it was so already
     * @throws IOException ENOTCONN: it is over, and never was there
     */
    public final Optional<Event> waitFor(TcpState... states) throws IOException {
        return waitFor(WaitForRequest.newBuilder()
                .setTcpStates(TcpStates.newBuilder().addAllStates(List.of(states)))
                .setAfter(born)
                .build());
    }

    /**
     * Waits until the peer has acknowledged everything that was sent.
     *
     * @throws IOException where the connection fails first
     */
    public final void waitAcknowledged() throws IOException {
        waitFor(WaitForRequest.newBuilder().setAllAcknowledged(true).build());
    }

    /**
     * Waits until the socket is closed and TCP is through with it, TIME-WAIT included.
     *
     * @throws IOException where the server does not remember so far
     */
    public final void waitReleased() throws IOException {
        waitFor(WaitForRequest.newBuilder().setReleased(true).setAfter(born).build());
    }

    /**
     * Waits for anything that the contract can wait for.
     *
     * @param request the condition; the socket is filled in
     * @return what made it so; empty where it was so already
     * @throws IOException as the contract says
     */
    public final Optional<Event> waitFor(WaitForRequest request) throws IOException {
        WaitForRequest asked = request.toBuilder().setSocket(id).build();
        WaitForResponse response = Calls.get(() -> client.sockets().waitFor(asked));
        return response.hasEvent() ? Optional.of(response.getEvent()) : Optional.empty();
    }

    /**
     * Ends it at once: a connection with a reset.
     *
     * @throws IOException where it is gone already
     */
    public final void abort() throws IOException {
        end();
        AbortRequest request = AbortRequest.newBuilder().setSocket(id).build();
        Calls.get(() -> client.sockets().abort(request));
    }

    /**
     * Lets go of it. What was sent is delivered, and a FIN follows; octets that were not read make it a reset. Again is nothing.
     */
    @Override
    public final void close() throws IOException {
        if (!closed) {
            end();
            CloseRequest request = CloseRequest.newBuilder().setSocket(id).build();
            Calls.get(() -> client.sockets().close(request));
        }
    }

    final boolean isClosed() {
        return closed;
    }

    final void check() throws IOException {
        if (closed) {
            throw new ClosedChannelException();
        }
    }

    /**
     * The answer of a call that takes something from a queue inside the server. It stays under way when the wait for it ends, so that
     * what it takes is for the next who asks. One at a time waits.
     */
    @SuppressWarnings("unchecked")
    final <T> T take(Supplier<ListenableFuture<T>> call) throws IOException {
        turn.lock();
        try {
            check();
            if (pending == null) {
                pending = call.get();
            }
            ListenableFuture<T> waiting = (ListenableFuture<T>) pending;
            if (closed) {
                waiting.cancel(true);
            }
            try {
                T answer = Calls.await(waiting, timeout);
                pending = null;
                return answer;
            } catch (TimeoutException late) {
                throw new SocketTimeoutException("nothing came in time");
            } catch (CancellationException cancelled) {
                throw new ClosedChannelException();
            } catch (IOException failed) {
                if (waiting.isDone()) {
                    pending = null;
                }
                throw failed;
            }
        } finally {
            turn.unlock();
        }
    }

    private void end() {
        closed = true;
        ListenableFuture<?> waiting = pending;
        if (waiting != null) {
            waiting.cancel(true);
        }
    }
}
