//! Questions about processes and their limits.

use std::collections::BTreeSet;

use crashcart_facts::{LimitFact, ProcessEntry, ProcessFact, ProcessOf};

use crate::accounts::Accounts;
use crate::processes::{self, Mark};

/// Most processes that are listed one by one.
const LISTED: usize = 200;

/// The living processes that are meant, oldest number first. This worker and
/// what else the agent forked for itself are never meant.
pub fn matching(of: &ProcessOf, mark: impl Fn(&str) -> Option<Mark>) -> Vec<i32> {
    match of {
        ProcessOf::Unit(unit) => mark(unit).map(processes::of_mark).unwrap_or_default(),
        ProcessOf::Exe(path) => {
            others().filter(|pid| processes::executable(*pid).as_deref() == Some(path)).collect()
        }
        ProcessOf::Cmdline(part) => {
            others().filter(|pid| processes::command_line(*pid).contains(part.as_str())).collect()
        }
    }
}

fn others() -> impl Iterator<Item = i32> {
    let own = |pid: i32| pid == 1 || processes::command_line(pid).starts_with(crashcart_facts::AGENT_PATH);
    processes::all().into_iter().filter(move |pid| !own(*pid) && processes::is_alive(*pid))
}

/// Describes processes.
pub fn processes(pids: &[i32], accounts: &Accounts, machine_boot_ms: u64) -> ProcessFact {
    let mut fact = ProcessFact::default();
    let mut users = BTreeSet::new();
    for pid in pids {
        // It may have ended since it was found.
        let (Some(stat), Some((uid, _))) = (processes::stat(*pid), processes::owner(*pid)) else { continue };
        let started_at_ms = processes::started_at_ms(stat.started_ticks, machine_boot_ms);
        let user = accounts.user_name(uid);
        users.insert(user.clone());
        fact.count += 1;
        fact.started_at_ms =
            Some(fact.started_at_ms.map_or(started_at_ms, |oldest| oldest.min(started_at_ms)));
        if fact.processes.len() < LISTED {
            fact.processes.push(ProcessEntry {
                pid: u32::try_from(*pid).unwrap_or(0),
                exe: processes::executable(*pid).unwrap_or_default(),
                cmdline: processes::command_line(*pid),
                user,
                uid,
                started_at_ms,
                threads: stat.threads,
                resident_kib: processes::resident_kib(*pid),
            });
        }
    }
    fact.running = fact.count > 0;
    fact.users = users.into_iter().collect();
    fact
}

/// One limit of one process.
pub fn limit(pid: Option<i32>, resource: &str) -> LimitFact {
    let found = pid.and_then(|pid| Some((pid, processes::limit(pid, resource)?)));
    match found {
        Some((pid, limit)) => LimitFact {
            exists: true,
            soft: Some(limit.soft),
            hard: Some(limit.hard),
            pid: u32::try_from(pid).ok(),
        },
        None => LimitFact::default(),
    }
}
