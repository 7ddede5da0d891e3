//! The archive format that Linux takes as its first file system ("newc").

/// An archive in memory.
#[derive(Debug, Default)]
pub struct Archive(Vec<u8>);

impl Archive {
    /// Adds a directory.
    pub fn directory(&mut self, name: &str) {
        self.entry(name, 0o040_755, (0, 0), &[]);
    }

    /// Adds a program or another file.
    pub fn file(&mut self, name: &str, content: &[u8]) {
        self.entry(name, 0o100_755, (0, 0), content);
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, name: &str, to: &str) {
        self.entry(name, 0o120_777, (0, 0), to.as_bytes());
    }

    /// Adds a character device of this major and minor number.
    pub fn device(&mut self, name: &str, number: (u32, u32)) {
        self.entry(name, 0o020_600, number, &[]);
    }

    /// The finished archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.0
    }

    /// The header is the magic number and thirteen fields of eight hexadecimal digits: inode,
    /// mode, uid, gid, links, time, size, device (2), device number (2), length of the name with
    /// its final zero, checksum.
    fn entry(&mut self, name: &str, mode: u32, (major, minor): (u32, u32), content: &[u8]) {
        let (size, length) = (content.len() as u32, name.len() as u32 + 1);
        self.0.extend_from_slice(b"070701");
        for field in [0, mode, 0, 0, 1, 0, size, 0, 0, major, minor, length, 0] {
            self.0.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
        self.align();
        self.0.extend_from_slice(content);
        self.align();
    }

    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}
