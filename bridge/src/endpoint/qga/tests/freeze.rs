//! Frozen filesystems, and what an agent offers meanwhile.

use std::time::Duration;

use super::{Rig, id_of, opened, request_with_timeout, serving, synced};

/// Answers with an object's members, and returns what is asked next.
fn answered(rig: &mut Rig, line: &str, answer: &str) -> Vec<String> {
    rig.peer(&format!("{{{answer},\"id\":{}}}", id_of(line)));
    rig.sent()
}

fn called(rig: &mut Rig, command: &str, answer: &str) -> Vec<String> {
    rig.call(command);
    let line = rig.sent().remove(0);
    answered(rig, &line, answer)
}

fn info(commands: &[&str]) -> String {
    let command = |name| format!(r#"{{"name":"{name}","enabled":true,"success-response":true}}"#);
    let commands: Vec<_> = commands.iter().map(command).collect();
    format!(r#""return":{{"version":"1","supported_commands":[{}]}}"#, commands.join(","))
}

#[tokio::test(start_paused = true)]
async fn commands_are_asked_for_again_once_the_filesystems_are_frozen_or_thawed() {
    let mut rig = serving();
    let failure = r#""error":{"class":"GenericError","desc":"some are frozen"}"#;
    for (command, answer, again) in [
        ("guest-fsfreeze-freeze", failure, true),
        ("guest-fsfreeze-freeze", r#""return":1"#, true),
        ("guest-fsfreeze-status", r#""return":"frozen""#, false),
        ("guest-fsfreeze-status", r#""return":"thawed""#, true),
        ("guest-fsfreeze-thaw", r#""return":1"#, true),
    ] {
        let asked = called(&mut rig, command, answer);
        assert_eq!(asked.len(), usize::from(again), "{command}: {asked:?}");
        for line in asked {
            assert!(line.contains("guest-info"), "{line}");
            assert!(answered(&mut rig, &line, &info(&[])).is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_frozen_from_the_answer_to_the_freeze_to_that_of_the_thaw() {
    let mut rig = serving();
    for (command, answer, state) in [
        ("guest-fsfreeze-freeze", r#""return":0"#, None),
        ("guest-fsfreeze-freeze-list", r#""return":2"#, Some("Frozen 10.0.2 ")),
        ("guest-fsfreeze-thaw", r#""return":2"#, Some("Ready 10.0.2 ")),
    ] {
        let info = called(&mut rig, command, answer);
        let returned = answer.trim_start_matches("\"return\":");
        let told = state.map(str::to_owned).into_iter().chain([format!("{command}: {returned}")]);
        assert_eq!(rig.heard(), told.collect::<Vec<_>>(), "the state comes before the answer");
        assert!(answered(&mut rig, &info[0], r#""return":{}"#).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_frozen_before_is_known_for_it() {
    let (mut rig, line) = opened(|_| {});
    synced(&mut rig, &line);
    let line = rig.sent().remove(0);
    let asked = answered(&mut rig, &line, &info(&["guest-fsfreeze-status"]));
    assert!(asked[0].contains("guest-fsfreeze-status"), "{asked:?}");
    rig.call("guest-ping");
    let next = answered(&mut rig, &asked[0], r#""return":"frozen""#);
    assert!(next[0].contains("guest-ping"), "what was answered is not asked again: {next:?}");
    assert_eq!(rig.heard().last().unwrap(), "Frozen 1 ");
    rig.hang_up();
    rig.begin();
    let line = rig.sent().remove(0);
    synced(&mut rig, &line);
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.heard().last().unwrap(), "Ready  ", "of a new connection nothing is known");
}

#[tokio::test(start_paused = true)]
async fn a_freeze_without_an_answer_is_followed_by_the_question() {
    let mut rig = serving();
    request_with_timeout(&rig, "guest-fsfreeze-freeze", 1);
    rig.sent();
    rig.pass(Duration::from_secs(1)).await;
    let line = rig.sent().remove(0);
    synced(&mut rig, &line);
    assert!(rig.sent()[0].contains("guest-info"));
}
