//! TCP Fast Open (RFC 7413): data in the SYN, for those who hold a cookie.
//!
//! Owns: [`CookieSecret`], the server's cookies, and [`CookieCache`], the client's. Both belong to the engine, not to a
//! connection; what a connection does with them is in `connection/fast_open.rs`.
//!
//! ```text
//! first    SYN <FO>            SYN,ACK <FO 8be3...>      the client keeps the cookie
//! later    SYN 0:100 <FO 8be3...>    SYN,ACK ack 101     the server's user reads before the handshake is over
//! ```

mod cache;
mod secret;

pub(crate) use cache::{Attempt, CookieCache, Path};
pub(crate) use secret::CookieSecret;
