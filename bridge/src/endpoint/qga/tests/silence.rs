//! Requests that a peer answers only if they fail.

use std::time::Duration;

use super::{Rig, id_of, serving};

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_though_one_without_answer_ran_out_of_time() {
    let mut rig = serving();
    let request = rig.request("shuts-down");
    let timeout = Some(Duration::from_secs(1));
    rig.submit(crate::endpoint::Request { replies: false, timeout, ..request });
    rig.sent();
    rig.call("next");
    assert!(rig.sent_in_part(0).is_some());
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.heard(), ["shuts-down: Unknown.Timeout"]);
    assert!(rig.sent()[0].contains("next"));
}

fn shutdown(rig: &mut Rig, name: &str) -> String {
    let mut request = rig.request(name);
    request.replies = false;
    rig.submit(request);
    id_of(&rig.sent()[0])
}

#[tokio::test(start_paused = true)]
async fn silence_is_success_where_only_failure_is_answered() {
    let mut rig = serving();
    shutdown(&mut rig, "done");
    rig.call("next");
    assert_eq!(rig.sent().len(), 1, "it does not hold up others");
    rig.pass(Duration::from_millis(2999)).await;
    assert!(rig.heard().is_empty());
    rig.pass(Duration::from_millis(1)).await;
    assert_eq!(rig.heard(), ["done: {}"]);
    assert_eq!(rig.session.wire.pending.out_of_order(), 0);

    let id = shutdown(&mut serving(), "x");
    let mut rig = serving();
    let failed = shutdown(&mut rig, "failed");
    shutdown(&mut rig, "went-down");
    assert_ne!(id, failed, "ids are not the same on every connection");
    rig.peer(&format!(r#"{{"error":{{"class":"GenericError","desc":"no"}},"id":{failed}}}"#));
    rig.hang_up();
    let heard = rig.heard();
    assert_eq!(heard[0], "failed: GenericError: no");
    assert_eq!(heard[2], "went-down: {}");
}

#[tokio::test(start_paused = true)]
async fn an_error_without_an_id_is_of_the_request_that_waits_for_errors_only() {
    let mut rig = serving();
    shutdown(&mut rig, "failed");
    rig.peer(r#"{"return":{}}"#);
    rig.peer(r#"{"error":{"class":"GenericError","desc":"no"}}"#);
    assert_eq!(rig.heard(), ["failed: GenericError: no"]);

    let mut request = rig.request("late");
    request.replies = false;
    request.timeout = Some(Duration::from_secs(1));
    rig.submit(request);
    rig.sent();
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.heard(), ["late: Unknown.Timeout"]);
    assert!(rig.session.wire.pending.is_empty());
}
