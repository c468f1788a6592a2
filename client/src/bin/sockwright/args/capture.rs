//! The verb `capture`.

use clap::Args;
use sockwright_client::v1::{CaptureRequest, Filter, Since, since};

use crate::parse::address::ip;
use crate::parse::duration::duration;
use crate::parse::link::link_name;
use crate::parse::number::size;

/// See `Networks.Capture`.
#[derive(Debug, Args)]
pub(crate) struct Capture {
    /// The file; - is standard output
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    pub(crate) file: String,
    /// A link of a lab: each frame once, as it enters the link
    #[arg(long, value_name = "LAB/LINK", value_parser = link_name)]
    link: Option<String>,
    /// Of and for these stacks; of a link, that they send
    #[arg(long = "stack", value_name = "STACK,...", value_delimiter = ',', help_heading = "Filter")]
    stacks: Vec<String>,
    /// Of and for these sockets
    #[arg(long = "socket", value_name = "ID,...", value_delimiter = ',', help_heading = "Filter")]
    sockets: Vec<u64>,
    /// Of and for the sockets of these sessions
    #[arg(long = "session", value_name = "SESSION,...", value_delimiter = ',', help_heading = "Filter")]
    sessions: Vec<String>,
    /// Of and for sockets with one of these labels
    #[arg(long = "label", value_name = "LABEL,...", value_delimiter = ',', help_heading = "Filter")]
    labels: Vec<String>,
    /// From or to one of these IP addresses
    #[arg(long = "address", value_name = "ADDR,...", value_delimiter = ',', value_parser = ip, help_heading = "Filter")]
    addresses: Vec<String>,
    /// From or to one of these ports
    #[arg(long = "port", value_name = "PORT,...", value_delimiter = ',', help_heading = "Filter")]
    ports: Vec<u16>,
    /// Octets of packets that may wait for this reader, such as 1M [default: the server's limit]
    #[arg(long, value_name = "SIZE", default_value = "0", hide_default_value = true, value_parser = size)]
    queue_bytes: u64,
    /// Begin with the last so long of what was kept (10s, or all), on the clock of each stack: see `lab record`
    #[arg(long, value_name = "DURATION", value_parser = since)]
    last: Option<Since>,
    /// End behind that
    #[arg(long, requires = "last")]
    no_follow: bool,
}

impl Capture {
    /// The request, and the file.
    pub(crate) fn into_request(self) -> (CaptureRequest, String) {
        let Capture { file, link, stacks, sockets, sessions, labels, addresses, ports, .. } = self;
        let ports = ports.into_iter().map(u32::from).collect();
        let filter = Filter { stacks, sockets, sessions, labels, addresses, ports, ..Filter::default() };
        let link = link.unwrap_or_default();
        let (queue_bytes, since, no_follow) = (self.queue_bytes, self.last, self.no_follow);
        (CaptureRequest { link, filter: Some(filter), queue_bytes, since, no_follow }, file)
    }
}

/// Reads how far back, or `all`.
fn since(text: &str) -> Result<Since, String> {
    let since = match text {
        "all" => since::Since::All(true),
        text => since::Since::Age(duration(text)?),
    };
    Ok(Since { since: Some(since) })
}

/// The long help.
pub(super) const ABOUT: &str = "\
Write packets with what the server knew of them, as pcapng, until it is interrupted

Every packet has a comment: which way it went, its socket, the state before and after, why it was sent again, why it was \
dropped on arrival, what befell it on a lab's link. docs/captures.md lists the words. What passes from the moment on at \
which the file has its header is in it. An interrupt, or --timeout, ends the file behind its last whole packet; it ends by \
itself when all stacks that were named are gone.

With --last comes first what labs and stacks kept of their recent past, where they were told to (`lab record`, `stack \
record`); what was asked for and is kept no more is told in the file. With --no-follow the file ends there.

A packet between two stacks of the server is there twice, as it leaves and as it arrives: --link shows it once.";

pub(super) const EXAMPLES: &str = "\
Examples:
  sockwright capture --link lab/link1 -w lab.pcapng
  sockwright capture --stack lab/a --port 80 -w - | wireshark -k -i -
  sockwright lab record lab 64M; ...; sockwright capture --last 10s --no-follow --link lab/link1 -w before.pcapng
  sockwright capture --socket 3 -w - | tshark -r - -T fields -e _ws.col.Info -e frame.comment
  tshark -r lab.pcapng -Y 'frame.comment contains \"retransmission=\"'";
