package dev.sockwright;

import dev.sockwright.v1.AbortRequest;
import dev.sockwright.v1.BindRequest;
import dev.sockwright.v1.ConnectRequest;
import dev.sockwright.v1.ConnectResponse;
import dev.sockwright.v1.CreateRequest;
import dev.sockwright.v1.CreateResponse;
import dev.sockwright.v1.DetachRequest;
import dev.sockwright.v1.ListenRequest;
import dev.sockwright.v1.ListenResponse;
import dev.sockwright.v1.SocketAddress;
import dev.sockwright.v1.SocketKind;
import java.io.IOException;
import java.net.InetSocketAddress;

/** A TCP/IP host inside the server: in a lab, or on a real link. */
public final class Stack implements AutoCloseable {
    private final Sockwright client;
    private final String name;

    Stack(Sockwright client, String name) {
        this.client = client;
        this.name = name;
    }

    /**
     * Its name.
     *
     * @return as the contract calls it, {@code lab/a}
     */
    public String name() {
        return name;
    }

    /**
     * Opens a connection, and blocks through its three-way handshake. One that fails leaves nothing behind.
     *
     * @param remote the peer; not a name: a stack asks no DNS
     * @return the connection
     * @throws IOException {@link java.net.ConnectException} where nobody listens, and what {@link Failure} lists
     */
    public Connection connect(InetSocketAddress remote) throws IOException {
        return connect(remote, CreateRequest.getDefaultInstance());
    }

    /**
     * Opens a connection from a socket of the caller's choosing.
     *
     * @param remote the peer
     * @param socket its label, session and options
     * @return the connection
     * @throws IOException as the other form
     */
    public Connection connect(InetSocketAddress remote, CreateRequest socket) throws IOException {
        CreateResponse made = create(socket, SocketKind.SOCKET_KIND_STREAM);
        ConnectRequest request = ConnectRequest.newBuilder()
                .setSocket(made.getSocket())
                .setRemote(Calls.address(remote))
                .build();
        ConnectResponse connected = orAbort(made, () -> client.sockets().connect(request));
        return new Connection(
                client,
                made.getSocket(),
                made.getAt(),
                Calls.address(connected.getLocal()),
                Calls.address(connected.getRemote()));
    }

    /**
     * Binds a socket and listens. From here on the stack completes handshakes, whether anybody accepts or not.
     *
     * @param local where; port 0 is any free one
     * @return the listener
     * @throws IOException {@link java.net.BindException}
     */
    public Listener listen(InetSocketAddress local) throws IOException {
        return listen(local, CreateRequest.getDefaultInstance(), 0);
    }

    /**
     * Listens on a socket of the caller's choosing.
     *
     * @param local where
     * @param socket its label, session and options: those of the connections that arrive
     * @param backlog how many may wait to be accepted; 0 is the server's default
     * @return the listener
     * @throws IOException {@link java.net.BindException}
     */
    public Listener listen(InetSocketAddress local, CreateRequest socket, int backlog) throws IOException {
        CreateResponse made = create(socket, SocketKind.SOCKET_KIND_STREAM);
        bind(made, local);
        ListenRequest request = ListenRequest.newBuilder()
                .setSocket(made.getSocket())
                .setBacklog(backlog)
                .build();
        ListenResponse listening = orAbort(made, () -> client.sockets().listen(request));
        return new Listener(client, made.getSocket(), made.getAt(), Calls.address(listening.getLocal()));
    }

    /**
     * Makes a UDP socket.
     *
     * @param local where; port 0 is any free one
     * @return the socket
     * @throws IOException {@link java.net.BindException}
     */
    public DatagramPeer datagrams(InetSocketAddress local) throws IOException {
        CreateResponse made = create(CreateRequest.getDefaultInstance(), SocketKind.SOCKET_KIND_DATAGRAM);
        return new DatagramPeer(client, made.getSocket(), made.getAt(), Calls.address(bind(made, local)));
    }

    /** Removes an attached stack; its connections are reset. */
    @Override
    public void close() throws IOException {
        DetachRequest request = DetachRequest.newBuilder().setName(name).build();
        Calls.get(() -> client.networks().detach(request));
    }

    private CreateResponse create(CreateRequest socket, SocketKind kind) throws IOException {
        CreateRequest request = socket.toBuilder().setStack(name).setKind(kind).build();
        return Calls.get(() -> client.sockets().create(request));
    }

    private SocketAddress bind(CreateResponse made, InetSocketAddress local) throws IOException {
        BindRequest request = BindRequest.newBuilder()
                .setSocket(made.getSocket())
                .setLocal(Calls.address(local))
                .build();
        return orAbort(made, () -> client.sockets().bind(request)).getLocal();
    }

    private <T> T orAbort(CreateResponse made, java.util.function.Supplier<T> call) throws IOException {
        try {
            return Calls.get(call);
        } catch (IOException failed) {
            AbortRequest request =
                    AbortRequest.newBuilder().setSocket(made.getSocket()).build();
            try {
                Calls.get(() -> client.sockets().abort(request));
            } catch (IOException alsoFailed) {
                failed.addSuppressed(alsoFailed);
            }
            throw failed;
        }
    }
}
