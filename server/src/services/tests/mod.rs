//! Services, called over the wire by callers of whom each is somebody.

mod isolation;
mod local;
mod quotas;
mod world;
