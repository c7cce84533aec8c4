//! Memory that `O_DIRECT` accepts.

use super::ALIGNMENT;

/// Bytes that begin at a page boundary.
#[derive(Debug)]
pub struct AlignedBuffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    /// Zeros, `length` rounded up to whole pages.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        let length = length.next_multiple_of(ALIGNMENT);
        let memory = vec![0; length + ALIGNMENT];
        // A Vec that is never resized never moves its memory.
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        Self { memory, start, length }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.start + self.length).unwrap_or_default()
    }

    /// The bytes, to be read into.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.start + self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_page_and_has_whole_pages() {
        for length in [1, 4096, 5000, 1 << 20] {
            let mut buffer = AlignedBuffer::zeroed(length);
            assert_eq!(buffer.bytes().as_ptr().align_offset(ALIGNMENT), 0);
            assert_eq!(buffer.bytes().len(), length.next_multiple_of(ALIGNMENT));
            assert_eq!(buffer.bytes_mut().len(), length.next_multiple_of(ALIGNMENT));
        }
    }
}
