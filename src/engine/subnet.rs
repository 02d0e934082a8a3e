//! Address ranges for private networks.
//!
//! Pure: proposes ranges in an order that depends on the network's name, so that
//! two crashcarts at once seldom ask for the same one, and leaves out those that
//! this machine already routes somewhere. Asking the engine is left to `docker`.

use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};

/// An IPv4 range: first address and prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    pub base: Ipv4Addr,
    pub prefix: u8,
}

impl Range {
    const fn new(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Self {
        Self { base: Ipv4Addr::new(a, b, c, d), prefix }
    }

    fn bounds(self) -> (u32, u32) {
        let first = u32::from(self.base);
        let size = 1u64 << (32 - u32::from(self.prefix.min(32)));
        let last = (u64::from(first) + size - 1).min(u64::from(u32::MAX));
        (first, u32::try_from(last).expect("no larger than u32::MAX"))
    }

    fn overlaps(self, other: Self) -> bool {
        let (a, b) = self.bounds();
        let (c, d) = other.bounds();
        a <= d && c <= b
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// Private ranges (RFC 1918) that docker, libvirt and home routers do not hand out by default, best first.
const POOLS: [Range; 3] =
    [Range::new(10, 213, 0, 0, 16), Range::new(172, 29, 0, 0, 16), Range::new(192, 168, 224, 0, 19)];

/// Routes this wide (a company's `10.0.0.0/8`) do not hinder a narrow range: the narrow one wins.
const WIDE: u8 = 20;

/// Prefix length of a range with `hosts` addresses besides the network's, the broadcast's and
/// the engine's own. Never narrower than /28.
pub fn prefix_for(hosts: u8) -> u8 {
    let needed = u32::from(hosts) + 3;
    (20..=28).rev().find(|prefix| 1u32 << (32 - prefix) >= needed).expect("a /20 holds 255 hosts")
}

/// Ranges to try for the network `name`, in order. First those that no route of this machine
/// touches, then those within wide routes only.
pub fn candidates(name: &str, hosts: u8, routes: &[Range]) -> impl Iterator<Item = Range> {
    let prefix = prefix_for(hosts);
    let digest = Sha256::digest(name.as_bytes());
    let start = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let all = POOLS.into_iter().flat_map(move |pool| {
        let count = 1u32 << (prefix - pool.prefix);
        (0..count).map(move |n| {
            let index = start.wrapping_add(n) % count;
            Range { base: Ipv4Addr::from(u32::from(pool.base) + (index << (32 - prefix))), prefix }
        })
    });
    let free = |range: &Range, routes: &[Range]| !routes.iter().any(|route| route.overlaps(*range));
    let narrow: Vec<Range> = routes.iter().copied().filter(|route| route.prefix > WIDE).collect();
    let routes = routes.to_vec();
    let (first, second) = (all.clone(), all);
    let strict = routes.clone();
    first
        .filter(move |range| free(range, &strict))
        .chain(second.filter(move |range| !free(range, &routes) && free(range, &narrow)))
}

/// The routes of `/proc/net/route`, the default route left out.
pub fn parse_routes(text: &str) -> Vec<Range> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // The kernel prints these as the host's own integers: little-endian ones read backwards.
            let word = |n: usize| {
                u32::from_str_radix(fields.get(n)?, 16)
                    .ok()
                    .map(|word| u32::from_be_bytes(word.to_ne_bytes()))
            };
            let (base, mask) = (word(1)?, word(7)?);
            (mask != 0).then(|| Range {
                base: Ipv4Addr::from(base),
                prefix: u8::try_from(mask.leading_ones()).expect("at most 32"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_the_hosts_asked_for() {
        let case = |hosts, prefix| assert_eq!(prefix_for(hosts), prefix, "{hosts} hosts");
        case(1, 28);
        case(13, 28);
        case(14, 27);
        case(29, 27);
        case(30, 26);
        case(255, 23);
    }

    #[test]
    fn the_order_depends_on_the_name_and_covers_the_pool_once() {
        let first = |name| candidates(name, 3, &[]).next().expect("a range");
        assert_eq!(first("one"), first("one"));
        assert_ne!(first("one"), first("two"));
        let all: Vec<Range> = candidates("one", 3, &[]).collect();
        let distinct: std::collections::HashSet<Range> = all.iter().copied().collect();
        assert_eq!(all.len(), 4096 + 4096 + 512);
        assert_eq!(distinct.len(), all.len());
        assert!(all[..4096].iter().all(|range| range.overlaps(POOLS[0])));
    }

    #[test]
    fn ranges_that_the_machine_routes_are_left_out() {
        let route = Range::new(10, 213, 0, 0, 17);
        let all: Vec<Range> = candidates("x", 3, &[route]).take(2048).collect();
        assert!(all.iter().all(|range| !range.overlaps(route)));
        let narrow = Range::new(10, 213, 7, 0, 24);
        assert!(candidates("x", 3, &[narrow]).all(|range| !range.overlaps(narrow)));
    }

    #[test]
    fn where_wide_routes_cover_every_pool_a_narrow_range_is_still_found() {
        let routes =
            [Range::new(10, 0, 0, 0, 8), Range::new(172, 16, 0, 0, 12), Range::new(192, 168, 0, 0, 16)];
        assert!(candidates("x", 3, &routes).next().is_some());
    }

    #[test]
    fn routes_are_read_as_the_kernel_prints_them() {
        let text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                    eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                    eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        if cfg!(target_endian = "little") {
            assert_eq!(parse_routes(text), [Range::new(192, 168, 1, 0, 24)]);
        }
        assert!(parse_routes("").is_empty());
    }
}
