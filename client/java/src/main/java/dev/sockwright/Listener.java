package dev.sockwright;

import dev.sockwright.v1.AcceptRequest;
import dev.sockwright.v1.AcceptResponse;
import dev.sockwright.v1.Position;
import java.io.IOException;
import java.net.InetSocketAddress;

/** A socket that listens. */
public final class Listener extends Socket {
    Listener(Sockwright client, long id, Position born, InetSocketAddress local) {
        super(client, id, born, local);
    }

    /**
     * Takes the oldest connection whose handshake is over. Blocks while there is none.
     *
     * @return the connection
     * @throws IOException {@link java.nio.channels.ClosedChannelException} as it is closed
     */
    public Connection accept() throws IOException {
        AcceptRequest request = AcceptRequest.newBuilder().setSocket(id()).build();
        AcceptResponse accepted = take(() -> client.futures().accept(request));
        return new Connection(
                client,
                accepted.getSocket(),
                accepted.getAt(),
                Calls.address(accepted.getLocal()),
                Calls.address(accepted.getRemote()));
    }
}
