//! Files that were met by looking at everything: there may be a million of them, and each takes the bytes of its path and seven
//! more.

use std::time::Instant;

use crate::path::WorkPath;

/// Those whose turn has not come, by path.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// For each its length (two bytes, little-endian), what is known of it ([`State`]), and its path.
    paths: Vec<u8>,
    /// Where each begins.
    order: Vec<u32>,
    /// The next one's place in that.
    next: usize,
    len: usize,
    /// Those at whose path headquarters held nothing.
    unheld: usize,
    since: Option<Instant>,
}

/// What a path begins with.
const HEAD: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// Headquarters held nothing at its path.
    New = 0,
    Held = 1,
    /// It does not wait here any more.
    Gone = 2,
}

impl Looked {
    /// Those of a look at everything, with whether headquarters holds something at their path. What `before` knows and this look
    /// could not see, for a folder that could not be read, stays.
    pub(super) fn gather(
        before: &Self,
        now: Instant,
        look: impl FnOnce(&mut dyn FnMut(&WorkPath, bool)) -> bool,
    ) -> Self {
        let mut looked = Self { since: before.since.or(Some(now)), ..Self::default() };
        let is_whole = look(&mut |path, held| looked.put(path, held));
        if !is_whole {
            before.iter().for_each(|(path, held)| looked.put(&path, held));
        }
        looked.sort();
        looked
    }

    fn put(&mut self, path: &WorkPath, held: bool) {
        let bytes = path.as_bytes();
        // No path is longer than `PATH_MAX`, and no machine has four gigabytes of them.
        let (Ok(len), Ok(start)) = (u16::try_from(bytes.len()), u32::try_from(self.paths.len())) else {
            return;
        };
        self.paths.extend(len.to_le_bytes());
        self.paths.push(if held { State::Held } else { State::New } as u8);
        self.paths.extend(bytes);
        self.order.push(start);
    }

    fn sort(&mut self) {
        let (paths, order) = (&self.paths, &mut self.order);
        order.sort_by(|one, other| bytes(paths, *one).cmp(bytes(paths, *other)));
        order.dedup_by(|one, other| bytes(paths, *one) == bytes(paths, *other));
        order.shrink_to_fit();
        self.len = order.len();
        self.unheld = order.iter().filter(|start| state(paths, **start) == State::New).count();
        self.paths.shrink_to_fit();
        if self.len == 0 {
            *self = Self::default();
        }
    }

    /// The next one, and whether headquarters held something at its path.
    pub(super) fn pop(&mut self) -> Option<(WorkPath, bool)> {
        loop {
            let start = *self.order.get(self.next)?;
            self.next += 1;
            let found = read(&self.paths, start);
            if let Some((_, held)) = &found {
                self.less(*held);
                return found;
            }
        }
    }

    /// It waits no more, or elsewhere.
    pub(super) fn remove(&mut self, path: &WorkPath) {
        let waiting = self.order.get(self.next..).unwrap_or_default();
        let at = waiting.binary_search_by(|start| bytes(&self.paths, *start).cmp(path.as_bytes()));
        let Some(start) = at.ok().and_then(|at| waiting.get(at).copied()) else { return };
        self.take_out(start);
    }

    fn take_out(&mut self, start: u32) {
        let Some((_, held)) = read(&self.paths, start) else { return };
        if let Some(state) = self.paths.get_mut(start as usize + HEAD - 1) {
            *state = State::Gone as u8;
        }
        self.less(held);
    }

    /// All whose paths begin with this wait no more.
    pub(super) fn remove_below(&mut self, prefix: &[u8]) {
        let waiting = self.order.get(self.next..).unwrap_or_default();
        let first = waiting.partition_point(|start| bytes(&self.paths, *start) < prefix);
        let below = waiting.iter().skip(first);
        let below: Vec<u32> =
            below.take_while(|start| bytes(&self.paths, **start).starts_with(prefix)).copied().collect();
        for start in below {
            self.take_out(start);
        }
    }

