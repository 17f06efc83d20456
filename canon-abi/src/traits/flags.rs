//! Flags as bits in memory and as text: what the [`flags!`](crate::flags) macro
//! calls.

use std::fmt;

use crate::layout::flags_size;

/// Writes flags with `count` labels (`store_flags`).
#[inline(always)]
pub fn write_flags(bytes: &mut [u8], bits: u32, count: usize) {
    let size = flags_size(count) as usize;
    bytes[..size].copy_from_slice(&bits.to_le_bytes()[..size]);
}

/// Reads flags with `count` labels (`load_flags`); the caller drops what means
/// nothing.
#[inline(always)]
pub fn read_flags(bytes: &[u8], count: usize) -> u32 {
    let size = flags_size(count) as usize;
    let mut bits = [0; 4];
    bits[..size].copy_from_slice(&bytes[..size]);
    u32::from_le_bytes(bits)
}

/// `READ|WRITE`, or `(empty)`.
pub fn debug_flags(f: &mut fmt::Formatter<'_>, bits: u32, names: &[&str]) -> fmt::Result {
    if bits == 0 {
        return f.write_str("(empty)");
    }
    let mut bar = "";
    for (i, name) in names.iter().enumerate() {
        if bits >> i & 1 != 0 {
            write!(f, "{bar}{name}")?;
            bar = "|";
        }
    }
    Ok(())
}
