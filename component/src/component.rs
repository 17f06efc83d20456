//! A component: decoded, validated and planned, ready to be linked any number
//! of times, from any number of threads. Immutable.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use linkspan_engine as core;

use crate::code::Code;
use crate::decode::{self, Decoded, ModuleId};
use crate::error::{Error, ErrorKind, Result};
use crate::names::ItemPath;
use crate::plan::{self, Bindings, Source};
use crate::types::Items;

/// A compiled component. Cloning shares it.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "wat")] {
/// use linkspan::{Component, Engine};
///
/// let engine = Engine::default();
/// let component = Component::new(&engine, r#"(component (import "f" (func)))"#)?;
/// let (name, item) = component.imports().iter().next().unwrap();
/// assert_eq!((name, item.to_string().as_str()), ("f", "func()"));
/// # }
/// # Ok::<(), linkspan::Error>(())
/// ```
#[derive(Clone)]
pub struct Component(Arc<Inner>);

struct Inner {
    engine: core::Engine,
    decoded: Source,
    /// The embedded core modules, or why the engine refuses one: that is an
    /// error only when it is instantiated.
    modules: Vec<Result<core::Module, Box<str>>>,
    code: Arc<Code>,
    size_bytes: usize,
}

impl Component {
    /// Decodes and validates a component binary; with the feature `wat` also
    /// the text format.
    ///
    /// Everything that the component model defines is decoded. Parts that
    /// cannot run yet are reported when the component is instantiated.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Parse`] and [`ErrorKind::Validate`] say at which offset;
    /// [`ErrorKind::Limit`] if the component is too large or nests too
    /// deeply.
    pub fn new(engine: &core::Engine, bytes: impl AsRef<[u8]>) -> Result<Component> {
        let bytes = bytes.as_ref();
        match text_to_binary(bytes)? {
            Some(binary) => Component::from_binary(engine, &binary),
            None => Component::from_binary(engine, bytes),
        }
    }

    /// Decodes and validates a component binary, and takes nothing else for
    /// one.
    ///
    /// # Errors
    ///
    /// As [`Component::new`].
    pub fn from_binary(engine: &core::Engine, bytes: &[u8]) -> Result<Component> {
        let decoded = Arc::new(decode::decode(bytes)?);
        let modules = load_modules(engine, bytes, &decoded)?;
        let (plan, _) = plan::flatten(Arc::clone(&decoded), &Bindings::new())?;
        Ok(Component(Arc::new(Inner {
            engine: engine.clone(),
            decoded,
            modules,
            code: Arc::new(Code::new(plan)),
            size_bytes: bytes.len(),
        })))
    }

    /// Reads a file and decodes it as [`Component::new`] does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the file cannot be read, and as
    /// [`Component::new`].
    pub fn from_file(engine: &core::Engine, path: impl AsRef<Path>) -> Result<Component> {
        let path = path.as_ref();
        std::fs::read(path)
            .map_err(Error::from)
            .and_then(|bytes| Component::new(engine, bytes))
            .map_err(|error| error.within(path.display().to_string()))
    }

    /// The engine that the component was made for.
    #[must_use]
    pub fn engine(&self) -> &core::Engine {
        &self.0.engine
    }

    /// What the component needs, by name.
    #[must_use]
    pub fn imports(&self) -> Items<'_> {
        Items::new(&self.0.code, &self.0.code.root_imports)
    }

    /// What the component offers, by name.
    #[must_use]
    pub fn exports(&self) -> Items<'_> {
        Items::new(&self.0.code, &self.0.code.root_exports)
    }

    /// The steps that instantiate the component, as text for people. The
    /// format may change.
    #[must_use]
    pub fn explain(&self) -> String {
        self.0.code.to_string()
    }

    /// How the values of the component's functions look in memory and as core
    /// values, and by which programs they move, as text for people. What
    /// differs with 64-bit memories stands behind a `/`. The format may
    /// change.
    #[must_use]
    pub fn explain_layout(&self) -> String {
        crate::layout::explain(self)
    }

    pub(crate) fn code(&self) -> &Arc<Code> {
        &self.0.code
    }

    pub(crate) fn module(&self, id: ModuleId) -> Result<&core::Module> {
        match self.0.modules.get(id.index()) {
            Some(Ok(module)) => Ok(module),
            Some(Err(why)) => {
                Err(Error::new(ErrorKind::Unsupported, &**why)
                    .within(format!("core module {}", id.0)))
            }
            None => Err(Error::inconsistent("a core module is missing")),
        }
    }

    /// The plan with components bound to imports of kind component, and the
    /// components that its source numbers stand for.
    pub(crate) fn bind(
        &self,
        bound: &[(ItemPath, Component)],
    ) -> Result<(Arc<Code>, Vec<Component>)> {
        if bound.is_empty() {
            return Ok((Arc::clone(&self.0.code), vec![self.clone()]));
        }
        let bindings: Bindings = bound
            .iter()
            .map(|(path, component)| (path.clone(), Arc::clone(&component.0.decoded)))
            .collect();
        let (plan, sources) = plan::flatten(Arc::clone(&self.0.decoded), &bindings)?;
        let components = sources
            .iter()
            .map(|source| {
                std::iter::once(self)
                    .chain(bound.iter().map(|(_, component)| component))
                    .find(|component| Arc::ptr_eq(&component.0.decoded, source))
                    .cloned()
                    .ok_or_else(|| Error::inconsistent("a binary is missing"))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok((Arc::new(Code::new(plan)), components))
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("size_bytes", &self.0.size_bytes)
            .field("steps", &self.0.code.steps.len())
            .finish_non_exhaustive()
    }
}

fn load_modules(
    engine: &core::Engine,
    bytes: &[u8],
    decoded: &Decoded,
) -> Result<Vec<Result<core::Module, Box<str>>>> {
    decoded
        .modules
        .iter()
        .enumerate()
        .map(|(i, range)| {
            load_module(engine, bytes, range).map_err(|error| {
                let base = u64::try_from(range.start).unwrap_or(u64::MAX);
                error.shifted(base).within(format!("core module {i}"))
            })
        })
        .collect()
}

fn load_module(
    engine: &core::Engine,
    bytes: &[u8],
    range: &Range<usize>,
) -> Result<Result<core::Module, Box<str>>> {
    let binary = bytes
        .get(range.clone())
        .ok_or_else(|| Error::inconsistent("a core module leaves the binary"))?;
    match core::Module::from_binary(engine, binary) {
        Ok(module) => Ok(Ok(module)),
        Err(error) if error.kind() == core::ErrorKind::Unsupported => {
            decode::validate_module(binary)?;
            Ok(Err(error.to_string().into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// The binary of a component in text form; `None` if the bytes are binary.
#[cfg(feature = "wat")]
fn text_to_binary(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    if bytes.is_empty() || bytes.starts_with(b"\0") {
        return Ok(None);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Ok(None);
    };
    match wat::parse_str(text) {
        Ok(binary) => Ok(Some(binary)),
        Err(error) => Err(Error::new(ErrorKind::Parse, error.to_string())
            .within("failed to parse the text format")),
    }
}

/// Without the feature `wat`, text is refused with the way to have it.
#[cfg(not(feature = "wat"))]
fn text_to_binary(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let start = bytes.trim_ascii_start();
    if start.starts_with(b"(") || start.starts_with(b";;") {
        return Err(Error::new(
            ErrorKind::Parse,
            "expected a binary component, found the text format: build `linkspan` with its \
             feature `wat`",
        ));
    }
    Ok(None)
}
