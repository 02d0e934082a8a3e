//! Which drivers there are, and what each branch prints.

use crate::catalog::Device;
use crate::spec::SpecError;

/// A branch with the version that is known best, its CUDA version and when it was built.
struct Branch {
    number: u32,
    cuda: u32,
    builds: &'static [(&'static str, &'static str)],
}

const BRANCHES: &[Branch] = &[
    Branch { number: 550, cuda: 12040, builds: &[("550.163.01", "Tue Apr  8 12:41:17 UTC 2025")] },
    Branch { number: 570, cuda: 12080, builds: &[("570.158.01", "Tue Jun 10 20:31:22 UTC 2025")] },
    Branch { number: 580, cuda: 13000, builds: &[("580.105.08", "Wed Oct 29 22:12:53 UTC 2025")] },
];

/// A version of the driver's kernel side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// `570.158.01`.
    pub version: String,
    /// 570.
    pub branch: u32,
    /// Major * 1000 + minor * 10.
    pub cuda: u32,
}

impl Driver {
    /// Parses a full version of a branch that we know.
    pub fn parse(asked: &str) -> Result<Self, SpecError> {
        let refused = || SpecError::NoSuchDriver { asked: asked.to_owned() };
        let mut parts = asked.split('.');
        let number: u32 = parts.next().and_then(|part| part.parse().ok()).ok_or_else(refused)?;
        let rest: Vec<&str> = parts.collect();
        let digits = |part: &&str| (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if !(1..=2).contains(&rest.len()) || !rest.iter().all(digits) {
            return Err(refused());
        }
        let branch = BRANCHES.iter().find(|branch| branch.number == number).ok_or_else(refused)?;
        Ok(Self { version: asked.to_owned(), branch: number, cuda: branch.cuda })
    }

    /// Refuses a device that this branch came too early for.
    pub fn drives(&self, device: &Device) -> Result<(), SpecError> {
        if self.branch >= device.driver_floor {
            return Ok(());
        }
        Err(SpecError::Impossible {
            what: format!(
                "driver {} does not know the {}: it takes branch {} or later",
                self.version, device.name, device.driver_floor
            ),
        })
    }

    /// What the module says of itself when it is loaded.
    pub fn banner(&self) -> String {
        let built = BRANCHES
            .iter()
            .flat_map(|branch| branch.builds)
            .find_map(|(version, built)| (*version == self.version).then_some(*built))
            .unwrap_or("Tue Sep  2 18:04:42 UTC 2025");
        format!(
            "NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  (dvs-builder@U22-I3-B17-02-6)  {built}",
            self.version
        )
    }

    /// Whether Xids without a process say so: `pid='<unknown>', name=<unknown>,`.
    pub fn names_unknown_processes(&self) -> bool {
        self.branch <= 570
    }

    /// Whether changes of the recovery action are said, as Xid 154.
    pub fn says_recovery_actions(&self) -> bool {
        self.branch >= 570
    }

    /// Whether Xid 45 says which Xid took the channel.
    pub fn gives_previous_xid(&self) -> bool {
        self.branch >= 580
    }

    /// Whether timeouts of the firmware give the number of the call.
    pub fn gives_rpc_sequence(&self) -> bool {
        self.branch > 570
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn full_versions_of_known_branches_are_taken() {
        fn case(asked: &str, cuda: Option<u32>) {
            assert_eq!(Driver::parse(asked).ok().map(|driver| driver.cuda), cuda, "{asked}");
        }
        case("550.163.01", Some(12040));
        case("570.158.01", Some(12080));
        case("580.105.08", Some(13000));
        case("580.95.05", Some(13000));
        case("570", None);
        case("535.129.03", None);
        case("580.x.08", None);
        case("580.105.08.1", None);
        case("", None);
    }

    #[test]
    fn a_driver_of_before_the_device_is_refused() {
        let b200 = catalog::device("b200").expect("ours");
        let old = Driver::parse("550.163.01").expect("a known version");
        let error = old.drives(b200).expect_err("too old");
        assert_eq!(
            error.to_string(),
            "driver 550.163.01 does not know the NVIDIA B200: it takes branch 570 or later"
        );
    }
}
