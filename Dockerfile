# A server in an image of nothing else: static programs, a place for temporary files, and an ordinary user.
#
#   docker build -t sockwright .
#   docker run --cap-drop=ALL --cap-add=NET_RAW --cap-add=NET_ADMIN --read-only --tmpfs /tmp sockwright --listen ... --allow ...
FROM rust:1.95-alpine AS build
RUN apk add --no-cache gcc musl-dev libcap-setcap
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p sockwright-server -p sockwright-client \
    && mkdir -p /image/tmp && chmod 1777 /image/tmp \
    && cp target/release/sockwrightd target/release/sockwright /image/ \
    # Permitted and not effective: without them (no-new-privileges, a smaller bounding set) it starts all the same, and says
    # what it lacks where that is asked for.
    && setcap cap_net_raw,cap_net_admin=p /image/sockwrightd

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 50051
HEALTHCHECK --interval=5s --timeout=3s CMD ["/sockwright", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/sockwrightd"]
