//! Who may call a server, by real sockets: TLS, certificates, tokens, users of the machine.

mod authority;
mod process;
mod rig;
mod tls;
mod tokens;
mod users;
