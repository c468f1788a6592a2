package dev.sockwright;

import com.google.protobuf.ByteString;
import dev.sockwright.v1.Position;
import dev.sockwright.v1.RecvRequest;
import dev.sockwright.v1.RecvResponse;
import dev.sockwright.v1.SendRequest;
import dev.sockwright.v1.ShutdownHow;
import dev.sockwright.v1.ShutdownRequest;
import dev.sockwright.v1.TcpState;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.Channels;

/** A TCP connection, as {@link java.nio.channels.SocketChannel} in its blocking mode. */
public final class Connection extends Socket implements ByteChannel {
    /** The most octets that one call takes. */
    private static final int CHUNK = 1 << 20;

    private final InetSocketAddress remote;
    private ByteString unread = ByteString.EMPTY;

    Connection(Sockwright client, long id, Position born, InetSocketAddress local, InetSocketAddress remote) {
        super(client, id, born, local);
        this.remote = remote;
    }

    /**
     * The peer's address.
     *
     * @return the address
     */
    public InetSocketAddress remoteAddress() {
        return remote;
    }

    /**
     * Takes octets from the receive buffer. Blocks while there are none and more can come.
     *
     * @return how many; -1 is the end of the stream
     */
    @Override
    public int read(ByteBuffer into) throws IOException {
        synchronized (this) {
            if (!into.hasRemaining()) {
                check();
                return 0;
            }
            if (unread.isEmpty()) {
                int most = Math.min(into.remaining(), CHUNK);
                RecvRequest request = RecvRequest.newBuilder()
                        .setSocket(id())
                        .setMaxBytes(most)
                        .build();
                RecvResponse response = take(() -> client.futures().recv(request));
                if (response.getEndOfStream()) {
                    return -1;
                }
                unread = response.getData();
            }
            int taken = Math.min(into.remaining(), unread.size());
            into.put(unread.substring(0, taken).asReadOnlyByteBuffer());
            unread = unread.substring(taken);
            return taken;
        }
    }

    /**
     * Puts all octets into the send buffer, and blocks while there is no room. Taken is not delivered: see
     * {@link #waitAcknowledged}.
     *
     * @return how many: all of them
     */
    @Override
    public int write(ByteBuffer from) throws IOException {
        int written = 0;
        while (from.hasRemaining()) {
            check();
            ByteBuffer chunk = from.slice(from.position(), Math.min(from.remaining(), CHUNK));
            SendRequest request = SendRequest.newBuilder()
                    .setSocket(id())
                    .setData(ByteString.copyFrom(chunk))
                    .build();
            int taken = Calls.get(() -> client.sockets().send(request)).getAccepted();
            from.position(from.position() + taken);
            written += taken;
        }
        return written;
    }

    /**
     * The half-close: a FIN after the data; reading goes on.
     *
     * @return the state that this makes
     * @throws IOException where it is not connected
     */
    public TcpState shutdownOutput() throws IOException {
        return shutdown(ShutdownHow.SHUTDOWN_HOW_WRITE);
    }

    /**
     * Ends reading. It sends nothing.
     *
     * @return the state
     * @throws IOException where it is not connected
     */
    public TcpState shutdownInput() throws IOException {
        return shutdown(ShutdownHow.SHUTDOWN_HOW_READ);
    }

    private TcpState shutdown(ShutdownHow how) throws IOException {
        check();
        ShutdownRequest request =
                ShutdownRequest.newBuilder().setSocket(id()).setHow(how).build();
        return Calls.get(() -> client.sockets().shutdown(request)).getTcpState();
    }

    /**
     * What is received, as a stream.
     *
     * @return a stream that ends with the peer's FIN
     */
    public InputStream inputStream() {
        return Channels.newInputStream(this);
    }

    /**
     * What is sent, as a stream.
     *
     * @return a stream whose end is that of the connection
     */
    public OutputStream outputStream() {
        return Channels.newOutputStream(this);
    }

    @Override
    public boolean isOpen() {
        return !isClosed();
    }
}
