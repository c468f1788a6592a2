//! Who calls, and what they may do.
//!
//! | module | what it owns |
//! |---|---|
//! | [`identity`] | who a caller is: a name, a number, how it was proved |

pub(crate) mod identity;
