//! The contract `sockwright.v1` as Rust types, clients and servers, generated from `proto/`.
//!
//! The comments of the proto files are the documentation of the API; they are carried over here.

/// Package `sockwright.v1`.
pub mod v1 {
    // Generated names repeat their parents' (`Cause`, `cause::Cause`), and lines are as long as the proto's.
    #![allow(missing_docs, clippy::doc_markdown, clippy::large_enum_variant, clippy::doc_lazy_continuation)]

    tonic::include_proto!("sockwright.v1");

    /// The encoded `FileDescriptorSet` of the package, for reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sockwright.bin"));
}
