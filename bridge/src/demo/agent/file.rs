//! Files that clients hold open by number.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
};

use qapi_dbus_types::qga::{
    GuestFileRead, GuestFileSeek, GuestFileWhence, GuestFileWrite, QGASeek, command,
};
use rustix::fs::OFlags;

use super::{base64, error::Error};

/// Handles of a real agent begin here too, which keeps them apart from file descriptors.
const FIRST_HANDLE: i64 = 1000;

/// Bytes that one read returns unless told otherwise.
const READ_DEFAULT: i64 = 4096;

/// Bytes that one read may return: 64 MiB of base64.
const READ_MAX: u64 = 48 << 20;

/// The open files.
#[derive(Debug, Default)]
pub(super) struct Files {
    open: HashMap<i64, File>,
    opened: i64,
}

impl Files {
    /// Opens a file in a mode of fopen(3); returns its handle.
    pub(super) fn open(&mut self, order: &command::GuestFileOpen) -> Result<i64, Error> {
        let options = options(order.mode.as_deref().unwrap_or("r"))?;
        let file = options.open(&order.path);
        let file = file.map_err(Error::system(format!("open '{}'", order.path)))?;
        let handle = FIRST_HANDLE + self.opened;
        self.opened += 1;
        self.open.insert(handle, file);
        Ok(handle)
    }

    /// Forgets a handle.
    pub(super) fn close(&mut self, handle: i64) -> Result<(), Error> {
        self.open.remove(&handle).map(drop).ok_or_else(|| no_handle(handle))
    }

    /// Reads up to `count` bytes from where the file stands.
    pub(super) fn read(&mut self, order: &command::GuestFileRead) -> Result<GuestFileRead, Error> {
        let (handle, count) = (order.handle, order.count.unwrap_or(READ_DEFAULT));
        let wanted = u64::try_from(count).ok().filter(|wanted| *wanted <= READ_MAX);
        let wanted = wanted.ok_or_else(|| {
            Error::argument("count", format!("{count} is not between 0 and {READ_MAX}"))
        })?;
        let (bytes, eof) = read_up_to(self.file(handle)?, wanted)
            .map_err(Error::system(format!("read file {handle}")))?;
        Ok(GuestFileRead::new(bytes.len() as i64, base64::encode(&bytes), eof))
    }

    /// Writes the first `count` bytes of the buffer, all of it if not told.
    pub(super) fn write(
        &mut self,
        order: &command::GuestFileWrite,
    ) -> Result<GuestFileWrite, Error> {
        let bytes = base64::decode("buf-b64", &order.buf_b64)?;
        let count = order.count.map_or(Some(bytes.len()), |count| count.try_into().ok());
        let bytes = count.and_then(|count| bytes.get(..count)).ok_or_else(|| {
            Error::argument("count", format!("the buffer has {} bytes", bytes.len()))
        })?;
        let written = self.file(order.handle)?.write(bytes);
        let count = written.map_err(Error::system(format!("write file {}", order.handle)))?;
        Ok(GuestFileWrite::new(count as i64, false))
    }

    /// Moves to `offset` bytes from `whence`.
    pub(super) fn seek(&mut self, order: &command::GuestFileSeek) -> Result<GuestFileSeek, Error> {
        let target = target(&order.whence, order.offset)?;
        let position = self.file(order.handle)?.seek(target);
        let position = position.map_err(Error::system(format!("seek in file {}", order.handle)))?;
        Ok(GuestFileSeek::new(position.cast_signed(), false))
    }

    /// Nothing waits in this process, so a handle that exists is flushed.
    pub(super) fn flush(&mut self, handle: i64) -> Result<(), Error> {
        let result = self.file(handle)?.flush();
        result.map_err(Error::system(format!("flush file {handle}")))
    }

    fn file(&mut self, handle: i64) -> Result<&mut File, Error> {
        self.open.get_mut(&handle).ok_or_else(|| no_handle(handle))
    }
}

