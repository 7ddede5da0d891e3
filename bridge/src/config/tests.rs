use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("/etc/x.toml"), text).map_err(|errors| errors.to_string())
}

const WHOLE: &str = r#"
bus = "system"
name = "org.example.Fleet"
watch = ["/run/machines"]
unicast = true

[machine.web-1]
qmp = "/run/web-1.qmp"
qga = "/run/web-1.qga"
timeout = 5000

[machine."a b"]
qga = "/run/a b.qga"

[limits]
calls = 100
timeout-qga = 0
"#;

#[test]
fn a_whole_file_is_understood() {
    let config = parse(WHOLE).unwrap();
    assert!(matches!(config.bus, Some(Bus::System)) && config.unicast);
    assert_eq!(config.watch, [PathBuf::from("/run/machines")]);
    let [spaced, web] = config.machines.as_slice() else { panic!("two machines") };
    assert_eq!((spaced.name.as_str(), web.name.as_str()), ("a b", "web-1"));
    assert_eq!(web.timeout, Some(Duration::from_secs(5)));
    assert_eq!((config.limits.bus.calls, config.limits.bus.qga), (100, Duration::ZERO));
    let told = config.to_string();
    for part in [
        "bus: the system bus",
        "watch: /run/machines",
        "machine \"a b\" at /org/qemu/vm/a_20b",
        "  timeout: 5000 ms",
        "calls 100, ",
        "drain 5000",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn authorization_is_told_what_to_forbid_and_no_less() {
    let config = parse("[authorization]\nexecute = true\ndeny = [\"guest-exec\"]\nuids = [7]\n");
    let told = config.unwrap().to_string();
    let expected = "authorization: Execute on, human-monitor-command off, x-* off, guest-exec denied, \
                    sockets of uid 7";
    assert!(told.contains(expected), "{told}");
    let text = parse("[authorization]\n\n[authorization.class]\nstop = \"read\"\n").unwrap_err();
    assert!(text.contains("/etc/x.toml:") && text.contains("read is looser"), "{text}");
}

#[test]
fn an_empty_file_changes_nothing() {
    let config = parse("").unwrap();
    assert_eq!(config.limits, Limits::default());
    assert!(config.machines.is_empty() && config.bus.is_none() && !config.unicast);
}

#[test]
fn each_error_says_where_it_is() {
    let long = format!("[machine.a]\nqmp = \"/{}\"", "x".repeat(107));
    for (text, told) in [
        ("bus = ", "/etc/x.toml:1:7: "),
        ("\nbuss = 'x'", "/etc/x.toml:2:1: unknown field `buss`"),
        ("bus = 1", ":1:7: invalid type: integer `1`, expected a string, in `bus = 1`"),
        ("name = 'a'", ":1:8: `name` is no bus name"),
        ("watch = ['/a',\n 'b']", ":2:2: `watch` takes absolute paths, in `'b']`"),
        ("[machine.a]\nqpm = '/x'", ":2:1: unknown field `qpm`"),
        ("[machine.a]\nqmp = 'x'", ":2:7: a socket's path must be absolute"),
        ("[machine.a]", ":1:10: machine `a`: `qmp` and `qga` are missing"),
        ("[machine.'']\nqmp = '/x'", ":1:10: machine ``: `name` has 0 bytes"),
        ("[machine.a]\nqmp = '/x'\n[machine.a]\nqmp = '/y'", ":3:"),
        (&long, ":1:10: machine `a`: `qmp` has 108 bytes"),
        ("[limits]\ncalls = 0", ":2:9: `calls` must be from 1 to 65536, in `calls = 0`"),
        ("[limits]\ncall = 1", ":2:1: no limit has this name; there are machines, calls, "),
        ("[limits]\ncalls = 'x'", ":2:9: invalid type"),
        ("[limits]\nmessage = 16777217", "`message` must not be above a third of `memory`"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with("/etc/x.toml:") && error.contains(told), "{text}: {error}");
    }
}

#[test]
fn every_error_is_told_at_once() {
    let errors =
        parse("watch = ['a']\n[machine.a]\nqmp = 'x'\n[limits]\ncalls = 0\nx = 1").unwrap_err();
    assert_eq!(errors.lines().count(), 4, "{errors}");
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    for path in ["/nonexistent", "/dev/zero", "/"] {
        let error = Config::read(Path::new(path)).unwrap_err().to_string();
        assert!(error.starts_with(path), "{error}");
    }
}
