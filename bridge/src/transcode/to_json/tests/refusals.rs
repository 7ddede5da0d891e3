use super::*;

fn refused<B: Serialize + DynamicType>(method: &Method, body: &B) -> String {
    match called(method, body) {
        Err(Refused::InvalidArgs(text)) => text,
        other => panic!("not refused as invalid: {other:?}"),
    }
}

#[test]
fn refusals_name_signatures_argument_and_fix() {
    let seek = "GuestFileSeek takes 'qva{sv}' and was called with";
    let path = ObjectPath::try_from("/").unwrap();
    let whole = "give 'handle', 'whence', then at most one dictionary ('a{sv}') of further \
                 members; or one dictionary of all members by name";
    let with = |name: &'static str, value: Variant<'static>| {
        refused(&SEEK, &(1_u16, "", dict([(name, value)])))
    };
    for (text, expected) in [
        (refused(&SEEK, &()), format!("{seek} '': {whole}")),
        (refused(&SEEK, &7_u16), format!("{seek} 'q': {whole}")),
        (refused(&SEEK, &(7_u16, "", Dict::new(), 1_u8)), format!("{seek} 'qsa{{sv}}y': {whole}")),
        (
            refused(&PING, &(1_u8, 2_u8)),
            "GuestPing takes '' and was called with 'yy': give no arguments, or one dictionary \
             ('a{sv}') of members by name"
                .into(),
        ),
        (
            refused(&SEEK, &(7_u16, "", "x")),
            format!("{seek} 'qss': the last argument must be a dictionary ('a{{sv}}'), not 's'"),
        ),
        (
            refused(&SEEK, &(path, "")),
            format!("{seek} 'os': 'handle' must be an integer ('q'), not 'o'"),
        ),
        (
            refused(&SEEK, &(1.0, "")),
            format!("{seek} 'ds': 'handle' must be an integer ('q'), not 'd'"),
        ),
        (
            refused(&SEEK, &(65536, "")),
            format!("{seek} 'is': 'handle' is 65536, which is not from 0 to 65535"),
        ),
        (
            refused(&SEEK, &(-1_i16, "")),
            format!("{seek} 'ns': 'handle' is -1, which is not from 0 to 65535"),
        ),
        (
            with("limit", 128_u8.into()),
            format!("{seek} 'qsa{{sv}}': 'limit' is 128, which is not from -128 to 127"),
        ),
        (
            with("names", vec![1_u8, 2].into()),
            format!("{seek} 'qsa{{sv}}': 'names[0]' must be a string ('s'), not 'y'"),
        ),
        (
            with("names", Dict::new().into()),
            format!("{seek} 'qsa{{sv}}': 'names' must be a list ('as'), not 'a{{sv}}'"),
        ),
        (
            with("handle", 1_u16.into()),
            format!("{seek} 'qsa{{sv}}': 'handle' is given twice; leave one of them out"),
        ),
        (
            with("@oob", true.into()),
            format!(
                "{seek} 'qsa{{sv}}': '@oob' is for commands that the peer takes out of band; \
                 leave it out"
            ),
        ),
        (
            with("@timeot", 1.into()),
            format!(
                "{seek} 'qsa{{sv}}': '@timeot' is not a reserved key; those are '@timeout' and \
                 '@oob'"
            ),
        ),
        (
            with("@timeout", "1".into()),
            format!("{seek} 'qsa{{sv}}': '@timeout' must be an integer ('t'), not 's'"),
        ),
        (
            with("@timeout", (-1).into()),
            format!(
                "{seek} 'qsa{{sv}}': '@timeout' is -1, which is not from 0 to 18446744073709551615"
            ),
        ),
        (
            refused(&PING, &dict([("@oob", 1_u8.into())])),
            "GuestPing takes '' and was called with 'a{sv}': '@oob' must be a boolean ('b'), \
             not 'y'"
                .into(),
        ),
        (
            with("scale", f64::NAN.into()),
            format!(
                "{seek} 'qsa{{sv}}': 'scale' is infinite or not a number, which JSON cannot hold"
            ),
        ),
        (
            with("x", Variant::from(vec![0xff_u8])),
            format!(
                "{seek} 'qsa{{sv}}': 'x' holds bytes that are not UTF-8; encode them as the \
                 command asks for"
            ),
        ),
        (
            with("x", dict([("y", "\u{fdd0}".into())]).into()),
            format!(
                "{seek} 'qsa{{sv}}': 'x.y' holds the noncharacter U+FDD0, which QEMU refuses; \
                 leave it out"
            ),
        ),
        (
            with("x", Variant::from((1_u8, 2_u8))),
            format!(
                "{seek} 'qsa{{sv}}': 'x' has type '(yy)', which has no JSON form; send objects \
                 as 'a{{sv}}', lists as arrays, descriptors where 'h' is declared"
            ),
        ),
        (
            with("x", Variant::from(("{\"a\":1,\"a\":2}",))),
            format!(
                "{seek} 'qsa{{sv}}': 'x' holds text that is not JSON: member \"a\" twice in one \
                 object"
            ),
        ),
    ] {
        assert_eq!(text, expected);
    }
}

