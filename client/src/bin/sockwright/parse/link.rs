//! Links of a lab.
//!
//! ```text
//! a,b,delay=10ms,loss=0.1,rate=10M,mtu=1400,name=wan
//!   ->  LabLink { name: "wan", stacks: [a, b], mtu: 1400, impairments: { delay, loss, rate_bps } }
//! ```

use sockwright_client::v1::{Bursts, Impairments, LabLink, Medium};

use super::duration::duration;
use super::number::{bits_per_second, probability};
use crate::names::Worded;

/// Reads the name of a link, `LAB/LINK`.
pub(crate) fn link_name(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some((lab, link)) if !lab.is_empty() && !link.is_empty() => Ok(text.to_owned()),
        _ => Err("a link is named by its lab and itself: LAB/LINK".into()),
    }
}

/// Reads `STACK,STACK[,...][,KEY=VALUE...]`.
pub(crate) fn lab_link(text: &str) -> Result<LabLink, String> {
    let mut link = LabLink::default();
    let mut impairments = Impairments::default();
    for word in text.split(',') {
        match word.split_once('=') {
            None => link.stacks.push(word.into()),
            Some(("name", name)) => link.name = name.into(),
            Some(("mtu", mtu)) => link.mtu = whole("mtu", mtu)?,
            Some(("medium", word)) => {
                let medium = Medium::from_word(word);
                link.set_medium(medium.ok_or_else(|| format!("`{word}` is no medium: ip, ethernet"))?);
            }
            Some(("mac", mac)) => link.macs.push(mac.into()),
            Some(("offload", word)) => link.segmentation_offload = offload(word)?,
            Some((key, value)) => impair(&mut impairments, key, value)?,
        }
    }
    if link.stacks.len() < 2 || link.stacks.iter().any(String::is_empty) {
        return Err("a link joins at least two stacks: a,b[,delay=10ms,...]".into());
    }
    if impairments != Impairments::default() {
        link.impairments = Some(impairments);
    }
    Ok(link)
}

fn impair(impairments: &mut Impairments, key: &str, value: &str) -> Result<(), String> {
    match key {
        "loss" => impairments.loss = probability(value)?,
        "burst-begin" => bursts(impairments).begin = probability(value)?,
        "burst-end" => bursts(impairments).end = probability(value)?,
        "burst-loss" => bursts(impairments).loss = Some(probability(value)?),
        "mark" => impairments.mark = probability(value)?,
        "delay" => impairments.delay = Some(duration(value)?),
        "jitter" => impairments.jitter = Some(duration(value)?),
        "reorder" => impairments.reorder = probability(value)?,
        "reorder-by" => impairments.reorder_by = Some(duration(value)?),
        "duplicate" => impairments.duplicate = probability(value)?,
        "corrupt" => impairments.corrupt = probability(value)?,
        "rate" => impairments.rate_bps = bits_per_second(value)?,
        "queue" => impairments.queue_limit = whole("queue", value)?,
        _ => return Err(format!("`{key}` is not of a link: {KEYS}")),
    }
    Ok(())
}

fn offload(word: &str) -> Result<bool, String> {
    match word {
        "segmentation" => Ok(true),
        "none" => Ok(false),
        _ => Err(format!("`{word}` is no offload: segmentation, none")),
    }
}

fn bursts(impairments: &mut Impairments) -> &mut Bursts {
    impairments.bursts.get_or_insert_default()
}

fn whole(key: &str, value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| format!("`{key}={value}` is not a whole number"))
}

const KEYS: &str = "name, mtu, medium, mac, offload, loss, burst-begin, burst-end, burst-loss, mark, delay, jitter, reorder, \
                    reorder-by, duplicate, corrupt, rate, queue";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_stacks_and_what_it_does_to_frames() {
        let link = lab_link("a,b,c,delay=10ms,loss=0.1,rate=10M,queue=5,mtu=1400,name=wan").unwrap();
        assert_eq!(link.stacks, ["a", "b", "c"]);
        assert_eq!((link.name.as_str(), link.mtu), ("wan", 1400));
        let impairments = link.impairments.unwrap();
        assert_eq!(impairments.delay, Some(prost_types::Duration { seconds: 0, nanos: 10_000_000 }));
        assert_eq!((impairments.loss, impairments.rate_bps, impairments.queue_limit), (0.1, 10_000_000, 5));
    }

    #[test]
    fn a_link_may_be_an_ethernet_of_stations() {
        let link = lab_link("a,b,medium=ethernet,mac=02:00:00:00:00:0a,mac=").unwrap();
        assert_eq!((link.medium(), link.impairments), (Medium::Ethernet, None));
        assert_eq!(link.macs, ["02:00:00:00:00:0a", ""]);
        assert_eq!(lab_link("a,b,medium=wifi").unwrap_err(), "`wifi` is no medium: ip, ethernet");
    }

    #[test]
    fn a_link_may_cut_segments() {
        let offload = |text| lab_link(text).map(|link| link.segmentation_offload);
        assert_eq!(offload("a,b"), Ok(false));
        assert_eq!(offload("a,b,offload=segmentation"), Ok(true));
        assert_eq!(offload("a,b,offload=none"), Ok(false));
        assert_eq!(offload("a,b,offload=tso").unwrap_err(), "`tso` is no offload: segmentation, none");
    }

    #[test]
    fn losses_may_come_in_bursts() {
        let bursts = |text| lab_link(text).unwrap().impairments.unwrap().bursts;
        assert_eq!(bursts("a,b,loss=1%"), None);
        let all = bursts("a,b,burst-begin=1%,burst-end=0.25,burst-loss=90%");
        assert_eq!(all, Some(Bursts { begin: 0.01, end: 0.25, loss: Some(0.9) }));
        let some = bursts("a,b,burst-begin=1%,burst-end=0.25");
        assert_eq!(some, Some(Bursts { begin: 0.01, end: 0.25, loss: None }));
        assert!(lab_link("a,b,burst-end=2").is_err());
    }

    #[test]
    fn a_plain_link_does_nothing_to_frames() {
        assert_eq!(lab_link("a,b").unwrap().impairments, None);
    }

    #[test]
    fn what_is_wrong_with_a_link_is_said() {
        assert_eq!(lab_link("a").unwrap_err(), "a link joins at least two stacks: a,b[,delay=10ms,...]");
        assert!(lab_link("a,").is_err());
        assert_eq!(lab_link("a,b,speed=1").unwrap_err(), format!("`speed` is not of a link: {KEYS}"));
        assert_eq!(lab_link("a,b,mtu=x").unwrap_err(), "`mtu=x` is not a whole number");
    }
}
