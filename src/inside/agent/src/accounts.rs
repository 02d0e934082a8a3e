//! Users and groups, read from /etc/passwd and /etc/group themselves: the
//! agent is static and must not load the node's name-service modules.

use std::collections::BTreeSet;

use crate::rooted::Root;

/// One line of /etc/passwd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
    pub shell: String,
}

/// One line of /etc/group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub gid: u32,
    pub members: Vec<String>,
}

/// The accounts of a node at one moment.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    pub users: Vec<User>,
    pub groups: Vec<Group>,
}

/// Larger account files than this are not a node's.
const LIMIT: usize = 4 * 1024 * 1024;

impl Accounts {
    /// Reads both files; what is missing or malformed is absent.
    pub fn read(root: &Root) -> Self {
        let text = |path| root.text(path, LIMIT).ok().flatten().unwrap_or_default();
        Self { users: users(&text("/etc/passwd")), groups: groups(&text("/etc/group")) }
    }

    /// A user by name, or by number where no such name exists.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name).or_else(|| {
            let uid: u32 = name.parse().ok()?;
            self.users.iter().find(|user| user.uid == uid)
        })
    }

    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name).or_else(|| {
            let gid: u32 = name.parse().ok()?;
            self.groups.iter().find(|group| group.gid == gid)
        })
    }

    /// The name of a uid, or its number.
    pub fn user_name(&self, uid: u32) -> String {
        self.users
            .iter()
            .find(|user| user.uid == uid)
            .map_or_else(|| uid.to_string(), |user| user.name.clone())
    }

    pub fn group_name(&self, gid: u32) -> String {
        self.groups
            .iter()
            .find(|group| group.gid == gid)
            .map_or_else(|| gid.to_string(), |group| group.name.clone())
    }

    /// All group ids of a user, the primary one first: what initgroups(3) sets.
    pub fn group_ids(&self, user: &User) -> Vec<u32> {
        let mut ids = vec![user.gid];
        for group in &self.groups {
            if group.members.contains(&user.name) && !ids.contains(&group.gid) {
                ids.push(group.gid);
            }
        }
        ids
    }

    /// Names of all groups of a user, sorted.
    pub fn groups_of(&self, user: &User) -> Vec<String> {
        let names: BTreeSet<String> =
            self.group_ids(user).into_iter().map(|gid| self.group_name(gid)).collect();
        names.into_iter().collect()
    }

    /// Members of a group, those by primary group included, sorted.
    pub fn members_of(&self, group: &Group) -> Vec<String> {
        let primary = self.users.iter().filter(|user| user.gid == group.gid).map(|user| user.name.clone());
        let names: BTreeSet<String> = group.members.iter().cloned().chain(primary).collect();
        names.into_iter().collect()
    }
}

fn users(text: &str) -> Vec<User> {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = fields[..] else { return None };
        (!name.is_empty()).then_some(())?;
        Some(User {
            name: name.into(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: home.into(),
            shell: shell.into(),
        })
    };
    text.lines().filter_map(parse).collect()
}

fn groups(text: &str) -> Vec<Group> {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, gid, members] = fields[..] else { return None };
        (!name.is_empty()).then_some(())?;
        let members =
            members.split(',').map(str::trim).filter(|m| !m.is_empty()).map(str::to_owned).collect();
        Some(Group { name: name.into(), gid: gid.parse().ok()?, members })
    };
    text.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            users: users(
                "root:x:0:0:root:/root:/bin/bash\nbroken line\nada:x:1000:1000:Ada,,,:/home/ada:/bin/bash\n\
                 nologin:x:99:99::/:\n:x:1:1:::\nbad:x:minus:1::/:/bin/sh\n",
            ),
            groups: groups("root:x:0:\nada:x:1000:\nvideo:x:44:ada,root\nrender:x:105:ada\n+nis\n"),
        }
    }

    #[test]
    fn malformed_lines_are_left_out() {
        let names: Vec<String> = accounts().users.into_iter().map(|user| user.name).collect();
        assert_eq!(names, ["root", "ada", "nologin"]);
        assert_eq!(accounts().groups.len(), 4);
    }

    #[test]
    fn groups_and_members_count_both_ways() {
        let accounts = accounts();
        let ada = accounts.user("ada").expect("ada is listed");
        assert_eq!(accounts.group_ids(ada), [1000, 44, 105]);
        assert_eq!(accounts.groups_of(ada), ["ada", "render", "video"]);
        assert_eq!(accounts.members_of(accounts.group("ada").expect("listed")), ["ada"]);
        assert_eq!(accounts.members_of(accounts.group("44").expect("by number")), ["ada", "root"]);
    }

    #[test]
    fn a_number_without_a_name_prints_as_itself() {
        assert_eq!(accounts().user_name(4242), "4242");
        assert_eq!(accounts().group_name(44), "video");
    }
}
