package dev.sockwright;

import dev.sockwright.v1.AttachRequest;
import dev.sockwright.v1.CreateLabRequest;
import dev.sockwright.v1.EventsGrpc;
import dev.sockwright.v1.Filter;
import dev.sockwright.v1.LabStack;
import dev.sockwright.v1.NetworksGrpc;
import dev.sockwright.v1.OnExpiry;
import dev.sockwright.v1.OpenRequest;
import dev.sockwright.v1.SessionsGrpc;
import dev.sockwright.v1.SocketsGrpc;
import dev.sockwright.v1.TracesGrpc;
import dev.sockwright.v1.TrafficGrpc;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A connection to one server. Threads may share it. */
public final class Sockwright implements AutoCloseable {
    /** A call may wait for hours; a server that is gone should not take as long to be missed. */
    private static final Duration PING_AFTER = Duration.ofSeconds(30);
    private static final Duration PING_TIMEOUT = Duration.ofSeconds(20);

    private static final Pattern ADDRESS =
            Pattern.compile("(?<scheme>https?://)?(?<target>unix:/.*|[^/]+?)/?");

    private final ManagedChannel channel;

    private Sockwright(ManagedChannel channel) {
        this.channel = channel;
    }

    /**
     * Names the server of the environment: {@code SOCKWRIGHT_SERVER}, or 127.0.0.1:50051.
     *
     * @return the connection, which is to be closed
     */
    public static Sockwright connect() {
        return connect(Access.variable("SOCKWRIGHT_SERVER").orElse("127.0.0.1:50051"));
    }

    /**
     * Names a server, with what the environment says of who calls it.
     *
     * @param server {@code 127.0.0.1:50051}, {@code https://host:port} for TLS, {@code unix:/path}
     * @return the connection, which is to be closed
     */
    public static Sockwright connect(String server) {
        return connect(server, Access.ofEnvironment());
    }

    /**
     * Names a server. The first call finds out whether it is there.
     *
     * @param server {@code 127.0.0.1:50051}, {@code https://host:port} for TLS, {@code unix:/path}
     * @param access who calls it
     * @return the connection, which is to be closed
     * @throws IllegalArgumentException where it is no such address, or a token would go in clear to another machine
     * @throws UncheckedIOException where a file of the access cannot be read
     */
    public static Sockwright connect(String server, Access access) {
        Matcher address = ADDRESS.matcher(server);
        if (!address.matches()) {
            throw new IllegalArgumentException(
                    server + ": neither http:// nor https://, nor unix:/path, nor host:port");
        }
        try {
            String target = address.group("target");
            boolean tls = "https://".equals(address.group("scheme"));
            ChannelCredentials credentials = tls ? access.tls() : InsecureChannelCredentials.create();
            ManagedChannelBuilder<?> channel = Grpc.newChannelBuilder(target, credentials)
                    .intercept(MetadataUtils.newAttachHeadersInterceptor(access.metadata(target, tls)))
                    .keepAliveTime(PING_AFTER.toSeconds(), TimeUnit.SECONDS)
                    .keepAliveTimeout(PING_TIMEOUT.toSeconds(), TimeUnit.SECONDS);
            if (server.startsWith("unix:")) {
                // A path is no authority that HTTP knows.
                channel.overrideAuthority("localhost");
            }
            return new Sockwright(channel.build());
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    /**
     * The socket calls as the contract has them.
     *
     * @return a stub
     */
    public SocketsGrpc.SocketsBlockingStub sockets() {
        return SocketsGrpc.newBlockingStub(channel);
    }

    /**
     * The stream of events as the contract has it.
     *
     * @return a stub
     */
    public EventsGrpc.EventsBlockingStub events() {
        return EventsGrpc.newBlockingStub(channel);
    }

    /**
     * Labs, stacks and their time, as the contract has them.
     *
     * @return a stub
     */
    public NetworksGrpc.NetworksBlockingStub networks() {
        return NetworksGrpc.newBlockingStub(channel);
    }

    /**
     * Leases as the contract has them.
     *
     * @return a stub
     */
    public SessionsGrpc.SessionsBlockingStub sessions() {
        return SessionsGrpc.newBlockingStub(channel);
    }

    /**
     * What the server knows of a session, as one file, as the contract has it.
     *
     * @return a stub
     */
    public TracesGrpc.TracesBlockingStub traces() {
        return TracesGrpc.newBlockingStub(channel);
    }

    /**
     * Workloads that run inside the server, as the contract has them.
     *
     * @return a stub
     */
    public TrafficGrpc.TrafficBlockingStub traffic() {
        return TrafficGrpc.newBlockingStub(channel);
    }

    /** The calls that a deadline of this side may leave under way. */
    SocketsGrpc.SocketsFutureStub futures() {
        return SocketsGrpc.newFutureStub(channel);
    }

    /**
     * A stack by its name. That there is one is found out by the first call.
     *
     * @param name {@code lab/a}, or that of one which was attached to a real link
     * @return the stack
     */
    public Stack stack(String name) {
        return new Stack(this, name);
    }

    /**
     * Makes a lab with a virtual clock: stacks with the addresses 10.0.0.1 and up, on one link.
     *
     * @param stacks their names
     * @return the lab, which ends as it is closed
     * @throws IOException where the server refuses
     */
    public Lab lab(String... stacks) throws IOException {
        CreateLabRequest.Builder request = CreateLabRequest.newBuilder();
        for (String stack : stacks) {
            request.addStacks(LabStack.newBuilder().setName(stack));
        }
        return lab(request.build());
    }

    /**
     * Makes a lab.
     *
     * @param request everything about it
     * @return the lab, which ends as it is closed
     * @throws IOException where the server refuses
     */
    public Lab lab(CreateLabRequest request) throws IOException {
        return new Lab(this, Calls.get(() -> networks().createLab(request)).getLab());
    }

    /**
     * Makes a stack on a real link.
     *
     * @param request the link
     * @return the stack, which is detached as it is closed
     * @throws IOException where the server refuses
     */
    public Stack attach(AttachRequest request) throws IOException {
        return stack(Calls.get(() -> networks().attach(request)).getStack().getName());
    }

    /**
     * Opens a session and keeps it alive.
     *
     * @param lease how long it outlives this program
     * @param onExpiry what becomes of its sockets then
     * @return the session, which ends as it is closed
     * @throws IOException where the server refuses
     */
    public Session session(Duration lease, OnExpiry onExpiry) throws IOException {
        OpenRequest request = OpenRequest.newBuilder()
                .setLease(Calls.duration(lease))
                .setOnExpiry(onExpiry)
                .build();
        return new Session(this, Calls.get(() -> sessions().open(request)));
    }

    /**
     * Watches events, from here on: nothing is missed.
     *
     * @param filter which; without kinds it tells states and errors, which cost nothing
     * @return the watch, which ends as it is closed
     * @throws IOException where the server refuses
     */
    public Watch watch(Filter filter) throws IOException {
        return new Watch(this, filter);
    }

    /** Lets go of the server. Sockets stay as they are, unless the lease of a session decides otherwise. */
    @Override
    public void close() {
        channel.shutdownNow();
    }
}
