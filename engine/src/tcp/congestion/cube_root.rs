//! The cube root of CUBIC in integers: the same on every machine, and exact.

/// The largest number whose cube is at most `n`.
pub(super) fn cube_root(n: u64) -> u64 {
    // Twenty-two bits of root from sixty-four, the highest first.
    (0..22).rev().fold(0, |root: u64, bit| {
        let larger = root | 1 << bit;
        let cube = u128::from(larger) * u128::from(larger) * u128::from(larger);
        if cube <= u128::from(n) { larger } else { root }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_roots_of_cubes_and_of_their_neighbours() {
        for root in [1u64, 2, 3, 10, 1000, 2_642_245] {
            let cube = root * root * root;
            assert_eq!(cube_root(cube), root);
            assert_eq!(cube_root(cube - 1), root - 1);
            assert_eq!(cube_root(cube + 1), root);
        }
        assert_eq!((cube_root(0), cube_root(u64::MAX)), (0, 2_642_245));
    }

    proptest! {
        #[test]
        fn it_is_the_floating_point_root_without_its_fraction(n: u64) {
            let root = cube_root(n);
            prop_assert!((root as f64 - (n as f64).cbrt()).abs() <= 1.0);
            prop_assert!(u128::from(root).pow(3) <= u128::from(n));
            prop_assert!(u128::from(root + 1).pow(3) > u128::from(n));
        }
    }
}
