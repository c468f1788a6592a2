//! `sockwrightd`: the server.

fn main() {}
