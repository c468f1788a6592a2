//! What a watch gives: parts of the stream, the events among them encoded already.
//!
//! Owns [`Told`] and [`Batch`]. An event goes from the ring into the octets of a response in one step, without a message
//! of its own in between.

use bytes::BufMut;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use sockwright_proto::v1::{EventBatch, WatchResponse, watch_response};

use super::ring::Record;
use crate::convert::message;

/// A `WatchResponse`.
#[derive(Clone, Debug)]
pub enum Told {
    /// With events.
    Events(Batch),
    /// With anything else.
    Other(Box<WatchResponse>),
}

/// Events of one response, encoded.
#[derive(Clone, Debug)]
pub struct Batch {
    epoch: u64,
    /// The fields `events` of an `EventBatch`.
    events: Vec<u8>,
    count: usize,
    first: u64,
}

impl Told {
    /// Writes the message.
    pub fn encode(&self, to: &mut impl BufMut) {
        match self {
            Told::Events(batch) => batch.encode(to),
            Told::Other(response) => response.encode_raw(to),
        }
    }

    /// The message, for those in the same process.
    pub fn into_response(self) -> WatchResponse {
        match self {
            Told::Other(response) => *response,
            Told::Events(Batch { epoch, events, .. }) => {
                // What we wrote ourselves can be read.
                let batch = EventBatch::decode(&*events).unwrap_or_default();
                WatchResponse { part: Some(watch_response::Part::Events(EventBatch { epoch, ..batch })) }
            }
        }
    }
}

impl Batch {
    /// An empty one, with room for some events.
    pub(super) fn with_room_for(epoch: u64, events: usize) -> Batch {
        Batch { epoch, events: Vec::with_capacity(events * USUAL_OCTETS), count: 0, first: 0 }
    }

    /// Appends an event.
    pub(super) fn push(&mut self, record: &Record) {
        if self.count == 0 {
            self.first = record.seq;
        }
        self.count += 1;
        message(EVENTS, &mut self.events, |to| record.write(to));
    }

    /// Events in it.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// What it takes encoded.
    pub(super) fn octets(&self) -> usize {
        self.events.len()
    }

    /// The number of the first.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    fn encode(&self, to: &mut impl BufMut) {
        let length = EPOCH_OCTETS + self.events.len();
        encode_key(PART_EVENTS, WireType::LengthDelimited, to);
        encode_varint(length as u64, to);
        encode_key(EPOCH, WireType::SixtyFourBit, to);
        to.put_u64_le(self.epoch);
        to.put_slice(&self.events);
    }
}

/// The field `events` of `WatchResponse`.
const PART_EVENTS: u32 = 2;
/// The fields of `EventBatch`, and how long that of the epoch is.
const EPOCH: u32 = 1;
const EPOCH_OCTETS: usize = 9;
const EVENTS: u32 = 2;
/// Of one event.
const USUAL_OCTETS: usize = 112;
