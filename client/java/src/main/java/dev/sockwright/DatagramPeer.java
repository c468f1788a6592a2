package dev.sockwright;

import com.google.protobuf.ByteString;
import dev.sockwright.v1.Position;
import dev.sockwright.v1.RecvFromRequest;
import dev.sockwright.v1.RecvFromResponse;
import dev.sockwright.v1.SendToRequest;
import java.io.IOException;
import java.net.InetSocketAddress;

/** A UDP socket. */
public final class DatagramPeer extends Socket {
    /** The most octets of a datagram. */
    private static final int MOST = 65_535;

    DatagramPeer(Sockwright client, long id, Position born, InetSocketAddress local) {
        super(client, id, born, local);
    }

    /**
     * A datagram, and where it came from.
     *
     * @param data its octets
     * @param from the sender
     */
    public record Datagram(byte[] data, InetSocketAddress from) {}

    /**
     * Sends one datagram.
     *
     * @param data its octets
     * @param to the receiver
     * @throws IOException EMSGSIZE: too long
     */
    public void send(byte[] data, InetSocketAddress to) throws IOException {
        check();
        SendToRequest request = SendToRequest.newBuilder()
                .setSocket(id())
                .setData(ByteString.copyFrom(data))
                .setRemote(Calls.address(to))
                .build();
        Calls.get(() -> client.sockets().sendTo(request));
    }

    /**
     * Takes the oldest datagram. Blocks while there is none.
     *
     * @return the datagram, whole
     * @throws IOException ECONNREFUSED: what was sent before found no port
     */
    public Datagram receive() throws IOException {
        RecvFromRequest request =
                RecvFromRequest.newBuilder().setSocket(id()).setMaxBytes(MOST).build();
        RecvFromResponse response = take(() -> client.futures().recvFrom(request));
        return new Datagram(response.getData().toByteArray(), Calls.address(response.getRemote()));
    }
}
