package dev.sockwright;

import dev.sockwright.v1.AdvanceTimeRequest;
import dev.sockwright.v1.DeleteLabRequest;
import dev.sockwright.v1.Impairments;
import dev.sockwright.v1.SetImpairmentsRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.NoSuchElementException;

/** Stacks that are joined inside the server, with a clock of their own. It needs no privilege. */
public final class Lab implements AutoCloseable {
    private final Sockwright client;
    private final dev.sockwright.v1.Lab lab;

    Lab(Sockwright client, dev.sockwright.v1.Lab lab) {
        this.client = client;
        this.lab = lab;
    }

    /**
     * The connection that it was made on.
     *
     * @return the connection
     */
    public Sockwright client() {
        return client;
    }

    /**
     * Its name.
     *
     * @return the first part of its stacks' names
     */
    public String name() {
        return lab.getName();
    }

    /**
     * All of its stacks.
     *
     * @return in the order in which they were given
     */
    public List<Stack> stacks() {
        return lab.getStacksList().stream().map(client::stack).toList();
    }

    /**
     * One of its stacks.
     *
     * @param name {@code a} of {@code lab/a}
     * @return the stack
     * @throws NoSuchElementException there is none
     */
    public Stack stack(String name) {
        String full = name() + "/" + name;
        if (!lab.getStacksList().contains(full)) {
            throw new NoSuchElementException(name() + " has no stack " + name);
        }
        return client.stack(full);
    }

    /**
     * Moves a clock that is not real, and fires every timer on the way at its own time.
     *
     * @param by how far
     * @return the time in nanoseconds
     * @throws IOException where the clock is real
     */
    public long advance(Duration by) throws IOException {
        AdvanceTimeRequest request = AdvanceTimeRequest.newBuilder()
                .setLab(name())
                .setBy(Calls.duration(by))
                .build();
        return Calls.get(() -> client.networks().advanceTime(request)).getTimeNs();
    }

    /**
     * Changes what its first link does to frames from now on.
     *
     * @param impairments what is not set, the link stops doing
     * @throws IOException where a value is out of its range
     */
    public void impair(Impairments impairments) throws IOException {
        SetImpairmentsRequest request = SetImpairmentsRequest.newBuilder()
                .setLab(name())
                .setLink(lab.getLinks(0).getName())
                .setImpairments(impairments)
                .build();
        Calls.get(() -> client.networks().setImpairments(request));
    }

    /** Deletes it, with its stacks and their sockets, without a segment. */
    @Override
    public void close() throws IOException {
        DeleteLabRequest request = DeleteLabRequest.newBuilder().setName(name()).build();
        Calls.get(() -> client.networks().deleteLab(request));
    }
}
