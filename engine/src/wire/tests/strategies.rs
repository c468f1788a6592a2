//! Arbitrary packets.

use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use proptest::prelude::*;

use crate::tcp::seq::Seq;
use crate::wire::*;

pub(super) fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(src, dst)| (src.into(), dst.into())),
        any::<([u8; 16], [u8; 16])>().prop_map(|(src, dst)| (src.into(), dst.into())),
    ]
}

pub(super) fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..1500)
}

pub(super) fn ip_header() -> impl Strategy<Value = IpHeader> {
    // Numbers that IPv6 would take for extension headers are not the number of any payload.
    let protocol = any::<u8>().prop_filter("a payload", |number| ![0, 43, 44, 59, 60].contains(number));
    (addresses(), protocol, any::<u8>(), 0u8..4, 0u8..64, any::<u16>()).prop_map(
        |((src, dst), protocol, hop_limit, ecn, dscp, ident)| IpHeader {
            src,
            dst,
            protocol: protocol.into(),
            hop_limit,
            ecn,
            dscp,
            ident,
            options: Default::default(),
        },
    )
}

/// As [`ip_header`], of IPv4 with and without options.
pub(super) fn ip_header_with_options() -> impl Strategy<Value = IpHeader> {
    let options = prop::sample::select(vec![
        IpOptions::NONE,
        IpOptions::new(&[IpOption::RouterAlert(0)]).expect("options"),
        IpOptions::new(&[IpOption::RecordRoute(9)]).expect("options"),
    ]);
    (ip_header(), options).prop_map(|(header, options)| {
        let options = if header.src.is_ipv4() { options } else { IpOptions::NONE };
        IpHeader { options, ..header }
    })
}

/// Options that fit into a header.
pub(super) fn tcp_options() -> impl Strategy<Value = TcpOptions> {
    let timestamps =
        prop::option::of(any::<(u32, u32)>().prop_map(|(value, echo)| Timestamps { value, echo }));
    let sack = prop::collection::vec(any::<(u32, u32)>(), 0..=SackBlocks::MAX);
    let user_timeout =
        prop::option::of((1u64..0x8000, prop::sample::select(&[1, 60][..])).prop_map(|(units, unit)| {
            // Minutes are for what is too long for seconds.
            Duration::from_secs(if units * unit < 0x8000 { units } else { units * unit })
        }));
    let fast_open = prop::option::of((any::<[u8; 16]>(), 1usize..=8).prop_map(|(octets, pairs)| {
        FastOpenCookie::new(octets.get(..2 * pairs).unwrap_or_default()).unwrap_or_default()
    }));
    let lists = (user_timeout, fast_open, sack);
    (any::<Option<u16>>(), any::<Option<u8>>(), any::<bool>(), timestamps, lists).prop_map(
        |(mss, window_scale, sack_permitted, timestamps, (user_timeout, fast_open, sack))| {
            let mut options = TcpOptions {
                mss,
                window_scale,
                sack_permitted,
                timestamps,
                sack: SackBlocks::EMPTY,
                user_timeout,
                fast_open,
            };
            if !options.fits() {
                options.fast_open = None;
            }
            let room = options.sack_room();
            options.sack = sack.into_iter().take(room).map(|(left, right)| (Seq(left), Seq(right))).collect();
            options
        },
    )
}

/// Segments without a payload.
pub(super) fn tcp_header() -> impl Strategy<Value = TcpSegment<'static>> {
    (any::<(u16, u16, u32, u32, u8, u16, u16)>(), tcp_options()).prop_map(
        |((src_port, dst_port, seq, ack, flags, window, urgent), options)| TcpSegment {
            src_port,
            dst_port,
            seq: Seq(seq),
            ack: Seq(ack),
            flags: Flags(flags),
            window,
            urgent,
            options,
            payload: &[],
        },
    )
}

pub(super) fn mac() -> impl Strategy<Value = Mac> {
    any::<[u8; 6]>().prop_map(Mac)
}

pub(super) fn ndp_message() -> impl Strategy<Value = NdpMessage> {
    let ip = || any::<[u8; 16]>().prop_map(Ipv6Addr::from);
    let unicast = || {
        any::<[u8; 15]>().prop_map(|rest| {
            let mut octets = [0x20; 16];
            octets[1..].copy_from_slice(&rest);
            Ipv6Addr::from(octets)
        })
    };
    let advertisement = any::<(u8, bool, bool, u16, u32, u32)>().prop_map(
        |(hop_limit, managed, other, lifetime_s, reachable_ms, retransmit_ms)| {
            NdpMessage::RouterAdvertisement(RouterAdvertisement {
                hop_limit,
                managed,
                other,
                lifetime_s,
                reachable_ms,
                retransmit_ms,
            })
        },
    );
    prop_oneof![
        Just(NdpMessage::RouterSolicitation),
        advertisement,
        unicast().prop_map(|target| NdpMessage::NeighborSolicitation { target }),
        (any::<(bool, bool, bool)>(), unicast()).prop_map(|((router, solicited, overrides), target)| {
            NdpMessage::NeighborAdvertisement { router, solicited, overrides, target }
        }),
        (unicast(), ip().prop_filter("unicast", |ip| !ip.is_multicast()), any::<bool>()).prop_map(
            |(destination, router, on_link)| {
                let mut octets = router.octets();
                octets[..8].copy_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
                let target = if on_link { destination } else { octets.into() };
                NdpMessage::Redirect { target, destination }
            }
        ),
    ]
}

pub(super) fn prefix() -> impl Strategy<Value = PrefixInformation> {
    any::<([u8; 16], u8, bool, bool, u32, u32)>().prop_map(
        |(prefix, length, on_link, autonomous, valid_s, preferred_s)| PrefixInformation {
            prefix: prefix.into(),
            length,
            on_link,
            autonomous,
            valid_s,
            preferred_s,
        },
    )
}
