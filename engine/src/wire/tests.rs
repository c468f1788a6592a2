//! Laws of the formats.
