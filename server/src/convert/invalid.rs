//! What is wrong with a request, and in which field.

use std::fmt;

use sockwright_engine::host::Errno;
use tonic::Status;

use crate::error;

/// A field of a request that cannot be understood. As a status: INVALID_ARGUMENT with `EINVAL`, unless another errno
/// says it better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field, as the contract writes it: `filter.addresses`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
    /// The errno that it is reported as.
    pub errno: Errno,
}

impl Invalid {
    /// `field` cannot be understood because of `problem`: `EINVAL`.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Invalid { field: field.into(), problem: problem.into(), errno: Errno::EINVAL }
    }

    /// The same, with another errno.
    pub fn with_errno(self, errno: Errno) -> Self {
        Invalid { errno, ..self }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for Invalid {}

impl From<Invalid> for Status {
    fn from(invalid: Invalid) -> Status {
        error::status_saying(invalid.errno, invalid.to_string(), None)
    }
}
