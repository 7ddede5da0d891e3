//! Files that clients hold open by number.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::{arguments::Arguments, base64::Base64, error::Error};

/// Handles of a real agent begin here too, which keeps them apart from file descriptors.
const FIRST_HANDLE: i64 = 1000;

/// Bytes that one read returns unless told otherwise.
const READ_DEFAULT: u64 = 4096;

/// Bytes that one read may return: 64 MiB of base64.
const READ_MAX: u64 = 48 << 20;

/// The open files.
#[derive(Debug, Default)]
pub(super) struct Files {
    open: HashMap<i64, File>,
    opened: i64,
}

/// What was read.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ReadResult {
    count: u64,
    buf_b64: Base64,
    eof: bool,
}

/// How much was written.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct WriteResult {
    count: u64,
    eof: bool,
}

/// Where the file stands.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct SeekResult {
    position: u64,
    eof: bool,
}

impl Files {
    /// Opens a file in a mode of fopen(3); returns its handle.
    pub(super) fn open(&mut self, mut arguments: Arguments) -> Result<i64, Error> {
        let path: String = arguments.required("path")?;
        let mode: Option<String> = arguments.optional("mode")?;
        arguments.end()?;
        let options = options(mode.as_deref().unwrap_or("r"))?;
        let file = options.open(&path).map_err(Error::system(format!("open '{path}'")))?;
        let handle = FIRST_HANDLE + self.opened;
        self.opened += 1;
        self.open.insert(handle, file);
        Ok(handle)
    }

    /// Forgets a handle.
    pub(super) fn close(&mut self, mut arguments: Arguments) -> Result<(), Error> {
        let handle: i64 = arguments.required("handle")?;
        arguments.end()?;
        self.open.remove(&handle).map(drop).ok_or_else(|| no_handle(handle))
    }

    /// Reads up to `count` bytes from where the file stands.
    pub(super) fn read(&mut self, mut arguments: Arguments) -> Result<ReadResult, Error> {
        let handle = arguments.required("handle")?;
        let count: Option<u64> = arguments.optional("count")?;
        arguments.end()?;
        let count = count.unwrap_or(READ_DEFAULT);
        if count > READ_MAX {
            return Err(Error::argument("count", format!("{count} is more than {READ_MAX}")));
        }
        let (bytes, eof) = read_up_to(self.file(handle)?, count)
            .map_err(Error::system(format!("read file {handle}")))?;
        Ok(ReadResult { count: bytes.len() as u64, buf_b64: Base64(bytes), eof })
    }

    /// Writes the first `count` bytes of the buffer, all of it if not told.
    pub(super) fn write(&mut self, mut arguments: Arguments) -> Result<WriteResult, Error> {
        let handle = arguments.required("handle")?;
        let Base64(bytes) = arguments.required("buf-b64")?;
        let count: Option<usize> = arguments.optional("count")?;
        arguments.end()?;
        let bytes = bytes.get(..count.unwrap_or(bytes.len())).ok_or_else(|| {
            Error::argument("count", format!("the buffer has only {} bytes", bytes.len()))
        })?;
        let written = self.file(handle)?.write(bytes);
        let count = written.map_err(Error::system(format!("write file {handle}")))? as u64;
        Ok(WriteResult { count, eof: false })
    }

    /// Moves to `offset` bytes from `whence`.
    pub(super) fn seek(&mut self, mut arguments: Arguments) -> Result<SeekResult, Error> {
        let handle = arguments.required("handle")?;
        let offset = arguments.required("offset")?;
        let whence: Whence = arguments.required("whence")?;
        arguments.end()?;
        let target = whence.target(offset)?;
        let position = self.file(handle)?.seek(target);
        let position = position.map_err(Error::system(format!("seek in file {handle}")))?;
        Ok(SeekResult { position, eof: false })
    }

    /// Nothing waits in this process, so a handle that exists is flushed.
    pub(super) fn flush(&mut self, mut arguments: Arguments) -> Result<(), Error> {
        let handle = arguments.required("handle")?;
        arguments.end()?;
        let result = self.file(handle)?.flush();
        result.map_err(Error::system(format!("flush file {handle}")))
    }

    fn file(&mut self, handle: i64) -> Result<&mut File, Error> {
        self.open.get_mut(&handle).ok_or_else(|| no_handle(handle))
    }
}

