//! What is so now, told as the events that would have made it so.
//!
//! A new subscriber hears this first, so that nothing lies between what it knows and what it will
//! be told.

use crate::transcode::Json;

/// Commands that tell a state, with the event that tells its change.
pub(super) const QUERIES: [(&str, &str); 3] = [
    ("query-jobs", "JOB_STATUS_CHANGE"),
    ("query-block", "DEVICE_TRAY_MOVED"),
    ("query-balloon", "BALLOON_CHANGE"),
];

/// The data of the events that what a command returned comes to.
pub(super) fn data<'a>(command: &str, returned: &Json<'a>) -> Vec<Json<'a>> {
    match (command, returned) {
        ("query-jobs", Json::List(jobs)) => jobs.iter().filter_map(job).collect(),
        ("query-block", Json::List(devices)) => devices.iter().filter_map(tray).collect(),
        ("query-balloon", Json::Object(_)) => {
            members(returned, &[("actual", "actual")]).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn job<'a>(job: &Json<'a>) -> Option<Json<'a>> {
    members(job, &[("id", "id"), ("status", "status")])
}

/// Devices without a tray say nothing of one.
fn tray<'a>(device: &Json<'a>) -> Option<Json<'a>> {
    let Json::Object(mut data) =
        members(device, &[("device", "device"), ("tray_open", "tray-open")])?
    else {
        return None;
    };
    let id = device.get("qdev").cloned().unwrap_or(Json::Str("".into()));
    data.push(("id".into(), id));
    Some(Json::Object(data))
}

/// These members under their new names, if all are there.
fn members<'a>(of: &Json<'a>, names: &[(&str, &'static str)]) -> Option<Json<'a>> {
    let renamed = |(old, new): &(&str, &'static str)| Some(((*new).into(), of.get(old)?.clone()));
    names.iter().map(renamed).collect::<Option<Vec<_>>>().map(Json::Object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &str, returned: &str) -> Vec<String> {
        let returned = Json::parse(returned.as_bytes()).unwrap();
        let text = |json: Json<'_>| {
            let mut text = Vec::new();
            json.write(&mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        data(command, &returned).into_iter().map(text).collect()
    }

    #[test]
    fn each_job_has_its_status() {
        let jobs = r#"[{"id":"a","status":"running","type":"backup"},{"id":"b"}]"#;
        assert_eq!(told("query-jobs", jobs), [r#"{"id":"a","status":"running"}"#]);
    }

    #[test]
    fn only_devices_with_a_tray_tell_of_one() {
        let devices = r#"[{"device":"hd"},{"device":"","qdev":"cd0","tray_open":true}]"#;
        let expected = [r#"{"device":"","tray-open":true,"id":"cd0"}"#];
        assert_eq!(told("query-block", devices), expected);
    }

    #[test]
    fn what_is_not_understood_tells_nothing() {
        assert_eq!(told("query-balloon", r#"{"actual":5}"#), [r#"{"actual":5}"#]);
        for command in ["query-jobs", "query-block", "query-balloon"] {
            assert!(told(command, "7").is_empty());
        }
    }
}
