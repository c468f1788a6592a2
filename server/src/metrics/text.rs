//! The figures of one moment, as OpenMetrics text.
//!
//! Owns [`Moment`], and which figure is written under which name. How names, units, labels and numbers are spelled is the
//! business of `prometheus-client`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
};
use prometheus_client::registry::Registry;

use super::calls::Calls;
use super::described::{self as the, Described};
use super::durations::Durations;
use super::ledger::{Counted, Totals};
use super::process::Process;
use crate::capture::CaptureFigures;
use crate::convert::retransmissions_by_name;
use crate::hub::HubFigures;

/// Everything that is told, as it was at one moment.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) calls: Arc<Calls>,
    pub(super) hub: HubFigures,
    pub(super) captures: CaptureFigures,
    /// By stack.
    pub(super) counted: BTreeMap<Arc<str>, Counted>,
    /// By stack.
    pub(super) commands_waiting: BTreeMap<Arc<str>, usize>,
    pub(super) threads_silent: usize,
    pub(super) labs: usize,
    pub(super) attached_stacks: usize,
    pub(super) sessions: usize,
    pub(super) process: Process,
}

impl Moment {
    /// The text.
    pub(super) fn into_text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Moment {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Text(encoder);
        self.write_calls(&mut to)?;
        self.write_sockets(&mut to)?;
        self.write_engines(&mut to)?;
        self.write_threads(&mut to)?;
        self.write_events(&mut to)?;
        self.write_captures(&mut to)?;
        self.write_server(&mut to)
    }
}

impl Moment {
    fn write_calls(&self, to: &mut Text<'_>) -> fmt::Result {
        let read: Vec<_> = self.calls.read().collect();
        let names = |place: usize| {
            let method = read[place].method;
            [method.service.as_str(), method.name.as_str()]
        };
        let all = 0..read.len();
        to.each(&the::RPCS, all.clone(), |family, place| {
            let [service, method] = names(place);
            read[place]
                .by_code
                .iter()
                .try_for_each(|(code, count)| family.counter(&[service, method, code], *count))
        })?;
        to.each(&the::RPCS_UNDER_WAY, all.clone(), |family, place| {
            family.gauge(&names(place), read[place].under_way)
        })?;
        to.each(&the::RPC_DURATION, all.clone(), |family, place| match &read[place].durations {
            Some(durations) => family.histogram(&names(place), durations),
            None => Ok(()),
        })?;
        to.each(&the::RPC_MESSAGES_RECEIVED, all.clone(), |family, place| {
            family.counter(&names(place), read[place].received)
        })?;
        to.each(&the::RPC_MESSAGES_SENT, all, |family, place| family.counter(&names(place), read[place].sent))
    }

    fn write_sockets(&self, to: &mut Text<'_>) -> fmt::Result {
        let HubFigures { sockets, opened, .. } = &self.hub;
        to.each(&the::SOCKETS, sockets, |family, (kind, state, count)| family.gauge(&[kind, state], *count))?;
        to.each(&the::SOCKETS_OPENED, opened, |family, (kind, count)| family.counter(&[kind], *count))
    }

    fn write_engines(&self, to: &mut Text<'_>) -> fmt::Result {
        let mut count = |described: &'static Described, of: fn(&Totals) -> u64| {
            to.each(described, &self.counted, |family, (stack, counted)| {
                family.counter(&[stack], of(&counted.totals))
            })
        };
        count(&the::FRAMES_RECEIVED, |totals| totals.counters.frames_in)?;
        count(&the::FRAMES_SENT, |totals| totals.counters.frames_out)?;
        count(&the::SEGMENTS_RECEIVED, |totals| totals.counters.segments_in)?;
        count(&the::SEGMENTS_SENT, |totals| totals.counters.segments_out)?;
        count(&the::RECEIVED_BYTES, |totals| totals.counters.bytes_received)?;
        count(&the::SENT_BYTES, |totals| totals.counters.bytes_sent)?;
        count(&the::ACKS_WITHHELD, |totals| totals.counters.acks_withheld)?;
        count(&the::WINDOW_SCALES_LOWERED, |totals| totals.counters.window_scales_lowered)?;
        count(&the::SACK_BLOCKS_IGNORED, |totals| totals.counters.sack_blocks_ignored)?;
        count(&the::INVARIANTS_BROKEN, |totals| totals.counters.invariants_broken)?;

