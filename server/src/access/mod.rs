//! Who calls, and what they may do.
//!
//! | module | what it owns |
//! |---|---|
//! | [`identity`] | who a caller is: a name, a number, how it was proved |
//! | [`owner`] | whose something is: the number of a session names an identity |
//! | [`sight`] | what somebody sees, as filters ask it |
//! | [`policy`] | what an identity may do, as a file or the command line says it |
//! | [`quota`] | how much of a thing somebody may have |
//! | [`caller`] | one who calls, with all that he may do |

pub(crate) mod caller;
pub(crate) mod identity;
pub(crate) mod owner;
pub(crate) mod policy;
pub(crate) mod quota;
pub(crate) mod sight;

pub use policy::Allow;
