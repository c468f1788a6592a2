//! The classic BPF programs that links attach to sockets.
//!
//! A classic program ends in `ret k`: keep the first `k` bytes of the packet; `ret 0` drops it.

use socket2::SockFilter;

/// Drops every packet before the kernel acts on it.
pub(crate) fn drop_all() -> [SockFilter; 1] {
    [ret(0)]
}

/// Admits the ICMP messages whose type is in `types`, on a raw IPv4 socket, where packets start with the IP header.
pub(crate) fn icmpv4_types(types: &[u8]) -> Vec<SockFilter> {
    let mut program = vec![
        // X = 4 * (first byte & 0x0f): the length of the IP header.
        op(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0),
        op(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, 0),
    ];
    admit_if_one_of(&mut program, types);
    program
}

/// Admits the ICMPv6 messages whose type is in `types`, on a raw IPv6 socket, where packets start with the message.
pub(crate) fn icmpv6_types(types: &[u8]) -> Vec<SockFilter> {
    let mut program = vec![op(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0)];
    admit_if_one_of(&mut program, types);
    program
}

/// Admits the frames for `mac` and for every group, on a packet socket, where frames start with their destination.
pub(crate) fn frames_for(mac: [u8; 6]) -> [SockFilter; 8] {
    let [a, b, c, d, e, f] = mac.map(u32::from);
    let jump = |test: u32, skip_if_true, skip_if_false, k| {
        SockFilter::new(code(libc::BPF_JMP | test | libc::BPF_K), skip_if_true, skip_if_false, k)
    };
    [
        // The group bit is the lowest of the first octet.
        op(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0),
        jump(libc::BPF_JSET, 5, 0, 1),
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        jump(libc::BPF_JEQ, 0, 2, a << 24 | b << 16 | c << 8 | d),
        op(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, 4),
        jump(libc::BPF_JEQ, 1, 0, e << 8 | f),
        ret(0),
        ret(u32::MAX),
    ]
}

/// Ends `program`: keeps the packet if the accumulator equals one of `types`.
fn admit_if_one_of(program: &mut Vec<SockFilter>, types: &[u8]) {
    for (i, &kind) in types.iter().enumerate() {
        // A jump counts the instructions that it skips: the comparisons left, then `ret 0`.
        let to_keep = (types.len() - i) as u8;
        program.push(SockFilter::new(
            code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K),
            to_keep,
            0,
            kind.into(),
        ));
    }
    program.extend([ret(0), ret(u32::MAX)]);
}

fn ret(keep: u32) -> SockFilter {
    op(libc::BPF_RET | libc::BPF_K, keep)
}

fn op(opcode: u32, k: u32) -> SockFilter {
    SockFilter::new(code(opcode), 0, 0, k)
}

fn code(opcode: u32) -> u16 {
    opcode as u16
}
