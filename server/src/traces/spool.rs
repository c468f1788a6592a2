//! One file of a trace as it grows: on the disk, without a name, and never longer than its limit.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// A file that grows.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    limit: u64,
    bytes: u64,
    count: u64,
    full: Option<Why>,
}

/// Why something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The file has reached its limit.
    Limit,
    /// The disk took no more.
    Disk,
    /// More came at once than was kept.
    TooSlow,
}

/// What a file has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) count: u64,
    pub(super) bytes: u64,
}

impl Spool {
    /// An empty one. It goes with the process, whatever befalls that.
    pub(super) fn new(limit: u64) -> io::Result<Self> {
        Ok(Spool { file: tempfile::tempfile()?, limit, bytes: 0, count: 0, full: None })
    }

    /// Appends what has room, in whole parts: `ends` has where each ends, and how many it counts for. How many had none.
    pub(super) fn push(&mut self, octets: &[u8], ends: impl IntoIterator<Item = (usize, u64)>) -> u64 {
        let (mut end, mut taken, mut refused) = (0, 0, 0);
        for (next, count) in ends {
            if self.full.is_none() && self.bytes + next as u64 <= self.limit {
                (end, taken) = (next, taken + count);
            } else {
                self.full.get_or_insert(Why::Limit);
                refused += count;
            }
        }
        match self.file.write_all(octets.get(..end).unwrap_or_default()) {
            Ok(()) => {
                self.bytes += end as u64;
                self.count += taken;
                refused
            }
            Err(_) => {
                self.full = Some(Why::Disk);
                refused + taken
            }
        }
    }

    /// Why it takes nothing more, if so.
    pub(super) fn full(&self) -> Option<Why> {
        self.full
    }

    /// What it has.
    pub(super) fn figures(&self) -> Figures {
        Figures { count: self.count, bytes: self.bytes }
    }

    /// Reads it from the beginning.
    pub(super) fn read(&mut self) -> io::Result<impl Read> {
        self.file.seek(SeekFrom::Start(0))?;
        // What the disk took in part is not of it.
        Ok((&mut self.file).take(self.bytes))
    }
}

/// Where the messages end that have their lengths before them.
pub(super) fn message_ends(octets: &[u8]) -> impl Iterator<Item = (usize, u64)> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let length = prost::encoding::decode_varint(&mut rest).ok()?;
        rest = rest.get(usize::try_from(length).ok()?..)?;
        Some((octets.len() - rest.len(), 1))
    })
}

/// Where the blocks of a pcapng file end, those of packets counted.
pub(super) fn block_ends(octets: &[u8]) -> impl Iterator<Item = (usize, u64)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let [kind, length] = [0, 4].map(|offset| {
            let octets = octets.get(at + offset..at + offset + 4)?;
            Some(u32::from_be_bytes(octets.try_into().ok()?))
        });
        let length = usize::try_from(length?).ok().filter(|length| *length > 0)?;
        at += length;
        (at <= octets.len()).then_some((at, u64::from(kind? == ENHANCED_PACKET)))
    })
}

const ENHANCED_PACKET: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(spool: &mut Spool) -> Vec<u8> {
        let mut contents = Vec::new();
        spool.read().unwrap().read_to_end(&mut contents).unwrap();
        contents
    }

    #[test]
    fn it_takes_whole_parts_up_to_its_limit_and_nothing_behind_a_hole() {
        let mut spool = Spool::new(10).unwrap();
        assert_eq!(spool.push(b"aaabbb", [(3, 1), (6, 1)]), 0);
        assert_eq!(spool.push(b"cccddd", [(3, 1), (6, 1)]), 1);
        // It would fit.
        assert_eq!(spool.push(b"e", [(1, 1)]), 1);
        assert_eq!((spool.full(), spool.figures()), (Some(Why::Limit), Figures { count: 3, bytes: 9 }));
        assert_eq!(contents(&mut spool), b"aaabbbccc");
    }

    #[test]
    fn a_disk_that_is_full_ends_it_and_is_told() {
        let file = File::options().write(true).open("/dev/full").unwrap();
        let mut spool = Spool { file, limit: 10, bytes: 0, count: 0, full: None };
        assert_eq!(spool.push(b"aaa", [(3, 1)]), 1);
        assert_eq!((spool.full(), spool.figures()), (Some(Why::Disk), Figures::default()));
    }

    #[test]
    fn messages_and_blocks_are_found() {
        let messages = [&[3][..], b"abc", &[0], &[0x80, 0x01], &[7; 128]].concat();
        assert_eq!(message_ends(&messages).collect::<Vec<_>>(), [(4, 1), (5, 1), (135, 1)]);
        assert_eq!(message_ends(&[5, 1]).count(), 0);
        let block = |kind: u32, length: u32| {
            [&kind.to_be_bytes()[..], &length.to_be_bytes(), &vec![0; length as usize - 8]].concat()
        };
        let blocks = [block(0x0a0d_0d0a, 28), block(1, 20), block(6, 40)].concat();
        assert_eq!(block_ends(&blocks).collect::<Vec<_>>(), [(28, 0), (48, 0), (88, 1)]);
        assert_eq!(block_ends(&blocks[..60]).count(), 2);
    }
}
