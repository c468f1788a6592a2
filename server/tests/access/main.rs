//! Who may call a server, by real sockets: TLS, certificates, tokens, users of the machine.

mod authority;
mod limits;
mod process;
mod rig;
mod silence;
mod tls;
mod tokens;
mod users;
