//! Records to blocks of a pcapng file.
//!
//! ```text
//! section header   interface lab/a/link1   packet  packet   interface lab/b/link1   packet  statistics ...
//! ```
//!
//! In the order of octets of the network, in which the 64-bit times of the format are whole numbers as well. An interface
//! is described before its first packet. Owns nothing but what the blocks before have said.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriter};
use pcap_file::{DataLink, Endianness, PcapResult};
use sockwright_engine::time::Instant;
use sockwright_link::virtual_link::Medium;

use super::queue::Entry;
use super::record::{Direction, Interface, Record};

/// Writes blocks.
pub(super) struct Blocks {
    writer: PcapNgWriter<Vec<u8>>,
    interfaces: HashMap<Arc<Interface>, Told>,
    packets: u64,
    missed: u64,
}

/// What was told of an interface.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    number: u32,
    packets: u64,
    missed: u64,
    /// Of these, those that no packet has told yet.
    missed_before: u64,
    last: u64,
}

impl Blocks {
    /// With the header of the first section.
    pub(super) fn begin() -> PcapResult<Self> {
        let writer = PcapNgWriter::with_section_header(Vec::new(), section())?;
        Ok(Blocks { writer, interfaces: HashMap::new(), packets: 0, missed: 0 })
    }

    /// The octets of the blocks since it was asked last.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.get_mut())
    }

    /// Writes what waited for the reader.
    pub(super) fn entry(&mut self, entry: &Entry) -> PcapResult<()> {
        match entry {
            Entry::Packet(record) | Entry::Past(record) => self.packet(record),
            Entry::Missed { interface, packets, at } => self.missed(interface, *packets, *at),
            Entry::Forgotten { interface, packets, at } => self.forgotten(interface, *packets, *at),
        }
    }

    /// The statistics of every interface, for the end.
    pub(super) fn statistics(&mut self) -> PcapResult<()> {
        let mut interfaces: Vec<Told> = self.interfaces.values().copied().collect();
        interfaces.sort_unstable_by_key(|told| told.number);
        interfaces.iter().try_for_each(|told| self.statistics_of(told, None))
    }

    /// How many packets were written, and how many were missed.
    pub(super) fn figures(&self) -> (u64, u64) {
        (self.packets, self.missed)
    }

    fn packet(&mut self, record: &Record) -> PcapResult<()> {
        self.packets += 1;
        let told = self.interface(&record.interface)?;
        let timestamp = time(&record.interface, record.at);
        told.packets += 1;
        told.last = timestamp.as_nanos() as u64;
        let missed = std::mem::take(&mut told.missed_before);
        let interface_id = told.number;
        let mut options = vec![
            EnhancedPacketOption::Comment(Cow::Owned(record.to_string())),
            EnhancedPacketOption::Flags(match record.direction {
                Direction::In => INBOUND,
                Direction::Out => OUTBOUND,
            }),
        ];
        if missed > 0 {
            options.push(EnhancedPacketOption::DropCount(missed));
        }
        let original_len = record.frame.len() as u32;
        let data = Cow::Borrowed(&*record.frame);
        let block = EnhancedPacketBlock { interface_id, timestamp, original_len, data, options };
        self.writer.write_block(&block.into_block())?;
        Ok(())
    }

    fn missed(&mut self, interface: &Arc<Interface>, packets: u64, at: Instant) -> PcapResult<()> {
        let last = time(interface, at).as_nanos() as u64;
        self.missed += packets;
        let told = self.interface(interface)?;
        told.missed += packets;
        told.missed_before += packets;
        told.last = last;
        let told = *told;
        self.statistics_of(&told, Some(format!("missed={packets}: the reader of the capture was too slow")))
    }

    /// They were none of the capture's, and are not counted among those that it lacks.
    fn forgotten(&mut self, interface: &Arc<Interface>, packets: u64, at: Instant) -> PcapResult<()> {
        let last = time(interface, at).as_nanos() as u64;
        let told = self.interface(interface)?;
        told.last = last;
        let told = *told;
        let comment = format!("forgotten={packets}: no more of the recent past was kept");
        self.statistics_of(&told, Some(comment))
    }

    fn statistics_of(&mut self, told: &Told, comment: Option<String>) -> PcapResult<()> {
        let mut options = vec![
            InterfaceStatisticsOption::IsbIfRecv(told.packets + told.missed),
            InterfaceStatisticsOption::IsbIfDrop(told.missed),
        ];
        if let Some(comment) = comment {
            options.insert(0, InterfaceStatisticsOption::Comment(Cow::Owned(comment)));
        }
        let block = InterfaceStatisticsBlock { interface_id: told.number, timestamp: told.last, options };
        self.writer.write_block(&block.into_block())?;
        Ok(())
    }

    /// An interface, described.
    fn interface(&mut self, interface: &Arc<Interface>) -> PcapResult<&mut Told> {
        if !self.interfaces.contains_key(interface) {
            if self.interfaces.len() == INTERFACES_PER_SECTION {
                self.interfaces.clear();
                self.writer.write_block(&section().into_block())?;
            }
            let linktype = match interface.medium {
                Medium::Ip => DataLink::RAW,
                Medium::Ethernet => DataLink::ETHERNET,
            };
            let options = vec![
                InterfaceDescriptionOption::IfName(Cow::Owned(interface.name())),
                InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
            ];
            let block = InterfaceDescriptionBlock { linktype, snaplen: 0, options };
            self.writer.write_block(&block.into_block())?;
        }
        let number = self.interfaces.len() as u32;
        let told = self.interfaces.entry(Arc::clone(interface));
        Ok(told.or_insert(Told { number, ..Told::default() }))
    }
}

fn section() -> SectionHeaderBlock<'static> {
    let application = concat!("sockwrightd ", env!("CARGO_PKG_VERSION"));
    SectionHeaderBlock {
        endianness: Endianness::Big,
        options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed(application))],
        ..SectionHeaderBlock::default()
    }
}

fn time(interface: &Interface, at: Instant) -> Duration {
    interface.began + Duration::from_nanos(at.as_nanos())
}

/// The directions of a packet, in the option `epb_flags`.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;
/// 10 to the power of minus this is the unit of times.
const NANOSECONDS: u8 = 9;
/// Interfaces that are remembered as described; for one more, everything begins anew.
const INTERFACES_PER_SECTION: usize = 4096;
