package dev.sockwright.junit;

import dev.sockwright.Failure;
import dev.sockwright.Lab;
import dev.sockwright.Sockwright;
import dev.sockwright.Stack;
import dev.sockwright.v1.AttachRequest;
import dev.sockwright.v1.CreateLabRequest;
import dev.sockwright.v1.Impairments;
import dev.sockwright.v1.LabLink;
import dev.sockwright.v1.LabStack;
import dev.sockwright.v1.RawIp;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;
import org.opentest4j.TestAbortedException;

/**
 * Gives tests a {@link Sockwright}, a {@link Lab} and a peer of their own as parameters, on the server that the variable
 * {@code SOCKWRIGHT_SERVER} names, or on one that is started from {@code SOCKWRIGHTD} for all tests. Without either, the tests are skipped.
 * The peer is a {@link Stack} on 127.0.0.1, where the kernel is the other end; who may not attach one is skipped.
 *
 * <pre>
 * &#64;ExtendWith(SockwrightExtension.class)
 * class ProxyTest {
 *     &#64;Test
 *     &#64;LabOf(stacks = {"client", "server"}, loss = 0.01)
 *     void itHalfCloses(Lab lab) throws IOException { ... }
 * }
 * </pre>
 */
public final class SockwrightExtension implements ParameterResolver {
    private static final Namespace NAMESPACE = Namespace.create(SockwrightExtension.class);

    /** JUnit makes one. */
    public SockwrightExtension() {}

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext test) {
        Class<?> type = parameter.getParameter().getType();
        return type == Sockwright.class || type == Lab.class || type == Stack.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext test) {
        Sockwright client =
                test.getStore(NAMESPACE).computeIfAbsent("client", key -> connect(test), Sockwright.class);
        if (parameter.getParameter().getType() == Sockwright.class) {
            return client;
        }
        if (parameter.getParameter().getType() == Stack.class) {
            return test.getStore(NAMESPACE).computeIfAbsent("peer", key -> peer(client), Stack.class);
        }
        return test.getStore(NAMESPACE).computeIfAbsent("lab", key -> lab(client, parameter, test), Lab.class);
    }

    private static Sockwright connect(ExtensionContext test) {
        String given = System.getenv("SOCKWRIGHT_SERVER");
        if (given != null) {
            return Sockwright.connect(given);
        }
        Server server = test.getRoot()
                .getStore(NAMESPACE)
                .computeIfAbsent("server", key -> Server.start().orElse(null), Server.class);
        if (server == null) {
            throw new TestAbortedException("no server: set SOCKWRIGHT_SERVER or SOCKWRIGHTD");
        }
        return Sockwright.connect(server.address());
    }

    private static Stack peer(Sockwright client) {
        RawIp loopback = RawIp.newBuilder().addAddresses("127.0.0.1").build();
        try {
            return client.attach(AttachRequest.newBuilder().setRawIp(loopback).build());
        } catch (IOException failed) {
            boolean forbidden =
                    Failure.behind(failed).filter(Failure::isDenied).isPresent();
            throw forbidden ? new TestAbortedException(failed.getMessage()) : new IllegalStateException(failed);
        }
    }

    private static Lab lab(Sockwright client, ParameterContext parameter, ExtensionContext test) {
        Optional<LabOf> wanted = parameter
                .findAnnotation(LabOf.class)
                .or(() -> AnnotationSupport.findAnnotation(test.getElement(), LabOf.class))
                .or(() -> AnnotationSupport.findAnnotation(test.getTestClass(), LabOf.class));
        CreateLabRequest.Builder request = CreateLabRequest.newBuilder();
        List<String> stacks = wanted.map(lab -> List.of(lab.stacks())).orElse(List.of("a", "b"));
        stacks.forEach(stack -> request.addStacks(LabStack.newBuilder().setName(stack)));
        wanted.ifPresent(lab -> request.setClock(lab.clock())
                .setSeed(lab.seed())
                .addLinks(LabLink.newBuilder().addAllStacks(stacks).setImpairments(impairments(lab))));
        try {
            return client.lab(request.build());
        } catch (IOException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private static Impairments impairments(LabOf lab) {
        Duration delay = Duration.ofMillis(lab.delayMillis());
        return Impairments.newBuilder()
                .setLoss(lab.loss())
                .setDelay(com.google.protobuf.Duration.newBuilder()
                        .setSeconds(delay.getSeconds())
                        .setNanos(delay.getNano()))
                .build();
    }
}
