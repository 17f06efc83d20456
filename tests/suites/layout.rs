//! The layout of types against a second opinion: `SizeAlign` and `push_flat` of
//! wit-parser, on every type of every fixture that wit-parser and wit-component
//! accept, for both pointer sizes.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use linkspan::abi::{CoreType, Layout, PointerSize, ResourceTypeId, TypeTable, ValType};
use linkspan_tests::harness::{self, Failure, Outcome, Suite};
use linkspan_tests::upstream;
use wit_parser::abi::{FlatTypes, WasmType};
use wit_parser::{Handle, Resolve, SizeAlign, Type, TypeDefKind, TypeId};

/// Accepted units of wit-parser's fixtures, files or folders.
const PARSER_UNITS: usize = 78;

/// Accepted units of wit-component's fixtures.
const COMPONENT_UNITS: usize = 445;

/// Types in them that were compared.
const TYPES: usize = 1_505;

/// Types that our table refuses.
const REFUSED: usize = 0;

fn main() -> ExitCode {
    let mut suite = Suite::new("layout");
    let (mut compared, mut refused) = (0, 0);
    for (name, inside, depth, expected) in [
        ("wit-parser", "tests/ui", 0, PARSER_UNITS),
        ("wit-component", "tests", 2, COMPONENT_UNITS),
    ] {
        let folder = match upstream::folder(name, "0.263.0", inside) {
            Ok(folder) => folder,
            Err(error) => {
                suite.fault(error);
                continue;
            }
        };
        let mut accepted = 0;
        for unit in units(&folder, depth) {
            let Some(resolve) = load(&unit) else {
                continue;
            };
            accepted += 1;
            let mut subject = Subject::new(resolve);
            compared += subject.types.len();
            refused += subject.refused;
            let path = unit.strip_prefix(&folder).unwrap_or(&unit);
            let path = format!("{name}/{}", path.to_string_lossy().replace('\\', "/"));
            suite.case("wit-parser", path, move || Outcome::Ran(subject.compare()));
        }
        suite.expect_files(name, expected, accepted);
    }
    suite.expect_files("types of the fixtures", TYPES, compared);
    suite.expect_files("types that are refused", REFUSED, refused);
    harness::run(vec![suite])
}

