//! Initial sequence numbers (RFC 6528) and ephemeral ports (RFC 6056): what an outsider must not guess.

use core::hash::{Hash, Hasher};

use siphasher::sip::SipHasher24;

use crate::rng::Rng;
use crate::tcp::cx::Tuple;
use crate::tcp::seq::Seq;
use crate::time::Instant;

/// The secret that initial sequence numbers follow from.
#[derive(Clone, Debug)]
pub(crate) struct IsnSecret(u64, u64);

impl IsnSecret {
    //= https://www.rfc-editor.org/rfc/rfc6528#section-4
    //# If random numbers are used as the sole source of the secret, they MUST be chosen in
    //# accordance with the recommendations given in [RFC4086].
    pub(crate) fn new(rng: &mut Rng) -> Self {
        IsnSecret(rng.next_u64(), rng.next_u64())
    }

    /// The ISN of a connection that begins now.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //# A TCP implementation MUST use the above type of "clock" for clock-
    //# driven selection of initial sequence numbers (MUST-8), and SHOULD
    //# generate its initial sequence numbers with the expression:
    //#
    //# ISN = M + F(localip, localport, remoteip, remoteport, secretkey)
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //# where M is the 4 microsecond timer, and F() is a pseudorandom function (PRF) of the
    //# connection's identifying parameters ("localip, localport, remoteip, remoteport") and a
    //# secret key ("secretkey") (SHLD-1).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //# F() MUST NOT be computable from the outside (MUST-9), or an attacker could still guess at
    //# sequence numbers from the ISN used for some other connection.
    //= https://www.rfc-editor.org/rfc/rfc6528#section-3
    //# TCP SHOULD generate its Initial Sequence Numbers with the expression:
    //= https://www.rfc-editor.org/rfc/rfc6528#section-3
    //# F() MUST NOT be computable from the outside, or an attacker could still guess at sequence
    //# numbers from the ISN used for some other connection.
    pub(crate) fn isn(&self, now: Instant, tuple: &Tuple) -> Seq {
        let mut f = SipHasher24::new_with_keys(self.0, self.1);
        tuple.hash(&mut f);
        // M, the 4 microsecond timer.
        let m = now.as_nanos() / 4_000;
        Seq((f.finish() as u32).wrapping_add(m as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn tuple(port: u16) -> Tuple {
        Tuple::new(([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 80).into())
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //= type=test
    //# A TCP implementation MUST use the above type of "clock" for clock- driven selection of
    //# initial sequence numbers (MUST-8), and SHOULD generate its initial sequence numbers with
    //# the expression:
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //= type=test
    //# where M is the 4 microsecond timer, and F() is a pseudorandom function (PRF) of the
    //# connection's identifying parameters ("localip, localport, remoteip, remoteport") and a
    //# secret key ("secretkey") (SHLD-1).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1
    //= type=test
    //# F() MUST NOT be computable from the outside (MUST-9), or an attacker could still guess at
    //# sequence numbers from the ISN used for some other connection.
    //= https://www.rfc-editor.org/rfc/rfc6528#section-3
    //= type=test
    //# TCP SHOULD generate its Initial Sequence Numbers with the expression:
    //= https://www.rfc-editor.org/rfc/rfc6528#section-3
    //= type=test
    //# F() MUST NOT be computable from the outside, or an attacker could still guess at sequence
    //# numbers from the ISN used for some other connection.
    #[test]
    fn one_tuple_climbs_with_the_clock_and_another_is_elsewhere() {
        let secret = IsnSecret::new(&mut Rng::from_u64(1));
        let first = secret.isn(Instant::ZERO, &tuple(1));
        assert_eq!(secret.isn(Instant::ZERO + Duration::from_secs(1), &tuple(1)) - first, 250_000);
        assert!((secret.isn(Instant::ZERO, &tuple(2)) - first).unsigned_abs() > 1 << 16);
        let other = IsnSecret::new(&mut Rng::from_u64(2));
        assert_ne!(other.isn(Instant::ZERO, &tuple(1)), first);
    }
}
