//! Programs as clients see them.

use std::time::{Duration, Instant};

use super::*;

fn shell(script: &str) -> command::GuestExec {
    command::GuestExec::new("sh").arg(["-c", script])
}

fn end(programs: &mut Programs, pid: i64) -> GuestExecStatus {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let status = programs.status(pid).unwrap();
        if status.exited {
            return status;
        }
        assert_eq!(status, GuestExecStatus::new(false));
        assert!(Instant::now() < deadline, "{pid} does not end");
        thread::sleep(Duration::from_millis(5));
    }
}

fn run(programs: &mut Programs, order: command::GuestExec) -> GuestExecStatus {
    let pid = programs.start(&order).unwrap().pid;
    end(programs, pid)
}

fn data(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| base64::encode(text.as_bytes()))
}

#[test]
fn capture_keeps_what_it_names() {
    let mut programs = Programs::default();
    let cases: [(GuestExecCaptureOutput, _, _); 7] = [
        (true.into(), "o\n", "e\n"),
        ("separated".into(), "o\n", "e\n"),
        ("stdout".into(), "o\n", ""),
        ("stderr".into(), "", "e\n"),
        ("merged".into(), "o\ne\n", ""),
        ("none".into(), "", ""),
        (false.into(), "", ""),
    ];
    for (mode, out, err) in cases {
        let order = shell("echo o; echo e >&2; exit 3").capture_output(mode.clone());
        let status = run(&mut programs, order);
        assert_eq!((&status.out_data, &status.err_data), (&data(out), &data(err)), "{mode:?}");
        assert_eq!((status.exitcode, status.signal), (Some(3), None));
    }
}

#[test]
fn input_and_environment_reach_the_program() {
    let order = command::GuestExec::new("/bin/sh")
        .arg(["-c", "echo $A-$HOME; cat"])
        .env(["A=b=c"])
        .input_data("aGk=")
        .capture_output(true);
    assert_eq!(run(&mut Programs::default(), order).out_data, data("b=c-\nhi"));
}

#[test]
fn a_program_that_ended_is_told_once() {
    let mut programs = Programs::default();
    let pid = programs.start(&shell("kill -9 $$")).unwrap().pid;
    let status = end(&mut programs, pid);
    assert_eq!((status.exitcode, status.signal), (None, Some(9)));
    assert!(programs.status(pid).is_err());
}

#[test]
fn output_above_the_bound_is_cut_and_said_so() {
    let order = shell("head -c 17000000 /dev/zero; echo e >&2").capture_output(true);
    let status = run(&mut Programs::default(), order);
    let kept = base64::decode("out-data", &status.out_data.unwrap()).unwrap();
    assert_eq!(kept.len() as u64, OUTPUT_MAX);
    assert_eq!((status.out_truncated, status.err_truncated), (Some(true), None));
}

#[test]
fn a_program_is_running_until_its_output_ends() {
    let mut programs = Programs::default();
    let pid = programs.start(&shell("sleep 0.3 &").capture_output(true)).unwrap().pid;
    thread::sleep(Duration::from_millis(100));
    assert!(!programs.status(pid).unwrap().exited);
    assert_eq!(end(&mut programs, pid).exitcode, Some(0));
}

#[test]
fn errors_name_the_argument() {
    let order = || command::GuestExec::new("true");
    let cases = [
        (command::GuestExec::new("/nonexistent/program"), "/nonexistent/program"),
        (order().capture_output("both"), "'capture-output'"),
        (order().capture_output(GuestExecCaptureOutput::Unlisted(3.into())), "'capture-output'"),
        (order().input_data("%%%"), "'input-data'"),
    ];
    for (order, word) in cases {
        let error = Programs::default().start(&order).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn too_many_programs_are_refused() {
    let mut programs = Programs::default();
    let pids: Vec<_> =
        (0..PROGRAMS_MAX).map(|_| programs.start(&shell("true")).unwrap().pid).collect();
    assert!(programs.start(&shell("true")).is_err());
    for pid in pids {
        end(&mut programs, pid);
    }
    programs.start(&shell("true")).unwrap();
}
