package dev.sockwright;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.Status;
import dev.sockwright.v1.SocketError;
import dev.sockwright.v1.TcpState;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedChannelException;
import java.util.Optional;

/**
 * Why a call failed, in the words of gRPC and of POSIX: the cause of every {@link IOException} that this package throws for
 * a server.
 *
 * <p>The exceptions are those of {@code java.net}: {@link ConnectException} (ECONNREFUSED), {@link BindException} (EADDRINUSE,
 * EADDRNOTAVAIL), {@link NoRouteToHostException} (EHOSTUNREACH, ENETUNREACH), {@link SocketTimeoutException} (ETIMEDOUT),
 * {@link ClosedChannelException} (EBADF) and otherwise {@link SocketException}.
 */
public final class Failure extends Exception {
    private static final long serialVersionUID = 1;

    private final io.grpc.Status.Code code;
    private final String errno;
    private final TcpState tcpState;
    private final long socket;

    private Failure(io.grpc.Status status, SocketError detail, Throwable cause) {
        super(message(status, detail), cause);
        code = status.getCode();
        errno = detail.getErrnoName();
        tcpState = detail.getTcpState();
        socket = detail.getSocket();
    }

    /**
     * The failure behind an exception.
     *
     * @param exception what was thrown
     * @return empty where no server is to blame
     */
    public static Optional<Failure> behind(IOException exception) {
        return exception.getCause() instanceof Failure failure ? Optional.of(failure) : Optional.empty();
    }

    /**
     * The gRPC status.
     *
     * @return its code
     */
    public io.grpc.Status.Code code() {
        return code;
    }

    /**
     * The errno's symbol.
     *
     * @return such as {@code ECONNREFUSED}; empty where there is none
     */
    public String errno() {
        return errno;
    }

    /**
     * The state in which the call found the connection.
     *
     * @return unspecified where there was none
     */
    public TcpState tcpState() {
        return tcpState;
    }

    /**
     * The socket concerned.
     *
     * @return its name in the contract; 0 is none
     */
    public long socket() {
        return socket;
    }

    /**
     * Whether the server does not know the caller, or does not let it.
     *
     * @return true of UNAUTHENTICATED and PERMISSION_DENIED
     */
    public boolean isDenied() {
        return code == io.grpc.Status.Code.UNAUTHENTICATED || code == io.grpc.Status.Code.PERMISSION_DENIED;
    }

    static IOException of(StatusRuntimeException thrown) {
        Failure failure = new Failure(thrown.getStatus(), detail(thrown), thrown);
        IOException exception =
                switch (failure.errno) {
                    case "ECONNREFUSED" -> new ConnectException(failure.getMessage());
                    case "EADDRINUSE", "EADDRNOTAVAIL" -> new BindException(failure.getMessage());
                    case "EHOSTUNREACH", "ENETUNREACH" -> new NoRouteToHostException(failure.getMessage());
                    case "ETIMEDOUT" -> new SocketTimeoutException(failure.getMessage());
                    case "EBADF" -> new ClosedChannelException();
                    default -> new SocketException(failure.getMessage());
                };
        exception.initCause(failure);
        return exception;
    }

    private static SocketError detail(StatusRuntimeException thrown) {
        Status status = StatusProto.fromThrowable(thrown);
        for (Any detail : status == null ? java.util.List.<Any>of() : status.getDetailsList()) {
            if (detail.is(SocketError.class)) {
                try {
                    return detail.unpack(SocketError.class);
                } catch (InvalidProtocolBufferException foreign) {
                    break;
                }
            }
        }
        return SocketError.getDefaultInstance();
    }

    private static String message(io.grpc.Status status, SocketError detail) {
        String name = detail.getErrnoName().isEmpty() ? status.getCode().name() : detail.getErrnoName();
        return name + ": " + (detail.getMessage().isEmpty() ? status.getDescription() : detail.getMessage());
    }
}