        let mut count_each = |described: &'static Described,
                              of: fn(&Totals) -> BTreeMap<&'static str, u64>| {
            to.each(described, &self.counted, |family, (stack, counted)| {
                of(&counted.totals)
                    .iter()
                    .try_for_each(|(name, count)| family.counter(&[stack, name], *count))
            })
        };
        count_each(&the::FRAMES_LOST, |totals| totals.frames_lost.clone())?;
        count_each(&the::RETRANSMISSIONS, |totals| {
            retransmissions_by_name(&totals.counters.retransmissions).collect()
        })?;
        count_each(&the::DROPS, |totals| {
            totals.counters.drops.iter().map(|(reason, count)| (reason.name(), *count)).collect()
        })?;
        count_each(&the::LIMITS_HIT, |totals| {
            let engine = totals.counters.limits_hit.iter().map(|(limit, count)| (limit.name(), *count));
            engine.chain(totals.limits_hit.iter().map(|(limit, count)| (*limit, *count))).collect()
        })?;
        count_each(&the::SYN_COOKIES, |totals| {
            let counters = &totals.counters;
            BTreeMap::from([
                ("accepted", counters.cookies_accepted),
                ("refused", counters.cookies_refused),
                ("sent", counters.cookies_sent),
            ])
        })
    }

    fn write_threads(&self, to: &mut Text<'_>) -> fmt::Result {
        let Moment { counted, commands_waiting, threads_silent, .. } = self;
        to.each(&the::TURN_DURATION, counted, |family, (stack, counted)| {
            family.histogram(&[stack], &counted.totals.turns)
        })?;
        to.each(&the::COMMANDS_WAITING, commands_waiting, |family, (stack, waiting)| {
            family.gauge(&[stack], *waiting)
        })?;
        to.each(&the::CALLS_PARKED, counted, |family, (stack, counted)| {
            family.gauge(&[stack], counted.parked)
        })?;
        to.each(&the::WORKLOADS, counted, |family, (stack, counted)| {
            family.gauge(&[stack], counted.workloads)
        })?;
        to.gauge(&the::THREADS_SILENT, *threads_silent)?;
        to.gauge(&the::LABS, self.labs)?;
        to.gauge(&the::ATTACHED_STACKS, self.attached_stacks)
    }

    fn write_events(&self, to: &mut Text<'_>) -> fmt::Result {
        let hub = &self.hub;
        to.gauge(&the::SESSIONS, self.sessions)?;
        to.counter(&the::EVENTS, hub.published)?;
        to.gauge(&the::EVENTS_REMEMBERED, hub.remembered)?;
        to.gauge(&the::EVENTS_REMEMBERED_LIMIT, hub.remembered_limit)?;
        to.each(&the::WATCHERS, &hub.watchers, |family, (delivery, count)| {
            family.gauge(&[delivery], *count)
        })?;
        to.gauge(&the::WATCHERS_LAG, hub.lag)?;
        to.gauge(&the::WATCHERS_WAITING, hub.waiting_bytes)?;
        to.each(&the::WATCH_EVENTS, &hub.told, |family, (delivery, count)| {
            family.counter(&[delivery], *count)
        })?;
        to.each(&the::WATCH_GAPS, &hub.gaps, |family, (reason, count)| family.counter(&[reason], *count))?;
        to.gauge(&the::WAITERS, hub.waiters)
    }

    fn write_captures(&self, to: &mut Text<'_>) -> fmt::Result {
        to.gauge(&the::CAPTURES, self.captures.running)?;
        to.counter(&the::CAPTURE_PACKETS, self.captures.packets)?;
        to.counter(&the::CAPTURE_PACKETS_MISSED, self.captures.missed)
    }

    fn write_server(&self, to: &mut Text<'_>) -> fmt::Result {
        to.begin(&the::BUILD)?.encoder.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        let Process {
            cpu_seconds,
            start_time_seconds,
            resident_bytes,
            virtual_bytes,
            threads,
            open_fds,
            max_fds,
        } = self.process;
        cpu_seconds.map_or(Ok(()), |seconds| to.counter(&the::CPU, seconds))?;
        start_time_seconds.map_or(Ok(()), |seconds| to.gauge(&the::START_TIME, seconds))?;
        let counts = [
            (&the::RESIDENT_MEMORY, resident_bytes),
            (&the::VIRTUAL_MEMORY, virtual_bytes),
            (&the::THREADS, threads),
            (&the::OPEN_FDS, open_fds),
            (&the::MAX_FDS, max_fds),
        ];
        counts
            .into_iter()
            .try_for_each(|(described, count)| count.map_or(Ok(()), |count| to.gauge(described, count)))
    }
}

/// What is written so far.
struct Text<'a>(DescriptorEncoder<'a>);

/// A metric that is being written.
struct Family<'a> {
    encoder: MetricEncoder<'a>,
    labels: &'static [&'static str],
}

impl Text<'_> {
    fn begin(&mut self, described: &'static Described) -> Result<Family<'_>, fmt::Error> {
        let Described { stem, unit, kind, labels, help } = described;
        let encoder = self.0.encode_descriptor(stem, help, unit.as_ref(), kind.metric_type())?;
        Ok(Family { encoder, labels })
    }

    /// Writes what `write` makes of each of `of`.
    fn each<T>(
        &mut self,
        described: &'static Described,
        of: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Family<'_>, T) -> fmt::Result,
    ) -> fmt::Result {
        let mut family = self.begin(described)?;
        of.into_iter().try_for_each(|each| write(&mut family, each))
    }

    /// A counter without labels.
    fn counter(&mut self, described: &'static Described, value: impl EncodeCounterValue) -> fmt::Result {
        self.begin(described)?.encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// A gauge without labels.
    fn gauge(&mut self, described: &'static Described, value: impl EncodeGaugeValue) -> fmt::Result {
        self.begin(described)?.encoder.encode_gauge(&value)
    }
}

impl Family<'_> {
    fn counter(&mut self, labels: &[&str], value: u64) -> fmt::Result {
        let labels = self.named(labels);
        self.encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn gauge(&mut self, labels: &[&str], value: impl EncodeGaugeValue) -> fmt::Result {
        let labels = self.named(labels);
        self.encoder.encode_family(&labels)?.encode_gauge(&value)
    }

    fn histogram(&mut self, labels: &[&str], durations: &Durations) -> fmt::Result {
        let (sum, count, buckets) = (durations.sum_seconds(), durations.count(), durations.buckets());
        let labels = self.named(labels);
        self.encoder.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn named<'v>(&self, values: &[&'v str]) -> Vec<(&'static str, Cow<'v, str>)> {
        debug_assert_eq!(self.labels.len(), values.len(), "{:?}", self.labels);
        self.labels.iter().copied().zip(values.iter().map(|value| Cow::Borrowed(*value))).collect()
    }
}