#[test]
fn types_without_json_form_are_refused() {
    let (reader, _writer) = std::io::pipe().unwrap();
    for value in [
        Fd::from(reader.as_fd()).into(),
        Variant::from(BTreeMap::from([(1_u8, "x")])),
        Variant::from(vec![("x", 1_u8)]),
    ] {
        let text = refused(&PING, &dict([("x", value)]));
        assert!(text.contains("no JSON form"), "{text}");
    }
    let text = refused(&GETFD, &("x", "name"));
    assert!(text.ends_with("'fd' must be a file descriptor ('h'), not 's'"), "{text}");
}

#[test]
fn repeated_keys_are_refused() {
    // zbus' own dictionaries cannot repeat a key.
    struct Twice(Shape);
    impl DynamicType for Twice {
        fn signature(&self) -> Signature {
            let mut signature = String::new();
            self.0.push_signature(&mut signature);
            Signature::try_from(signature.as_str()).unwrap()
        }
    }
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
            to.collect_map([("a", Variant::from(1)), ("a", Variant::from(2))])
        }
    }
    let twice = Twice(Shape::Object(&UNKNOWN));
    for method in [&PING, &NESTED] {
        assert!(refused(method, &twice).ends_with("'a' is given twice; leave one of them out"));
    }
}

#[test]
fn requests_above_the_peers_limits_are_too_large() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let body = |levels| dict([("x", Variant::from((nested(levels),)))]);
    assert_eq!(json(&PING, &body(1022)).len(), 2050);
    for levels in [1023, 1025] {
        let refused = called(&PING, &body(levels)).unwrap_err();
        assert!(matches!(refused, Refused::TooLarge(text) if text.contains("levels")));
    }

    // Bytes, because building and checking such messages takes long.
    static LISTS: Method = Method {
        name: "Lists",
        command: "lists",
        positional: &[Member { name: "list", shape: Shape::List(&Shape::Uint8) }],
        optional: false,
        arguments: &UNKNOWN,
        result: None,
        oob: false,
        replies: true,
        class: Class::Host,
    };
    let read = |signature: &str, length: usize| {
        let mut body = u32::try_from(length).unwrap().to_le_bytes().to_vec();
        body.resize(4 + length, b'0');
        body.extend(signature.contains('s').then_some(0));
        let read = read(&LISTS, signature.as_bytes(), Reader::new(&body, false), &|_| None);
        read.map_err(|problem| Problem::refuse(problem, &LISTS, signature))
    };
    assert!(read("ay", (1 << 20) - 64).is_ok());
    let refused = read("ay", 1 << 20).unwrap_err();
    assert!(matches!(refused, Refused::TooLarge(text) if text.contains("2 Mi tokens")));
}