/// A number as lseek(2) has them, or its name.
fn target(whence: &GuestFileWhence, offset: i64) -> Result<SeekFrom, Error> {
    match whence {
        GuestFileWhence::Value(0) | GuestFileWhence::Name(QGASeek::Set) => u64::try_from(offset)
            .map(SeekFrom::Start)
            .map_err(|_| Error::argument("offset", "lies before the start of the file")),
        GuestFileWhence::Value(1) | GuestFileWhence::Name(QGASeek::Cur) => {
            Ok(SeekFrom::Current(offset))
        }
        GuestFileWhence::Value(2) | GuestFileWhence::Name(QGASeek::End) => {
            Ok(SeekFrom::End(offset))
        }
        _ => Err(Error::argument("whence", "must be 0, 1, 2, \"set\", \"cur\" or \"end\"")),
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
    use std::path::Path;

    use super::*;

    fn open(files: &mut Files, path: &Path, mode: &str) -> Result<i64, Error> {
        files.open(&command::GuestFileOpen::new(path.to_str().unwrap()).mode(mode))
    }

    fn read(files: &mut Files, handle: i64, count: i64) -> Result<GuestFileRead, Error> {
        files.read(&command::GuestFileRead::new(handle).count(count))
    }

    fn seek(whence: impl Into<GuestFileWhence>, offset: i64) -> command::GuestFileSeek {
        command::GuestFileSeek::new(1000, offset, whence)
    }

    #[test]
    fn a_file_is_written_read_and_closed() {
        let directory = tempfile::tempdir().unwrap();
        let mut files = Files::default();
        let handle = open(&mut files, &directory.path().join("f"), "w+").unwrap();
        assert_eq!(handle, 1000);
        let written = files.write(&command::GuestFileWrite::new(handle, "aGVsbG8="));
        assert_eq!(written.unwrap(), GuestFileWrite::new(5, false));
        for (order, position) in
            [(seek("set", 1), 1), (seek("cur", 1), 2), (seek("end", -4), 1), (seek(1, 1), 2)]
        {
            assert_eq!(files.seek(&order).unwrap().position, position);
        }
        assert_eq!(read(&mut files, handle, 2).unwrap(), GuestFileRead::new(2, "bGw=", false));
        assert_eq!(read(&mut files, handle, 9).unwrap(), GuestFileRead::new(1, "bw==", true));
        files.flush(handle).unwrap();
        files.close(handle).unwrap();
        assert!(files.close(handle).is_err());
    }

    #[test]
    fn a_part_of_the_buffer_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let mut files = Files::default();
        let handle = open(&mut files, &path, "ab").unwrap();
        let order = |count| command::GuestFileWrite::new(handle, "aGVsbG8=").count(count);
        assert_eq!(files.write(&order(2)).unwrap().count, 2);
        for count in [6, -1] {
            let error = files.write(&order(count)).unwrap_err();
            assert!(error.to_string().contains("'count'"), "{error}");
        }
        assert_eq!(std::fs::read(path).unwrap(), b"he");
    }

    #[test]
    fn errors_name_the_argument() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, "x").unwrap();
        let mut files = Files::default();
        let handle = open(&mut files, &path, "r").unwrap();
        let errors = [
            (open(&mut files, &path, "q").unwrap_err(), "'mode'"),
            (open(&mut files, &path.join("no"), "r").unwrap_err(), "no"),
            (read(&mut files, 1, 1).unwrap_err(), "'handle'"),
            (read(&mut files, handle, 1 + (48 << 20)).unwrap_err(), "'count'"),
            (read(&mut files, handle, -1).unwrap_err(), "'count'"),
            (files.seek(&seek("set", -1)).unwrap_err(), "'offset'"),
            (files.seek(&seek(3, -1)).unwrap_err(), "'whence'"),
            (files.seek(&seek("left", -1)).unwrap_err(), "'whence'"),
        ];
        for (error, word) in errors {
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
