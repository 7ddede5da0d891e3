//! Programs as clients see them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;

fn arguments(value: Value) -> Arguments {
    Arguments::new(value.as_object().unwrap().clone())
}

fn shell(programs: &mut Programs, script: &str, capture: Value) -> u32 {
    let request = json!({"path": "sh", "arg": ["-c", script], "capture-output": capture});
    programs.start(arguments(request)).unwrap().pid
}

fn end(programs: &mut Programs, pid: u32) -> Status {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let status = programs.status(arguments(json!({"pid": pid}))).unwrap();
        if status.exited {
            return status;
        }
        assert_eq!(status, Status::default());
        assert!(Instant::now() < deadline, "{pid} does not end");
        thread::sleep(Duration::from_millis(5));
    }
}

fn data(text: &str) -> Option<Base64> {
    (!text.is_empty()).then(|| Base64(text.into()))
}

#[test]
fn capture_keeps_what_it_names() {
    let mut programs = Programs::default();
    let cases = [
        (json!(true), "o\n", "e\n"),
        (json!("separated"), "o\n", "e\n"),
        (json!("stdout"), "o\n", ""),
        (json!("stderr"), "", "e\n"),
        (json!("merged"), "o\ne\n", ""),
        (json!("none"), "", ""),
        (json!(false), "", ""),
    ];
    for (mode, out, err) in cases {
        let pid = shell(&mut programs, "echo o; echo e >&2; exit 3", mode.clone());
        let status = end(&mut programs, pid);
        assert_eq!((&status.out_data, &status.err_data), (&data(out), &data(err)), "{mode}");
        assert_eq!((status.exitcode, status.signal), (Some(3), None));
    }
}

#[test]
fn input_and_environment_reach_the_program() {
    let mut programs = Programs::default();
    let request = json!({
        "path": "/bin/sh", "arg": ["-c", "echo $A-$HOME; cat"], "env": ["A=b=c"],
        "input-data": "aGk=", "capture-output": true,
    });
    let pid = programs.start(arguments(request)).unwrap().pid;
    assert_eq!(end(&mut programs, pid).out_data, data("b=c-\nhi"));
}

#[test]
fn a_program_that_ended_is_told_once() {
    let mut programs = Programs::default();
    let pid = shell(&mut programs, "kill -9 $$", json!(false));
    let status = end(&mut programs, pid);
    assert_eq!((status.exitcode, status.signal), (None, Some(9)));
    assert!(programs.status(arguments(json!({"pid": pid}))).is_err());
}

#[test]
fn output_above_the_bound_is_cut_and_said_so() {
    let mut programs = Programs::default();
    let pid = shell(&mut programs, "head -c 17000000 /dev/zero; echo e >&2", json!(true));
    let status = end(&mut programs, pid);
    assert_eq!(status.out_data.unwrap().0.len() as u64, OUTPUT_MAX);
    assert_eq!((status.out_truncated, status.err_truncated), (Some(true), None));
}

#[test]
fn a_program_is_running_until_its_output_ends() {
    let mut programs = Programs::default();
    let pid = shell(&mut programs, "sleep 0.3 &", json!(true));
    thread::sleep(Duration::from_millis(100));
    assert!(!programs.status(arguments(json!({"pid": pid}))).unwrap().exited);
    assert_eq!(end(&mut programs, pid).exitcode, Some(0));
}

#[test]
fn errors_name_the_argument() {
    let cases = [
        (json!({}), "'path'"),
        (json!({"path": "/nonexistent/program"}), "/nonexistent/program"),
        (json!({"path": "true", "capture-output": "both"}), "'capture-output'"),
        (json!({"path": "true", "capture-output": 3}), "'capture-output'"),
        (json!({"path": "true", "env": [1]}), "'env'"),
        (json!({"path": "true", "input-data": "%%%"}), "'input-data'"),
        (json!({"path": "true", "colour": 1}), "'colour'"),
    ];
    for (request, word) in cases {
        let error = Programs::default().start(arguments(request)).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn too_many_programs_are_refused() {
    let mut programs = Programs::default();
    let pids: Vec<_> =
        (0..PROGRAMS_MAX).map(|_| shell(&mut programs, "true", json!(false))).collect();
    assert!(programs.start(arguments(json!({"path": "true"}))).is_err());
    for pid in pids {
        end(&mut programs, pid);
    }
    programs.start(arguments(json!({"path": "true"}))).unwrap();
}
