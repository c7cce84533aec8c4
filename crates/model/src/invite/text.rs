//! Bytes as a line that survives being typed: Crockford's base32, in groups, forgiving of the keyboard.

use zeroize::Zeroizing;

use super::{InviteError, PREFIX};

/// Crockford's alphabet in lower case: no `i`, `l`, `o` (read as digits) and no `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const GROUP: usize = 5;
/// Longer input is no invite of any version; bounds what a pasted file costs.
const MAX_SYMBOLS: usize = 4096;

/// The line for people: prefix, groups of five joined by hyphens.
pub(super) fn encode(bytes: &[u8]) -> String {
    let symbols = Zeroizing::new(base32(bytes));
    let mut line = String::with_capacity(PREFIX.len() + symbols.len() * 6 / 5 + 1);
    line.push_str(PREFIX);
    for (index, symbol) in symbols.chars().enumerate() {
        if index > 0 && index.is_multiple_of(GROUP) {
            line.push('-');
        }
        line.push(symbol);
    }
    line
}

/// The text for a QR code.
pub(super) fn encode_compact(bytes: &[u8]) -> String {
    let mut line = PREFIX.to_ascii_uppercase();
    line.push_str(&Zeroizing::new(base32(bytes)).to_ascii_uppercase());
    line
}

/// Reads either, or what a person made of it.
pub(super) fn decode(input: &str) -> Result<Zeroizing<Vec<u8>>, InviteError> {
    let plain = Zeroizing::new(plain(input));
    if plain.is_empty() {
        return Err(InviteError::Empty);
    }
    let body = match plain.strip_prefix("hanare") {
        Some(rest) => after_prefix(rest)?,
        None => &plain,
    };
    unbase32(body).map(Zeroizing::new)
}

/// What follows `hanare`: the prefix's version digit, and the colon or whatever another keyboard has in its place.
fn after_prefix(rest: &str) -> Result<&str, InviteError> {
    let mut characters = rest.chars();
    match characters.next() {
        Some('1') => {}
        Some(digit @ '2'..='9') => {
            let version = digit.to_digit(10).and_then(|digit| u8::try_from(digit).ok());
            return Err(version.map_or(InviteError::Damaged, InviteError::Newer));
        }
        _ => return Err(InviteError::Damaged),
    }
    let after_digit = characters.as_str();
    match characters.next() {
        Some(mark) if !mark.is_ascii_alphanumeric() => Ok(characters.as_str()),
        _ => Ok(after_digit),
    }
}

/// Half-width, lower case, without blanks and hyphens.
pub(super) fn plain(input: &str) -> String {
    let mut plain = String::with_capacity(input.len().min(MAX_SYMBOLS));
    let kept = input.chars().filter_map(half_width).take(MAX_SYMBOLS);
    plain.extend(kept.map(|c| c.to_ascii_lowercase()));
    plain
}

fn half_width(c: char) -> Option<char> {
    match c {
        // Hyphens, dashes, the minus sign, the long vowel mark that a Japanese keyboard gives for `-`, its half-width form.
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' | '\u{ff0d}' | '\u{ff70}' | '\u{fe63}' => {
            None
        }
        // Zero-width characters that chat programs add, and the byte order mark.
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => None,
        c if c.is_whitespace() || c.is_control() => None,
        // Full-width forms of the ASCII characters, U+FF01 to U+FF5E, stand 0xFEE0 above them.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        c => Some(c),
    }
}

/// Bytes in base32, lower case; the last symbol is filled up with zero bits.
pub(super) fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut pending, mut bits) = (0u32, 0u32);
    for byte in bytes {
        pending = (pending << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(symbol(pending >> bits));
            pending &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        out.push(symbol(pending << (5 - bits)));
    }
    out
}

fn symbol(value: u32) -> char {
    let index = usize::try_from(value & 31).unwrap_or(0);
    ALPHABET.get(index).copied().map_or('0', char::from)
}

/// Reads base32; a symbol too many or non-zero filling bits mean damage, so that every text has one reading only.
pub(super) fn unbase32(text: &str) -> Result<Vec<u8>, InviteError> {
    let mut out = Vec::with_capacity(text.len() * 5 / 8);
    let (mut pending, mut bits) = (0u32, 0u32);
    for c in text.bytes() {
        pending = (pending << 5) | value(c).ok_or(InviteError::Damaged)?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(pending >> bits).map_err(|_| InviteError::Damaged)?);
            pending &= (1 << bits) - 1;
        }
    }
    if bits >= 5 || pending != 0 { Err(InviteError::Damaged) } else { Ok(out) }
}

fn value(c: u8) -> Option<u32> {
    let c = match c.to_ascii_lowercase() {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        c => c,
    };
    ALPHABET.iter().position(|symbol| *symbol == c).and_then(|index| u32::try_from(index).ok())
}
