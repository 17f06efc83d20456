//! The custom section `name`: what people call a module and its functions.
//! It is decoded when somebody asks, and a malformed one is ignored from its
//! first error on, as the specification asks. Names are ranges of the
//! binary, so the section's size bounds what is kept.

use wasmparser::{BinaryReader, KnownCustom, Name, NameSectionReader};

use super::Bytes;
use crate::entity::FuncIndex;

/// Decoded names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    module: Option<Bytes>,
    /// Sorted by function.
    funcs: Vec<(FuncIndex, Bytes)>,
}

impl Names {
    /// Decodes the section whose contents are `range` of `binary`.
    pub(crate) fn decode(binary: &[u8], range: &Bytes) -> Names {
        let mut names = Names::default();
        let contents = &binary[range.start as usize..range.end as usize];
        let reader = NameSectionReader::new(BinaryReader::new(contents, 0));
        // Whatever was read before an error is kept.
        let _ = names.read(binary, reader);
        names
    }

    fn read(&mut self, binary: &[u8], reader: NameSectionReader<'_>) -> wasmparser::Result<()> {
        for subsection in reader {
            match subsection? {
                Name::Module { name, .. } => self.module = Some(range_in(binary, name)),
                Name::Function(map) => {
                    for naming in map {
                        let naming = naming?;
                        let range = range_in(binary, naming.name);
                        self.funcs.push((FuncIndex(naming.index), range));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The module's name.
    pub(crate) fn module(&self) -> Option<&Bytes> {
        self.module.as_ref()
    }

    /// A function's name.
    pub(crate) fn func(&self, func: FuncIndex) -> Option<&Bytes> {
        let position = self.funcs.binary_search_by_key(&func, |(f, _)| *f).ok()?;
        Some(&self.funcs[position].1)
    }
}

/// Where in `binary` the string `text`, which was decoded from it, stands.
pub(super) fn range_in(binary: &[u8], text: &str) -> Bytes {
    let start = text.as_ptr().addr().wrapping_sub(binary.as_ptr().addr());
    // Offsets fit: the decoder refuses binaries of more than 1 GiB.
    let start = u32::try_from(start).unwrap_or_default();
    let len = u32::try_from(text.len()).unwrap_or_default();
    start..start + len
}

/// Whether a custom section is the name section.
pub(super) fn is_name_section(section: &wasmparser::CustomSectionReader<'_>) -> bool {
    matches!(section.as_known(), KnownCustom::Name(_))
}
