//! The demo.
use sockwright_proto::v1::Event;
use tonic::Status;

use crate::server::Server;

/// Plays.
pub async fn play(_server: &Server) -> Result<Vec<Event>, Status> {
    Ok(Vec::new())
}
/// A ladder.
pub struct Ladder;
/// Draws.
pub fn ladder(_events: &[Event]) -> Ladder {
    Ladder
}
impl Ladder {
    /// Text.
    pub fn to_text(&self, _colour: bool) -> String {
        String::new()
    }
}