/// A number as lseek(2) has them, or its name.
#[derive(Deserialize)]
#[serde(untagged, expecting = "must be 0, 1, 2, \"set\", \"cur\" or \"end\"")]
enum Whence {
    Value(i64),
    Name(Origin),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Origin {
    Set,
    Cur,
    End,
}

impl Whence {
    fn target(&self, offset: i64) -> Result<SeekFrom, Error> {
        let origin = match self {
            Self::Name(origin) => *origin,
            Self::Value(0) => Origin::Set,
            Self::Value(1) => Origin::Cur,
            Self::Value(2) => Origin::End,
            Self::Value(other) => {
                return Err(Error::argument("whence", format!("{other} is none of 0, 1 and 2")));
            }
        };
        match origin {
            Origin::Set => u64::try_from(offset)
                .map(SeekFrom::Start)
                .map_err(|_| Error::argument("offset", "lies before the start of the file")),
            Origin::Cur => Ok(SeekFrom::Current(offset)),
            Origin::End => Ok(SeekFrom::End(offset)),
        }
    }
}

fn no_handle(handle: i64) -> Error {
    Error::argument("handle", format!("no file is open as {handle}"))
}

/// Non-blocking, so that a pipe or a terminal without a peer does not stop the agent.
fn options(mode: &str) -> Result<OpenOptions, Error> {
    let mut options = OpenOptions::new();
    match mode.replace('b', "").as_str() {
        "r" => options.read(true),
        "w" => options.write(true).create(true).truncate(true),
        "a" => options.append(true).create(true),
        "r+" => options.read(true).write(true),
        "w+" => options.read(true).write(true).create(true).truncate(true),
        "a+" => options.read(true).append(true).create(true),
        _ => return Err(Error::argument("mode", format!("'{mode}' is no mode of fopen(3)"))),
    };
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    Ok(options)
}

/// The bytes, and whether the file ended before there were `count` of them.
fn read_up_to(file: &mut File, count: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    match file.take(count).read_to_end(&mut bytes) {
        Ok(found) => Ok((bytes, (found as u64) < count)),
        // A pipe that is empty for now has not ended.
        Err(error) if error.kind() == ErrorKind::WouldBlock && !bytes.is_empty() => {
            Ok((bytes, false))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn arguments(value: Value) -> Arguments {
        Arguments::new(value.as_object().unwrap().clone())
    }

    fn open(files: &mut Files, path: &std::path::Path, mode: &str) -> Result<i64, Error> {
        files.open(arguments(json!({"path": path, "mode": mode})))
    }

    fn read(files: &mut Files, handle: i64, count: u64) -> ReadResult {
        files.read(arguments(json!({"handle": handle, "count": count}))).unwrap()
    }

    #[test]
    fn a_file_is_written_read_and_closed() {
        let directory = tempfile::tempdir().unwrap();
        let mut files = Files::default();
        let handle = open(&mut files, &directory.path().join("f"), "w+").unwrap();
        assert_eq!(handle, 1000);
        let written = files.write(arguments(json!({"handle": handle, "buf-b64": "aGVsbG8="})));
        assert_eq!(written.unwrap(), WriteResult { count: 5, eof: false });
        for (offset, whence, position) in
            [(1, json!("set"), 1), (1, json!("cur"), 2), (-4, json!("end"), 1), (1, json!(1), 2)]
        {
            let request = json!({"handle": handle, "offset": offset, "whence": whence});
            assert_eq!(files.seek(arguments(request)).unwrap().position, position);
        }
        let two = ReadResult { count: 2, buf_b64: Base64(b"ll".into()), eof: false };
        assert_eq!(read(&mut files, handle, 2), two);
        let last = ReadResult { count: 1, buf_b64: Base64(b"o".into()), eof: true };
        assert_eq!(read(&mut files, handle, 9), last);
        files.flush(arguments(json!({"handle": handle}))).unwrap();
        files.close(arguments(json!({"handle": handle}))).unwrap();
        assert!(files.close(arguments(json!({"handle": handle}))).is_err());
    }

    #[test]
    fn a_part_of_the_buffer_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let mut files = Files::default();
        let handle = open(&mut files, &path, "ab").unwrap();
        let request = |count| json!({"handle": handle, "buf-b64": "aGVsbG8=", "count": count});
        assert_eq!(files.write(arguments(request(2))).unwrap().count, 2);
        let error = files.write(arguments(request(6))).unwrap_err();
        assert!(error.to_string().contains("'count'"), "{error}");
        assert_eq!(std::fs::read(path).unwrap(), b"he");
    }

    #[test]
    fn errors_name_the_argument() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, "x").unwrap();
        let mut files = Files::default();
        let handle = open(&mut files, &path, "r").unwrap();
        let seek = |whence| json!({"handle": handle, "offset": -1, "whence": whence});
        let errors = [
            (open(&mut files, &path, "q").unwrap_err(), "'mode'"),
            (open(&mut files, &path.join("no"), "r").unwrap_err(), "no"),
            (files.read(arguments(json!({}))).unwrap_err(), "'handle'"),
            (files.read(arguments(json!({"handle": "1"}))).unwrap_err(), "'handle'"),
            (files.read(arguments(json!({"handle": 1}))).unwrap_err(), "'handle'"),
            (
                files
                    .read(arguments(json!({"handle": handle, "count": READ_MAX + 1})))
                    .unwrap_err(),
                "'count'",
            ),
            (files.seek(arguments(seek(json!("set")))).unwrap_err(), "'offset'"),
            (files.seek(arguments(seek(json!(3)))).unwrap_err(), "'whence'"),
            (files.seek(arguments(seek(json!("left")))).unwrap_err(), "'whence'"),
        ];
        for (error, word) in errors {
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
