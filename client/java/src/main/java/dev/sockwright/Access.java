package dev.sockwright;

import io.grpc.ChannelCredentials;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * How a server is known to be that one, and who calls it. What is not given comes from the environment: {@code SOCKWRIGHT_TOKEN}, or the file
 * that {@code SOCKWRIGHT_TOKEN_FILE} names; {@code SOCKWRIGHT_CA}; {@code SOCKWRIGHT_CERT} and {@code SOCKWRIGHT_KEY}. Files are PEM, and are
 * read as the connection is made. A token goes over TLS, to loopback and to Unix sockets; to another machine it goes in clear with
 * {@code SOCKWRIGHT_INSECURE=1}, or {@link #insecure}, alone.
 *
 * <pre>
 * Sockwright.connect("https://lab.example:50051", Access.ofEnvironment().withToken(token));
 * </pre>
 */
public final class Access {
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final Pattern LOOPBACK = Pattern.compile(
            "(localhost|127(\\.(25[0-5]|2[0-4]\\d|1?\\d?\\d)){3}|\\[::1\\])(:\\d+)?", Pattern.CASE_INSENSITIVE);

    private final Optional<String> token;
    private final Optional<Path> authorities;
    private final Optional<Path> certificate;
    private final Optional<Path> key;
    private final boolean insecure;

    private Access(
            Optional<String> token,
            Optional<Path> authorities,
            Optional<Path> certificate,
            Optional<Path> key,
            boolean insecure) {
        this.token = token;
        this.authorities = authorities;
        this.certificate = certificate;
        this.key = key;
        this.insecure = insecure;
    }

    /**
     * What the environment says, and nothing else.
     *
     * @return the access
     */
    public static Access ofEnvironment() {
        return new Access(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), false);
    }

    /**
     * The same, with a bearer token that each call carries.
     *
     * @param token the token
     * @return the access
     */
    public Access withToken(String token) {
        return new Access(Optional.of(token), authorities, certificate, key, insecure);
    }

    /**
     * The same, believing these authorities, and no others, about the server.
     *
     * @param file their certificates
     * @return the access
     */
    public Access withAuthorities(Path file) {
        return new Access(token, Optional.of(file), certificate, key, insecure);
    }

    /**
     * The same, with a certificate of one's own.
     *
     * @param certificate the file of the certificate, and of those between it and an authority
     * @param key the file of its key, as PKCS #8
     * @return the access
     */
    public Access withCertificate(Path certificate, Path key) {
        return new Access(token, authorities, Optional.of(certificate), Optional.of(key), insecure);
    }

    /**
     * The same, with the token sent in clear to other machines too, where the network is private.
     *
     * @return the access
     */
    public Access insecure() {
        return new Access(token, authorities, certificate, key, true);
    }

    /** TLS with all of this but the token. */
    ChannelCredentials tls() throws IOException {
        TlsChannelCredentials.Builder credentials = TlsChannelCredentials.newBuilder();
        Optional<Path> ca = authorities.or(() -> named("SOCKWRIGHT_CA"));
        if (ca.isPresent()) {
            credentials.trustManager(ca.get().toFile());
        }
        Optional<Path> mine = certificate.or(() -> named("SOCKWRIGHT_CERT"));
        if (mine.isPresent()) {
            Path secret = key.or(() -> named("SOCKWRIGHT_KEY"))
                    .orElseThrow(() -> new IOException(mine.get() + ": a certificate and its key go together"));
            credentials.keyManager(mine.get().toFile(), secret.toFile());
        }
        return credentials.build();
    }

    /** What each call carries to this target. */
    Metadata metadata(String target, boolean tls) throws IOException {
        Optional<String> bearer = token.or(() -> variable("SOCKWRIGHT_TOKEN"));
        Optional<Path> file = named("SOCKWRIGHT_TOKEN_FILE");
        if (bearer.isEmpty() && file.isPresent()) {
            bearer = Optional.of(Files.readString(file.get()).strip());
        }
        boolean well = insecure || "1".equals(System.getenv("SOCKWRIGHT_INSECURE"));
        if (bearer.isPresent() && !tls && !well && !staysHere(target)) {
            throw new IllegalArgumentException(target
                    + ": the token would go there in clear: name the server with https://, or set SOCKWRIGHT_INSECURE=1 where the"
                    + " network is private");
        }
        Metadata metadata = new Metadata();
        bearer.ifPresent(secret -> metadata.put(AUTHORIZATION, "Bearer " + secret));
        return metadata;
    }

    /** Whether what goes to the target does not leave the machine: a name but localhost leads wherever DNS says. */
    private static boolean staysHere(String target) {
        return target.startsWith("unix:") || LOOPBACK.matcher(target).matches();
    }

    /** A variable of the environment that says something. */
    static Optional<String> variable(String name) {
        return Optional.ofNullable(System.getenv(name)).filter(value -> !value.isEmpty());
    }

    private static Optional<Path> named(String name) {
        return variable(name).map(Path::of);
    }
}
