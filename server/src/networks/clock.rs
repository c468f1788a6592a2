//! Clocks of labs between the contract and the threads.

use sockwright_proto::v1 as pb;

use crate::convert::Invalid;
use crate::stack::clock::{Clock, Speed};

/// The clock that is asked for, where one is; a real one runs at the usual speed.
pub(super) fn parse(clock: i32) -> Result<Option<Clock>, Invalid> {
    match pb::Clock::try_from(clock) {
        Ok(pb::Clock::Unspecified) => Ok(None),
        Ok(pb::Clock::Virtual) => Ok(Some(Clock::Virtual)),
        Ok(pb::Clock::Manual) => Ok(Some(Clock::Manual)),
        Ok(pb::Clock::Real) => Ok(Some(Clock::Real(Speed::ONE))),
        Err(_) => Err(Invalid::new("clock", format!("{clock} is none of the values of this enum"))),
    }
}

/// The clock that a lab is to have from now on.
pub(crate) fn parse_change(request: &pb::SetClockRequest) -> Result<Clock, Invalid> {
    match parse(request.clock)? {
        None => Err(Invalid::new("clock", "nothing is asked for")),
        Some(clock) if request.speed == 0.0 => Ok(clock),
        Some(Clock::Real(_)) => Speed::new(request.speed)
            .map(Clock::Real)
            .ok_or_else(|| Invalid::new("speed", "it has to be between 0.0001 and 10000")),
        Some(Clock::Virtual | Clock::Manual) => Err(Invalid::new("speed", "only a real clock has one")),
    }
}

/// The clock and its speed, as labs are listed.
pub(super) fn to_proto(clock: Clock) -> (pb::Clock, f64) {
    match clock {
        Clock::Virtual => (pb::Clock::Virtual, 0.0),
        Clock::Manual => (pb::Clock::Manual, 0.0),
        Clock::Real(speed) => (pb::Clock::Real, speed.factor()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(clock: pb::Clock, speed: f64) -> Result<Clock, String> {
        let request = pb::SetClockRequest { lab: "lab".into(), clock: clock.into(), speed };
        parse_change(&request).map_err(|invalid| invalid.field)
    }

    #[test]
    fn a_clock_is_named_and_only_a_real_one_has_a_speed() {
        assert_eq!(change(pb::Clock::Manual, 0.0), Ok(Clock::Manual));
        assert_eq!(change(pb::Clock::Virtual, 0.0), Ok(Clock::Virtual));
        assert_eq!(change(pb::Clock::Real, 0.0), Ok(Clock::Real(Speed::ONE)));
        assert_eq!(change(pb::Clock::Real, 0.25).map(|clock| to_proto(clock).1), Ok(0.25));
        assert_eq!(change(pb::Clock::Unspecified, 0.0), Err("clock".into()));
        for (clock, speed) in [
            (pb::Clock::Manual, 1.0),
            (pb::Clock::Virtual, 2.0),
            (pb::Clock::Real, -1.0),
            (pb::Clock::Real, 1e9),
            (pb::Clock::Real, f64::NAN),
        ] {
            assert_eq!(change(clock, speed), Err("speed".into()), "{clock:?} {speed}");
        }
    }
}
