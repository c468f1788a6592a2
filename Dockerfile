# The server and its command line, built from this checkout.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p sockwright-server -p sockwright-client

FROM debian:bookworm-slim
COPY --from=build /src/target/release/sockwrightd /src/target/release/sockwright /usr/local/bin/
EXPOSE 50051
# Inside a container the address is the container's own; who may reach it is the network's business.
ENTRYPOINT ["sockwrightd"]
CMD ["--listen", "0.0.0.0:50051", "--insecure"]