    fn less(&mut self, held: bool) {
        self.len -= 1;
        self.unheld -= usize::from(!held);
        if self.len == 0 {
            // The memory goes with the last.
            *self = Self::default();
        }
    }

    /// Those that wait, with the same.
    pub(super) fn iter(&self) -> impl Iterator<Item = (WorkPath, bool)> {
        let waiting = self.order.get(self.next..).unwrap_or_default();
        waiting.iter().filter_map(|start| read(&self.paths, *start))
    }

    /// Since when the first of them waits.
    pub(super) const fn since(&self) -> Option<Instant> {
        self.since
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// How many there are at whose path headquarters held nothing.
    pub(super) const fn unheld(&self) -> usize {
        self.unheld
    }
}

fn bytes(paths: &[u8], start: u32) -> &[u8] {
    let start = start as usize;
    let Some([low, high, ..]) = paths.get(start..start + HEAD) else { return &[] };
    let end = start + HEAD + usize::from(u16::from_le_bytes([*low, *high]));
    paths.get(start + HEAD..end).unwrap_or_default()
}

fn state(paths: &[u8], start: u32) -> State {
    match paths.get(start as usize + HEAD - 1) {
        Some(0) => State::New,
        Some(1) => State::Held,
        Some(_) | None => State::Gone,
    }
}

fn read(paths: &[u8], start: u32) -> Option<(WorkPath, bool)> {
    let state = state(paths, start);
    let path = WorkPath::new(bytes(paths, start)).ok().filter(|_| state != State::Gone)?;
    Some((path, state == State::Held))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn path(bytes: &[u8]) -> WorkPath {
        WorkPath::new(bytes).unwrap()
    }

    fn gather(before: &Looked, now: Instant, is_whole: bool, all: &[(&[u8], bool)]) -> Looked {
        Looked::gather(before, now, |put| {
            for (bytes, held) in all {
                put(&path(bytes), *held);
            }
            is_whole
        })
    }

    #[test]
    fn each_comes_once_and_in_order_and_one_that_is_removed_does_not() {
        let now = Instant::now();
        let long = [b"d/".repeat(2000), b"name".to_vec()].concat();
        let all: [(&[u8], bool); 5] = [
            ("見積/第1版".as_bytes(), false),
            (&long, true),
            (b"a", true),
            (&[0xff, 1], false),
            (b"a-b", false),
        ];
        let mut looked = gather(&Looked::default(), now, true, &all);
        assert_eq!((looked.len(), looked.unheld(), looked.since()), (5, 3, Some(now)));
        for gone in [&b"a-b"[..], b"a-b", b"never there"] {
            looked.remove(&path(gone));
        }
        assert_eq!((looked.len(), looked.unheld()), (4, 2));
        let waiting: Vec<_> = looked.iter().collect();
        let mut popped: Vec<_> = std::iter::from_fn(|| looked.pop()).collect();
        assert_eq!(waiting, popped);
        let mut expected: Vec<_> = all[..4].iter().map(|(bytes, held)| (path(bytes), *held)).collect();
        expected.sort();
        assert_eq!(popped, expected);
        popped.clear();
        assert_eq!((looked.len(), looked.unheld(), looked.since(), looked.paths.capacity()), (0, 0, None, 0));
    }

    #[test]
    fn a_second_look_keeps_the_time_and_what_it_could_not_see() {
        let (first, second) = (Instant::now(), Instant::now() + Duration::from_secs(3));
        let before = || gather(&Looked::default(), first, true, &[(b"a/hidden", false), (b"b", true)]);
        let again = gather(&before(), second, false, &[(b"b", true), (b"c", false)]);
        assert_eq!((again.since(), again.len(), again.unheld()), (Some(first), 3, 2));
        let whole = gather(&before(), second, true, &[(b"c", false)]);
        assert_eq!(whole.iter().collect::<Vec<_>>(), [(path(b"c"), false)]);
        assert_eq!(gather(&before(), second, true, &[]).since(), None, "nothing waits");
    }
}
