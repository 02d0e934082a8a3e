//! Where pieces of a GPU may lie beside each other.
//!
//! The machine cuts by these rules, and clients that only have a page answer by
//! the same ones what is still possible. Where no place is named, the driver
//! takes the one that spoils the fewest other cuts, and of equals the first: so
//! do the captures in the MIG user guide. Knows no state but what it is given.

use crate::catalog::MigCut;
use crate::page::{GPU_INSTANCES, GpuPage, MigProfile};

/// A way to cut, as far as places go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Profile id.
    pub id: u32,
    /// Compute slices.
    pub slices: u32,
    /// Most at once.
    pub instances: u32,
    /// Memory slices.
    pub size: u32,
    /// Where one may begin, a bit per memory slice.
    pub starts: u32,
    /// Whether it has the media extensions, which are there once.
    pub media: bool,
}

/// A piece that lies somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub piece: Piece,
    /// First memory slice.
    pub start: u32,
}

impl From<&MigCut> for Piece {
    fn from(cut: &MigCut) -> Self {
        let &MigCut { id, slices, instances, size, ofas, .. } = cut;
        let starts = cut.starts.iter().fold(0, |mask, start| mask | 1 << (start % 8));
        Self { id, slices, instances, size, starts, media: ofas > 0 }
    }
}

impl From<&MigProfile> for Piece {
    fn from(profile: &MigProfile) -> Self {
        let &MigProfile { id, slices, instances, size, starts, ofas, .. } = profile;
        Self { id, slices, instances, size, starts, media: ofas > 0 }
    }
}

impl Placed {
    /// Number of the GPU instance: 0 is the whole, 1 and 2 the halves, 3 to 6 the quarters, 7 to 14 the eighths.
    pub fn id(&self) -> u32 {
        let size = self.piece.size.max(1);
        8 / size - 1 + self.start / size
    }
}

/// What a page's GPU can be cut into, and what it is cut into.
pub fn of_page(page: &GpuPage) -> (Vec<Piece>, Vec<Placed>) {
    let profiles = page.mig_profiles.iter().take(page.mig_profile_count as usize);
    let pieces: Vec<Piece> = profiles.map(Piece::from).collect();
    let placed = (page.gpu_instances.iter().take(page.gpu_instance_count as usize))
        .filter_map(|instance| {
            let piece = *pieces.iter().find(|piece| piece.id == instance.profile_id)?;
            Some(Placed { piece, start: instance.start })
        })
        .collect();
    (pieces, placed)
}

/// Where such a piece could still begin, in rising order.
pub fn places(placed: &[Placed], piece: Piece) -> impl Iterator<Item = u32> + '_ {
    let slices: u32 = placed.iter().map(|other| other.piece.slices).sum();
    let same = placed.iter().filter(|other| other.piece.id == piece.id).count() as u32;
    let media = piece.media && placed.iter().any(|other| other.piece.media);
    let room = slices + piece.slices <= 7 && same < piece.instances && !media && placed.len() < GPU_INSTANCES;
    (0..8).filter(move |start| {
        room && piece.starts & 1 << start != 0
            && placed
                .iter()
                .all(|other| start + piece.size <= other.start || other.start + other.piece.size <= *start)
    })
}

/// The place that the driver takes where none is named; `None` when there is no room.
pub fn best_place(placed: &[Placed], pieces: &[Piece], piece: Piece) -> Option<u32> {
    places(placed, piece).min_by_key(|start| {
        let mut with = placed.to_vec();
        with.push(Placed { piece, start: *start });
        let left: usize = pieces.iter().map(|other| places(&with, *other).count()).sum();
        (std::cmp::Reverse(left), *start)
    })
}

/// How many more of such a piece fit.
pub fn remaining(placed: &[Placed], pieces: &[Piece], piece: Piece) -> u32 {
    let mut placed = placed.to_vec();
    let mut count = 0;
    while let Some(start) = best_place(&placed, pieces, piece) {
        placed.push(Placed { piece, start });
        count += 1;
    }
    count
}

/// Where a compute instance of so many slices could begin in a GPU instance: `taken` has the start and the
/// slices of those that are there.
pub fn compute_places(within: u32, taken: &[(u32, u32)], slices: u32) -> impl Iterator<Item = u32> + '_ {
    let last = within.checked_sub(slices.max(1));
    (0..=last.unwrap_or(0)).filter(move |start| {
        last.is_some() && taken.iter().all(|(other, size)| start + slices <= *other || other + size <= *start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    /// Cuts by profile ids in order, and gives the ids of the GPU instances.
    fn cut(device: &str, ids: &[u32]) -> Vec<Option<u32>> {
        let pieces: Vec<Piece> = catalog::device(device).expect("ours").mig.iter().map(Piece::from).collect();
        let mut placed = Vec::new();
        ids.iter()
            .map(|id| {
                let piece = *pieces.iter().find(|piece| piece.id == *id)?;
                let start = best_place(&placed, &pieces, piece)?;
                placed.push(Placed { piece, start });
                placed.last().map(Placed::id)
            })
            .collect()
    }

    #[test]
    fn gpu_instances_are_numbered_as_in_captures() {
        fn case(device: &str, ids: &[u32], numbers: &[u32]) {
            let numbers: Vec<Option<u32>> = numbers.iter().copied().map(Some).collect();
            assert_eq!(cut(device, ids), numbers, "{device} {ids:?}");
        }
        // An H100 with 3g, 2g and two 1g.
        case("h100-sxm5", &[9, 14, 19, 19], &[2, 3, 9, 10]);
        // The MIG user guide's examples on an A100.
        case("a100-sxm4-40gb", &[9, 9], &[2, 1]);
        case("a100-sxm4-40gb", &[19, 14, 5], &[13, 5, 1]);
        case("a100-sxm4-40gb", &[19, 19, 19, 19, 19, 19, 19], &[13, 11, 12, 7, 8, 9, 10]);
        case("a100-sxm4-40gb", &[0], &[0]);
        case("h200", &[14, 14, 14, 19], &[5, 3, 4, 13]);
        case("h200", &[15, 15, 15, 15], &[6, 5, 3, 4]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(cut("h100-sxm5", &[0, 19]), [Some(0), None]);
        assert_eq!(cut("h100-sxm5", &[9, 9, 19]).last(), Some(&None), "no memory slice is left");
        assert_eq!(cut("h100-sxm5", &[5, 5]).last(), Some(&None), "4g fits once");
        assert_eq!(cut("h100-sxm5", &[20, 20]).last(), Some(&None), "the media extensions are there once");
        assert!(cut("h100-sxm5", &[5, 9]).iter().all(Option::is_some), "4g and 3g fit together");
    }

    #[test]
    fn as_many_fit_as_the_tables_of_the_devices_say() {
        for (name, device) in catalog::devices() {
            let pieces: Vec<Piece> = device.mig.iter().map(Piece::from).collect();
            for piece in &pieces {
                assert_eq!(remaining(&[], &pieces, *piece), piece.instances, "{name} {}", piece.id);
            }
        }
    }

    #[test]
    fn compute_instances_lie_side_by_side() {
        assert_eq!(compute_places(3, &[], 1).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(compute_places(3, &[(0, 1)], 2).collect::<Vec<_>>(), [1]);
        assert_eq!(compute_places(3, &[(0, 3)], 1).count(), 0);
        assert_eq!(compute_places(2, &[], 3).count(), 0);
    }
}
