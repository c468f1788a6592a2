//! The verbs of the service `Sessions`.

use std::time::Duration;

use clap::Subcommand;
use sockwright_client::v1::OnExpiry;

use crate::names::Words;
use crate::parse::duration::{duration, std_duration};

/// What to do with sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionVerb {
    /// Open a session, and print its name
    Open {
        /// How long it lives without a keep-alive [default: 30s]
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        lease: Option<prost_types::Duration>,
        /// What becomes of its sockets at its end
        #[arg(long, value_name = "POLICY", value_parser = Words::<OnExpiry>::parser(), default_value = "reset")]
        on_expiry: OnExpiry,
        /// Any text, for people
        #[arg(long, value_name = "LABEL", default_value = "", hide_default_value = true)]
        label: String,
        /// A second call with the same key opens nothing
        #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
        idempotency_key: String,
    },
    /// Start the lease of a session anew, and print it
    KeepAlive {
        /// The session
        session: String,
        /// Again and again, until interrupted
        #[arg(long, value_name = "DURATION", value_parser = std_duration)]
        every: Option<Duration>,
    },
    /// End a session now, and print how many sockets its policy was applied to
    Close {
        /// The session
        session: String,
        /// In place of the policy it was opened with
        #[arg(long, value_name = "POLICY", value_parser = Words::<OnExpiry>::parser())]
        on_expiry: Option<OnExpiry>,
    },
}

impl SessionVerb {
    /// The verb as typed.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "session open",
            Self::KeepAlive { .. } => "session keep-alive",
            Self::Close { .. } => "session close",
        }
    }
}
