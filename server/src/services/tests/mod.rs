//! Services, called over the wire by callers of whom each is somebody.

mod isolation;
mod quotas;
mod world;
