//! Who makes a call: what its connection proved, or the token that it carries.
//!
//! Refuses nobody: a call of somebody unknown goes on as one of nobody, and whatever it reaches asks who it is.

use http::Request;
use tonic::body::Body;
use tower::util::MapRequestLayer;

use crate::access::{Credentials, Said};
use crate::listen::Peer;

/// Says of every call whose it is.
pub(crate) fn authentication(
    access: Credentials,
) -> MapRequestLayer<impl Fn(Request<Body>) -> Request<Body> + Clone> {
    MapRequestLayer::new(move |mut request: Request<Body>| {
        let said = access.said(request.headers());
        if let Some(peer) = request.extensions_mut().get_mut::<Peer>() {
            match said {
                Said::Nothing => {}
                Said::Proved(identity) => peer.is(Some(identity)),
                // Whoever gives a token means to be who it says, and not whoever the connection says.
                Said::Wrong => peer.is(None),
            }
            peer.asks();
        }
        request
    })
}
