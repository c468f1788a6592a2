package dev.sockwright;

import com.google.common.util.concurrent.ListenableFuture;
import dev.sockwright.v1.SocketAddress;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** What all calls have in common: their failures as Java's own, and the contract's addresses and times. */
final class Calls {
    private Calls() {}

    static <T> T get(Supplier<T> call) throws IOException {
        try {
            return call.get();
        } catch (StatusRuntimeException failure) {
            throw Failure.of(failure);
        }
    }

    /** Waits for a call that is under way. An interruption ends the wait, and not the call. */
    static <T> T await(ListenableFuture<T> call, long millis) throws IOException, TimeoutException {
        try {
            return millis == 0 ? call.get() : call.get(millis, TimeUnit.MILLISECONDS);
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof StatusRuntimeException failure) {
                throw Failure.of(failure);
            }
            throw new IOException(failed.getCause());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException();
        }
    }

    static SocketAddress address(InetSocketAddress address) {
        // One that was not resolved has a name only, which a stack cannot look up: the server says that it is no address.
        String ip = address.isUnresolved() ? address.getHostString() : address.getAddress().getHostAddress();
        return SocketAddress.newBuilder().setIp(ip).setPort(address.getPort()).build();
    }

    static InetSocketAddress address(SocketAddress address) {
        try {
            return new InetSocketAddress(InetAddress.getByName(address.getIp()), address.getPort());
        } catch (UnknownHostException impossible) {
            throw new IllegalStateException("the server gave an address that is none", impossible);
        }
    }

    static com.google.protobuf.Duration duration(Duration time) {
        return com.google.protobuf.Duration.newBuilder()
                .setSeconds(time.getSeconds())
                .setNanos(time.getNano())
                .build();
    }
}
