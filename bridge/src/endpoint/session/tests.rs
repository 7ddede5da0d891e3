use std::time::Duration;

use proptest::prelude::*;

use crate::endpoint::{Protocol, Request, rig::Rig};

/// What may happen to a session.
#[derive(Clone, Debug)]
enum Step {
    Peer(Vec<u8>),
    Answer,
    Call { oob: bool, replies: bool, reads: bool, seconds: Option<u64> },
    Sync,
    Take(usize),
    TakeAll,
    Pass(u64),
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    let text = prop::sample::select(vec![
        r#"{"QMP":{"version":{"qemu":{"micro":2,"minor":0,"major":10}},"capabilities":["oob"]}}"#,
        r#"{"return":{}}"#,
        r#"{"return":{},"id":1}"#,
        r#"{"error":{"class":"CommandNotFound","desc":"d"}}"#,
        r#"{"timestamp":{"seconds":1,"microseconds":2},"event":"STOP"}"#,
        "{\"return\":[[[[[",
        "\n",
        "garbage\n",
    ]);
    prop_oneof![
        text.prop_map(|text| Step::Peer(text.into())),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(Step::Peer),
        Just(Step::Answer),
        Just(Step::Answer),
        Just(Step::TakeAll),
        (any::<[bool; 3]>(), prop::option::of(0..20_u64)).prop_map(|(flags, seconds)| {
            let [oob, replies, reads] = flags;
            Step::Call { oob, replies, reads, seconds }
        }),
        Just(Step::Sync),
        (0..3_usize).prop_map(Step::Take),
        (0..20_u64).prop_map(Step::Pass),
        Just(Step::Reconnect),
    ]
}

/// Answers the last line that was sent as a true peer would.
fn answer(rig: &mut Rig, line: &str) {
    match line.rsplit_once("\"id\":") {
        Some((_, id)) => rig.peer(&format!("{{\"return\":{{}},\"id\":{id}")),
        None => rig.peer("{\"return\":{}}"),
    }
}

async fn play(protocol: Protocol, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut rig = Rig::new(protocol, |limits| limits.depth = 4);
    let mut last = String::new();
    let mut calls = 0;
    for (at, step) in steps.into_iter().enumerate() {
        let name = format!("call-{at}");
        match step {
            Step::Peer(bytes) => rig.peer_bytes(&bytes),
            Step::Answer => answer(&mut rig, &last),
            Step::Call { oob, replies, reads, seconds } => {
                let timeout = seconds.map(Duration::from_secs);
                let request = rig.request(&name);
                rig.submit(Request { oob, replies, reads, timeout, ..request });
                calls += 1;
            }
            Step::Sync => {
                rig.handle.sync(1, None, rig.completion(&name));
                calls += 1;
            }
            Step::Take(bytes) => last = rig.sent_in_part(bytes).unwrap_or(last),
            Step::TakeAll => last = rig.sent().pop().unwrap_or(last),
            Step::Pass(seconds) => rig.pass(Duration::from_secs(seconds)).await,
            Step::Reconnect => {
                rig.hang_up();
                rig.begin();
            }
        }
    }
    rig.hang_up();
    let told = rig.heard().into_iter().filter(|line| line.starts_with("call-"));
    prop_assert_eq!(told.count(), calls);
    prop_assert!(rig.session.wire.pending.is_empty() && rig.session.inbox.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_agent_gets_a_request_though_one_without_answer_ran_out_of_time() {
    for replies in [true, false] {
        let mut rig = Rig::new(Protocol::Qga, |_| {});
        for _synchronisation_and_question in 0..2 {
            let line = rig.sent().remove(0);
            answer(&mut rig, &line);
        }
        let (request, timeout) = (rig.request("shuts-down"), Some(Duration::from_secs(1)));
        rig.submit(Request { replies: false, timeout, ..request });
        rig.sent();
        rig.submit(Request { replies, ..rig.request("next") });
        assert!(rig.sent_in_part(0).is_some());
        rig.pass(Duration::from_secs(1)).await;
        assert_eq!(rig.heard().pop().unwrap(), "shuts-down: Unknown.Timeout");
        assert!(rig.sent()[0].contains("next"));
    }
}

proptest! {
    #[test]
    fn every_request_is_told_once_whatever_the_peer_does(
        qmp in any::<bool>(),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let protocol = if qmp { Protocol::Qmp } else { Protocol::Qga };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(protocol, steps))?;
    }
}