/// The units of a folder: `depth` levels below it, WIT files, components and
/// folders; above that, folders alone.
fn units(folder: &Path, depth: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((folder, level)) = open.pop() {
        for entry in folder.read_dir().expect("the fixtures are there") {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() {
                if name == "parse-fail" {
                    continue;
                }
                if level < depth {
                    open.push((path.clone(), level + 1));
                }
                found.push(path);
            } else if let Some("wit" | "wat" | "wasm") = path.extension().and_then(|e| e.to_str()) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A unit as wit-parser reads it; `None` if it does not.
fn load(unit: &Path) -> Option<Resolve> {
    let mut resolve = Resolve::default();
    // The feature that the fixtures' gates expect.
    resolve.features.insert("active".to_owned());
    resolve.push_path(unit).ok()?;
    Some(resolve)
}

/// The types of one unit on both sides.
struct Subject {
    resolve: Resolve,
    sizes: SizeAlign,
    table: TypeTable,
    types: BTreeMap<TypeId, ValType>,
    refused: usize,
}

impl Subject {
    fn new(resolve: Resolve) -> Self {
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve).unwrap();
        let mut subject = Self {
            resolve,
            sizes,
            table: TypeTable::new(),
            types: BTreeMap::new(),
            refused: 0,
        };
        // Every type stands behind those that it is made of.
        let ids: Vec<TypeId> = subject.resolve.types.iter().map(|(id, _)| id).collect();
        for id in ids {
            if let Some(ty) = subject.convert(id) {
                subject.types.insert(id, ty);
            }
        }
        subject
    }

    /// The type in our table. Streams, futures and error contexts are indices:
    /// as wide as a `u32`.
    fn val_type(&self, ty: &Type) -> Option<ValType> {
        Some(match ty {
            Type::Bool => ValType::Bool,
            Type::U8 => ValType::U8,
            Type::U16 => ValType::U16,
            Type::U32 | Type::ErrorContext => ValType::U32,
            Type::U64 => ValType::U64,
            Type::S8 => ValType::S8,
            Type::S16 => ValType::S16,
            Type::S32 => ValType::S32,
            Type::S64 => ValType::S64,
            Type::F32 => ValType::F32,
            Type::F64 => ValType::F64,
            Type::Char => ValType::Char,
            Type::String => ValType::String,
            Type::Id(id) => *self.types.get(id)?,
        })
    }

    /// `None` for a resource, which is no value, and what is made of types that
    /// the table refuses.
    fn convert(&mut self, id: TypeId) -> Option<ValType> {
        let kind = &self.resolve.types[id].kind;
        let optional = |ty: &Option<Type>| match ty {
            Some(ty) => self.val_type(ty).map(Some),
            None => Some(None),
        };
        let resource = ResourceTypeId(0);
        let interned = match kind {
            TypeDefKind::Type(ty) => return self.val_type(ty),
            TypeDefKind::Resource | TypeDefKind::Unknown => return None,
            TypeDefKind::Future(_) | TypeDefKind::Stream(_) => return Some(ValType::U32),
            TypeDefKind::Handle(Handle::Own(_)) => self.table.own(resource),
            TypeDefKind::Handle(Handle::Borrow(_)) => self.table.borrow(resource),
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let fields = fields.map(|f| Some((f.name.clone(), self.val_type(&f.ty)?)));
                let fields = fields.collect::<Option<Vec<_>>>()?;
                self.table.record(fields)
            }
            TypeDefKind::Tuple(tuple) => {
                let fields = tuple.types.iter().map(|ty| self.val_type(ty));
                let fields = fields.collect::<Option<Vec<_>>>()?;
                self.table.tuple(fields)
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases = cases.map(|case| Some((case.name.clone(), optional(&case.ty)?)));
                let cases = cases.collect::<Option<Vec<_>>>()?;
                self.table.variant(cases)
            }
            TypeDefKind::Enum(cases) => {
                let names = cases.cases.iter().map(|case| case.name.clone());
                self.table.enumeration(names)
            }
            TypeDefKind::Flags(flags) => {
                let names = flags.flags.iter().map(|flag| flag.name.clone());
                self.table.flags(names)
            }
            TypeDefKind::Option(ty) => {
                let ty = self.val_type(ty)?;
                self.table.option(ty)
            }
            TypeDefKind::Result(result) => {
                let (ok, err) = (optional(&result.ok)?, optional(&result.err)?);
                self.table.result(ok, err)
            }
            TypeDefKind::List(ty) => {
                let ty = self.val_type(ty)?;
                self.table.list(ty)
            }
            TypeDefKind::FixedLengthList(ty, count) => {
                let (ty, count) = (self.val_type(ty)?, *count);
                self.table.fixed_length_list(ty, count)
            }
            TypeDefKind::Map(key, value) => {
                let (key, value) = (self.val_type(key)?, self.val_type(value)?);
                self.table.map(key, value)
            }
        };
        match interned {
            Ok(ty) => Some(ty),
            Err(_) => {
                self.refused += 1;
                None
            }
        }
    }

    fn compare(&mut self) -> Vec<Failure> {
        let mut failures = Vec::new();
        for (id, ty) in &self.types {
            for pointer in PointerSize::ALL {
                let name = self.resolve.types[*id].name.as_deref().unwrap_or("a type");
                let checks = [
                    self.layout(*id, *ty, pointer),
                    self.parts(*id, *ty, pointer),
                    self.flat(*id, *ty, pointer),
                ];
                failures.extend(checks.into_iter().filter_map(Result::err).map(|text| {
                    let shape = self.table.display(*ty);
                    let bytes = pointer.bytes();
                    Failure::at(
                        0,
                        format!("{name} with {bytes}-byte pointers: {text}: {shape}"),
                    )
                }));
            }
        }
        failures
    }

    /// What wit-parser says of a type: size and alignment.
    fn theirs(&self, ty: &Type, pointer: PointerSize) -> Layout {
        let (size, align) = (self.sizes.size(ty), self.sizes.align(ty));
        let (size, align) = match pointer {
            PointerSize::P32 => (size.size_wasm32(), align.align_wasm32()),
            PointerSize::P64 => (size.size_wasm64(), align.align_wasm64()),
        };
        Layout {
            size: size.try_into().unwrap(),
            align: align.try_into().unwrap(),
        }
    }

    fn layout(&self, id: TypeId, ty: ValType, pointer: PointerSize) -> Result<(), String> {
        same(
            "size and alignment",
            &self.theirs(&Type::Id(id), pointer),
            &self.table.layout(ty, pointer),
        )
    }

    /// Offsets of fields and of the payload of a variant.
    fn parts(&self, id: TypeId, ty: ValType, pointer: PointerSize) -> Result<(), String> {
        let offset = |size: wit_parser::ArchitectureSize| match pointer {
            PointerSize::P32 => size.size_wasm32(),
            PointerSize::P64 => size.size_wasm64(),
        };
        let (theirs, ours): (Vec<usize>, Vec<u32>) = match &self.resolve.types[id].kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| &field.ty);
                let offsets = self.sizes.field_offsets(fields).into_iter();
                (
                    offsets.map(|(at, _)| offset(at)).collect(),
                    self.table.offsets(ty, pointer),
                )
            }
            TypeDefKind::Tuple(tuple) => {
                let offsets = self.sizes.field_offsets(&tuple.types).into_iter();
                (
                    offsets.map(|(at, _)| offset(at)).collect(),
                    self.table.offsets(ty, pointer),
                )
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| case.ty.as_ref());
                let at = self.sizes.payload_offset(variant.tag(), cases);
                (vec![offset(at)], self.table.offsets(ty, pointer))
            }
            TypeDefKind::Resource
            | TypeDefKind::Handle(_)
            | TypeDefKind::Flags(_)
            | TypeDefKind::Enum(_)
            | TypeDefKind::Option(_)
            | TypeDefKind::Result(_)
            | TypeDefKind::List(_)
            | TypeDefKind::Map(..)
            | TypeDefKind::FixedLengthList(..)
            | TypeDefKind::Future(_)
            | TypeDefKind::Stream(_)
            | TypeDefKind::Type(_)
            | TypeDefKind::Unknown => return Ok(()),
        };
        let ours: Vec<usize> = ours.into_iter().map(|at| at as usize).collect();
        same("offsets", &theirs, &ours)
    }

    fn flat(&self, id: TypeId, ty: ValType, pointer: PointerSize) -> Result<(), String> {
        let mut types = [WasmType::I32; linkspan::abi::MAX_FLAT_PARAMS];
        let mut theirs = FlatTypes::new(&mut types);
        let fits = self.resolve.push_flat(&Type::Id(id), &mut theirs);
        let ours = self.table.flat(ty, pointer);
        same("whether it fits into registers", &fits, &!ours.overflows())?;
        if !fits {
            return Ok(());
        }
        let core = |ty: &WasmType| match ty {
            WasmType::I32 => CoreType::I32,
            WasmType::I64 | WasmType::PointerOrI64 => CoreType::I64,
            WasmType::F32 => CoreType::F32,
            WasmType::F64 => CoreType::F64,
            WasmType::Pointer | WasmType::Length => CoreType::pointer(pointer),
        };
        let theirs: Vec<CoreType> = theirs.to_vec().iter().map(core).collect();
        same("flat types", &theirs[..], ours.types())
    }
}

fn same<T: PartialEq + std::fmt::Debug + ?Sized>(
    what: &str,
    expected: &T,
    found: &T,
) -> Result<(), String> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}"))
    }
}
