//! Who is logged in.

use std::{fs, io::ErrorKind};

use qapi_dbus_types::qga::GuestUser;

use super::error::Error;

const UTMP: &str = "/run/utmp";

/// `ut_type` of a user's login, in utmp(5).
const USER_PROCESS: i16 = 7;

/// Where a record's fields lie. glibc keeps 32-bit times where programs of 32 bits share the file,
/// which they do on x86 and others but not on 64-bit Arm.
mod layout {
    pub(super) const TIME: usize = if cfg!(target_arch = "aarch64") { 344 } else { 340 };
    pub(super) const TIME_SIZE: usize = if cfg!(target_arch = "aarch64") { 8 } else { 4 };
    pub(super) const RECORD: usize = if cfg!(target_arch = "aarch64") { 400 } else { 384 };
    pub(super) const USER: std::ops::Range<usize> = 44..76;
}

/// The users that utmp(5) knows, each with the first of the logins; none where a system keeps no such file, as newer ones do.
pub(super) fn logged_in() -> Result<Vec<GuestUser>, Error> {
    match fs::read(UTMP) {
        Ok(records) => Ok(earliest(records.chunks_exact(layout::RECORD).filter_map(login))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::system(format!("read {UTMP}"))(error)),
    }
}

fn earliest(logins: impl Iterator<Item = GuestUser>) -> Vec<GuestUser> {
    let mut users: Vec<GuestUser> = Vec::new();
    for login in logins {
        match users.iter_mut().find(|known| known.user == login.user) {
            Some(known) => known.login_time = known.login_time.min(login.login_time),
            None => users.push(login),
        }
    }
    users
}

fn login(record: &[u8]) -> Option<GuestUser> {
    let kind = i16::from_ne_bytes(record.get(..2)?.try_into().ok()?);
    if kind != USER_PROCESS {
        return None;
    }
    let name = record.get(layout::USER)?.split(|byte| *byte == 0).next()?;
    let seconds = integer(record, layout::TIME)?;
    let microseconds = integer(record, layout::TIME + layout::TIME_SIZE)?;
    let login_time = seconds as f64 + microseconds as f64 / 1e6;
    Some(GuestUser::new(String::from_utf8_lossy(name), login_time))
}

fn integer(record: &[u8], at: usize) -> Option<i64> {
    let bytes = record.get(at..at + layout::TIME_SIZE)?;
    match bytes.try_into() {
        Ok(bytes) => Some(i64::from_ne_bytes(bytes)),
        // Unsigned: a time of 32 bits lasts until 2106 that way.
        Err(_) => Some(u32::from_ne_bytes(bytes.try_into().ok()?).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: i16, name: &str, seconds: u32, microseconds: u32) -> Vec<u8> {
        let mut record = vec![0; layout::RECORD];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[layout::USER][..name.len()].copy_from_slice(name.as_bytes());
        let mut put = |at: usize, value: u32| {
            let wide = u64::from(value).to_ne_bytes();
            let bytes: &[u8] = if layout::TIME_SIZE == 8 { &wide } else { &value.to_ne_bytes() };
            record[at..at + layout::TIME_SIZE].copy_from_slice(bytes);
        };
        put(layout::TIME, seconds);
        put(layout::TIME + layout::TIME_SIZE, microseconds);
        record
    }

    #[test]
    fn each_user_comes_once_with_the_first_login() {
        let records = [
            record(2, "reboot", 5, 0),
            record(USER_PROCESS, "ann", 300, 0),
            record(USER_PROCESS, "bob", 3_000_000_000, 250_000),
            record(USER_PROCESS, "ann", 200, 500_000),
        ];
        let users = earliest(records.iter().filter_map(|record| login(record)));
        let expected = [("ann", 200.5), ("bob", 3_000_000_000.25)]
            .map(|(user, login_time)| GuestUser::new(user, login_time));
        assert_eq!(users, expected);
    }
}
