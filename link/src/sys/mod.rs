//! The system calls that socket2 and mio lack, each behind a safe function.
//!
//! This module and its children are the only `unsafe` code of the workspace. Nothing here decides anything.

mod batch;
mod frame;
mod interface;
mod message;
mod namespace;
mod netlink;
mod option;
mod tun;

pub(crate) use batch::{BATCH, receive_several, send_several};
pub(crate) use frame::{
    admit_station, bind_to_interface, bind_to_interface_to_send, bound_interface,
    frames_from_outside_with_their_offloads, frames_with_their_offloads, frames_with_their_tags,
    wait_until_readable,
};
pub(crate) use interface::{
    ethtool_value, interface_addresses, interface_flags, interface_index, interface_index_of, interface_mtu,
};
pub(crate) use message::{Message, receive};
pub(crate) use namespace::{enter_network_namespace, enter_new_user_and_network_namespace, user_and_group};
pub(crate) use netlink::tell_of_interfaces;
pub(crate) use option::{receive_drops, set_receive_buffer, tell_full_queues};
pub(crate) use tun::{become_interface, interface_of, set_header_length, set_offloads};
