//! The names of users, as `/etc/passwd` has them. Users from elsewhere (LDAP and the like) are shown by number.

/// The name of a user of this machine.
pub fn user_name(uid: u32) -> Option<String> {
    find(&std::fs::read_to_string("/etc/passwd").ok()?, uid)
}

/// How to speak of a user: by name, else by number.
pub(super) fn words(uid: u32) -> String {
    user_name(uid).unwrap_or_else(|| uid.to_string())
}

fn find(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n# not:x:7:7\nbroken\nshop:x:7:8::/srv:/bin/false\n";
        assert_eq!(find(passwd, 0).as_deref(), Some("root"));
        assert_eq!(find(passwd, 7).as_deref(), Some("shop"));
        assert_eq!(find(passwd, 8), None);
    }
}
