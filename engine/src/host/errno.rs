//! What goes wrong with a call, in the words of POSIX.

use core::fmt;

use crate::tcp::state::State;

macro_rules! errnos {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        /// An error of POSIX, with Linux's number on x86-64.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Errno { $(#[doc = $meaning] $name = $number,)* }

        impl Errno {
            /// Every one.
            pub const ALL: &[Errno] = &[$(Errno::$name,)*];

            /// The symbol.
            pub const fn name(self) -> &'static str {
                match self { $(Errno::$name => stringify!($name),)* }
            }

            /// Linux's number.
            pub const fn number(self) -> i32 {
                self as i32
            }

            /// What it means, as a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Errno::$name => $meaning,)* }
            }
        }
    };
}

errnos! {
    EPERM = 1, "The server lacks the privilege for this.";
    ENOENT = 2, "There is no such thing.";
    EBADF = 9, "There is no such socket, or its caller closed it.";
    EAGAIN = 11, "It would have to wait.";
    ENODEV = 19, "There is no such stack or interface.";
    EINVAL = 22, "An argument makes no sense here.";
    EMFILE = 24, "The stack has as many sockets as its limit allows.";
    EPIPE = 32, "This side was shut down for writing, or the connection has ended.";
    EOVERFLOW = 75, "What was asked for is no longer remembered.";
    EDESTADDRREQ = 89, "A datagram socket without a peer needs an address.";
    EMSGSIZE = 90, "The message is too long.";
    EOPNOTSUPP = 95, "This kind of socket has no such call.";
    EAFNOSUPPORT = 97, "The address is of the other family, or the stack has no address of that family.";
    EADDRINUSE = 98, "The port is taken.";
    EADDRNOTAVAIL = 99, "It is not an address of this stack, or no port is free.";
    ENETDOWN = 100, "The stack or its link is gone.";
    ENETUNREACH = 101, "There is no route to that network.";
    ECONNABORTED = 103, "The socket was closed or aborted meanwhile.";
    ECONNRESET = 104, "The peer reset the connection.";
    ENOBUFS = 105, "A limit of the stack was reached.";
    EISCONN = 106, "The socket is connected, connecting or listening.";
    ENOTCONN = 107, "The socket is not connected.";
    ETIMEDOUT = 110, "The peer did not answer in time.";
    ECONNREFUSED = 111, "The peer refused: nobody listens there.";
    EHOSTUNREACH = 113, "ICMP said that the host cannot be reached.";
    EALREADY = 114, "A connect is under way.";
    EINPROGRESS = 115, "The handshake was started and goes on.";
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpError {
    /// The error.
    pub errno: Errno,
    /// The TCP state that the call found.
    pub state: Option<State>,
    /// More than [`Errno::meaning`] says, where there is more.
    pub detail: Option<&'static str>,
}

impl From<Errno> for OpError {
    fn from(errno: Errno) -> Self {
        OpError { errno, state: None, detail: None }
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.errno, self.detail.unwrap_or(self.errno.meaning()))?;
        match self.state {
            Some(state) => write!(f, " (TCP state {state})"),
            None => Ok(()),
        }
    }
}
