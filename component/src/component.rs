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
use crate::features::Accepted;
use crate::instance::ExportPath;
use crate::names::ItemPath;
use crate::plan::{self, Bindings, ImportId, Item, ModuleRef, Plan, Provided, Source, Step};
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
    modules: Arc<[Result<core::Module, Box<str>>]>,
    code: Arc<Code>,
    size_bytes: usize,
    /// The components that this one was taken out of, outermost first;
    /// `decoded` and `modules` are those of the first.
    outer: Vec<Outer>,
    /// The component itself: in `decoded`, or in what was provided to an outer
    /// one.
    root: Provided,
}

/// A component that exports another one, which was taken out of it.
#[derive(Clone)]
pub(crate) struct Outer {
    /// The name of the export, with the names of instances around it.
    pub(crate) path: Vec<String>,
    /// What the host provided for imports of kind component.
    pub(crate) components: Vec<(ItemPath, Component)>,
    /// What the host provided for imports of core modules.
    pub(crate) modules: Vec<(ImportId, core::Module)>,
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
        let decoded = Arc::new(decode::decode(bytes, Accepted::by(engine))?);
        let root = Provided::root(Arc::clone(&decoded));
        let modules = load_modules(engine, bytes, &decoded)?;
        let (plan, _) = plan::flatten(Arc::clone(&decoded), &Bindings::new())?;
        Ok(Component(Arc::new(Inner {
            engine: engine.clone(),
            decoded,
            modules: modules.into(),
            code: Arc::new(Code::new(plan)),
            size_bytes: bytes.len(),
            outer: Vec::new(),
            root,
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

    /// A core module that the component exports, by its name, or by the names
    /// of an instance and of the module in it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if there is none, or if it is an import, which
    /// only an instance knows: see
    /// [`Instance::get_module`](crate::Instance::get_module).
    pub fn exported_module(&self, path: impl ExportPath) -> Result<core::Module> {
        let code = &self.0.code;
        let found = code.export(path.names());
        let module = match found {
            Some(Item::Module(slot)) => code.modules.get(slot.index()),
            _ => return Err(Error::link("no core module of that name is exported")),
        };
        match module {
            Some(ModuleRef::Embedded(source, id)) if source.0 == 0 => self.module(*id).cloned(),
            Some(ModuleRef::Captured(level, import)) => self
                .captured_module(*level, *import)
                .ok_or_else(|| Error::inconsistent("a core module is missing")),
            Some(ModuleRef::Embedded(..) | ModuleRef::Import(_)) => Err(Error::link(
                "the exported core module is an import: take it from an instance",
            )),
            None => Err(Error::inconsistent("a core module is missing")),
        }
    }

    /// A component that the component exports, by its name, or by the names
    /// of an instance and of the component in it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Link`] if there is none, or if it refers to an import,
    /// which only an instance knows: see
    /// [`Instance::get_component`](crate::Instance::get_component).
    pub fn exported_component(&self, path: impl ExportPath) -> Result<Component> {
        let path = path.names().map(str::to_owned).collect();
        self.exported(Outer {
            path,
            components: Vec::new(),
            modules: Vec::new(),
        })
    }

    /// As [`Component::exported_component`], with what an instance was linked
    /// to.
    pub(crate) fn exported(&self, outer: Outer) -> Result<Component> {
        let mut levels = self.0.outer.clone();
        levels.push(outer);
        let mut inner = Inner {
            engine: self.0.engine.clone(),
            decoded: Arc::clone(&self.0.decoded),
            modules: Arc::clone(&self.0.modules),
            code: Arc::clone(&self.0.code),
            size_bytes: self.0.size_bytes,
            outer: levels,
            root: self.0.root.clone(),
        };
        let (plan, sources) = inner.flatten(&Bindings::new())?;
        let is_missing = |module: &ModuleRef| match module {
            ModuleRef::Captured(level, import) => inner.captured(*level, *import).is_none(),
            ModuleRef::Embedded(..) | ModuleRef::Import(_) => false,
        };
        let lacks_module = |step: &Step| match step {
            Step::Instantiate { module, .. } => {
                plan.modules.get(module.index()).is_some_and(is_missing)
            }
            _ => false,
        };
        if plan.steps.iter().any(lacks_module) {
            return Err(Error::link(
                "the exported component refers to an imported core module: take it from an \
                 instance",
            ));
        }
        if let Some(owner) = plan.owners.first()
            && let Some(source) = sources.get(owner.component.0.index())
        {
            inner.root = Provided {
                source: Arc::clone(source),
                component: owner.component.1,
            };
        }
        inner.code = Arc::new(Code::new(plan));
        Ok(Component(Arc::new(inner)))
    }

    /// This component, and those that were provided to the ones around it.
    fn with_outer(&self) -> impl Iterator<Item = &Component> {
        let provided = self.0.outer.iter().flat_map(|outer| &outer.components);
        std::iter::once(self).chain(provided.map(|(_, component)| component))
    }

    /// What the host provided for an import of an outer component.
    pub(crate) fn captured_module(&self, level: u32, import: ImportId) -> Option<core::Module> {
        self.0.captured(level, import).cloned()
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
        if bound.is_empty() && self.0.outer.is_empty() {
            return Ok((Arc::clone(&self.0.code), vec![self.clone()]));
        }
        let (plan, sources) = self.0.flatten(&sources_of(bound))?;
        let components = sources
            .iter()
            .map(|source| {
                let bound = bound.iter().map(|(_, component)| component);
                let mut all = std::iter::once(self)
                    .chain(bound)
                    .flat_map(Component::with_outer);
                all.find(|component| Arc::ptr_eq(&component.0.decoded, source))
                    .cloned()
                    .ok_or_else(|| Error::inconsistent("a binary is missing"))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok((Arc::new(Code::new(plan)), components))
    }
}

impl Inner {
    fn captured(&self, level: u32, import: ImportId) -> Option<&core::Module> {
        let mut modules = self.outer.get(level as usize)?.modules.iter();
        let found = modules.find(|(known, _)| *known == import)?;
        Some(&found.1)
    }

    fn flatten(&self, bindings: &Bindings) -> Result<(Plan, Vec<Source>)> {
        let root = Arc::clone(&self.decoded);
        if self.outer.is_empty() {
            return plan::flatten(root, bindings);
        }
        let outer: Vec<(Bindings, &[String])> = self
            .outer
            .iter()
            .map(|outer| (sources_of(&outer.components), &outer.path[..]))
            .collect();
        plan::flatten_export(root, &outer, bindings)
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

fn sources_of(bound: &[(ItemPath, Component)]) -> Bindings {
    bound
        .iter()
        .map(|(path, component)| (path.clone(), component.0.root.clone()))
        .collect()
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
            decode::validate_module(binary, Accepted::by(engine))?;
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
