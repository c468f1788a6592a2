/**
 * Real TCP and UDP peers of a Sockwright server, driven and watched over gRPC.
 *
 * <pre>{@code
 * try (Sockwright client = Sockwright.connect("127.0.0.1:50051");
 *         Lab lab = client.lab("a", "b")) {
 *     Listener listener = lab.stack("b").listen(new InetSocketAddress("10.0.0.2", 80));
 *     Connection peer = lab.stack("a").connect(listener.localAddress());
 *     Connection accepted = listener.accept();
 *     peer.shutdownOutput();
 *     accepted.close();
 *     peer.waitFor(TcpState.TCP_STATE_TIME_WAIT);
 * }
 * }</pre>
 *
 * <p>What it has no method for, the contract has: {@link dev.sockwright.Sockwright#sockets()} and its like are the generated
 * stubs, and their messages are in {@code dev.sockwright.v1}.
 */
package dev.sockwright;
