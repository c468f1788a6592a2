//! What an engine counted.
//!
//! Every counter of the engine is in the contract: what is counted anew does not compile before it is told here.

use std::collections::BTreeMap;

use sockwright_engine::counters::Counters;
use sockwright_engine::event::RetransmissionReason;
use sockwright_proto::v1 as pb;

use super::event::retransmission_reason;

/// Retransmissions by the names of their reasons: those of the contract, without their prefix.
pub fn retransmissions_by_name(
    counts: &BTreeMap<RetransmissionReason, u64>,
) -> impl Iterator<Item = (&'static str, u64)> {
    counts.iter().map(|(reason, count)| {
        let name = retransmission_reason(*reason).as_str_name();
        (name.strip_prefix("RETRANSMISSION_REASON_").unwrap_or(name), *count)
    })
}

/// All but the limits, the drops and the retransmissions, which [`pb::Stack`] has by name.
pub fn counters_to_proto(counters: &Counters) -> pb::StackCounters {
    let Counters {
        frames_in,
        frames_out,
        segments_in,
        segments_out,
        bytes_sent,
        bytes_received,
        retransmissions: _,
        drops: _,
        limits_hit: _,
        cookies_sent,
        cookies_accepted,
        cookies_refused,
        acks_withheld,
        window_scales_lowered,
        sack_blocks_ignored,
        invariants_broken,
    } = *counters;
    pb::StackCounters {
        frames_in,
        frames_out,
        cookies_sent,
        cookies_accepted,
        cookies_refused,
        acks_withheld,
        window_scales_lowered,
        sack_blocks_ignored,
        invariants_broken,
        segments_in,
        segments_out,
        bytes_sent,
        bytes_received,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Debug;

    use sockwright_engine::tcp::info::Totals;

    use super::*;

    /// The names of the fields of a struct that is made of nothing but fields.
    fn fields(of: &dyn Debug) -> BTreeSet<String> {
        let text = format!("{of:#?}");
        let own = text.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
        own.filter_map(|line| line.trim().split_once(": ")).map(|(name, _)| name.to_owned()).collect()
    }

    /// Without the unit that a field of the contract has last in its name.
    fn without_units(names: BTreeSet<String>) -> BTreeSet<String> {
        names.iter().map(|name| name.strip_suffix("_us").unwrap_or(name).to_owned()).collect()
    }

    fn missing(engine: BTreeSet<String>, contract: &BTreeSet<String>) -> Vec<String> {
        engine.difference(contract).cloned().collect()
    }

    #[test]
    fn every_counter_of_the_engine_is_in_the_contract_under_its_name() {
        let mut told = fields(&pb::StackCounters::default());
        told.extend(fields(&pb::Stack::default()));
        let counted = fields(&Counters::default());
        assert!(counted.contains("sack_blocks_ignored"), "{counted:?}");
        assert_eq!(missing(counted, &told), [""; 0]);

        let told = without_units(fields(&pb::TcpInfo::default()));
        let counted = fields(&Totals::default());
        assert!(counted.contains("dsack_dups"), "{counted:?}");
        assert_eq!(missing(counted, &told), [""; 0]);
    }

    #[test]
    fn each_count_arrives_in_its_own_field() {
        let counters = Counters {
            frames_in: 1,
            frames_out: 2,
            cookies_sent: 3,
            cookies_accepted: 4,
            cookies_refused: 5,
            acks_withheld: 6,
            window_scales_lowered: 7,
            sack_blocks_ignored: 8,
            invariants_broken: 9,
            segments_in: 10,
            segments_out: 11,
            bytes_sent: 12,
            bytes_received: 13,
            ..Counters::default()
        };
        let shown = |of: &dyn Debug, name: &str| {
            let text = format!("{of:#?}");
            text.lines().find(|line| line.trim().starts_with(&format!("{name}: "))).map(str::to_owned)
        };
        let told = counters_to_proto(&counters);
        for name in fields(&told) {
            assert_eq!(shown(&told, &name), shown(&counters, &name), "{name}");
        }
    }
}
