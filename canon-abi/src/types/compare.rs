//! Structural comparison of types across two tables, with the path to the
//! first difference.
//!
//! It runs once per import or export, at link. It is equality, not subtyping:
//! the component model has none between value types.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use super::{FuncType, ResourceTypeId, TypeDef, TypeId, TypeTable, ValType};
use crate::path::Step;
use crate::trap::{Error, Result};

/// A comparison of types in two tables.
pub struct Comparison<'a> {
    expected: &'a TypeTable,
    found: &'a TypeTable,
    same_resource: &'a mut dyn FnMut(ResourceTypeId, ResourceTypeId) -> bool,
    /// Pairs known to be equal: shared types are walked once.
    equal: BTreeSet<(TypeId, TypeId)>,
}

impl fmt::Debug for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comparison")
            .field("equal", &self.equal)
            .finish_non_exhaustive()
    }
}

impl<'a> Comparison<'a> {
    /// Compares types of `expected` with types of `found`. `same_resource` says
    /// whether two resource slots, one of each table, name the same resource.
    pub fn new(
        expected: &'a TypeTable,
        found: &'a TypeTable,
        same_resource: &'a mut dyn FnMut(ResourceTypeId, ResourceTypeId) -> bool,
    ) -> Self {
        Self {
            expected,
            found,
            same_resource,
            equal: BTreeSet::new(),
        }
    }

    /// Compares two value types.
    ///
    /// # Errors
    /// [`ErrorKind::Mismatch`](crate::ErrorKind::Mismatch) with the path to the
    /// first difference.
    pub fn value(&mut self, expected: ValType, found: ValType) -> Result<()> {
        match (expected, found) {
            (ValType::Defined(a), ValType::Defined(b)) => {
                if self.equal.contains(&(a, b)) {
                    return Ok(());
                }
                self.defined(a, b)?;
                self.equal.insert((a, b));
                Ok(())
            }
            (a, b) if a == b => Ok(()),
            (a, b) => Err(self.differ(a, b)),
        }
    }

    /// Compares two function types, parameter names included.
    ///
    /// # Errors
    /// As [`Comparison::value`]; the path starts with the parameter's name, or
    /// `result`.
    pub fn func(&mut self, expected: &FuncType, found: &FuncType) -> Result<()> {
        for (a, b) in expected.params.iter().zip(&found.params) {
            if a.name != b.name {
                return Err(Error::mismatch(
                    format!("parameter `{}`", a.name),
                    format!("parameter `{}`", b.name),
                ));
            }
        }
        if expected.is_async != found.is_async {
            let word = |ty: &FuncType| {
                if ty.is_async {
                    "an async func"
                } else {
                    "a func"
                }
            };
            return Err(Error::mismatch(
                word(expected).to_owned(),
                word(found).to_owned(),
            ));
        }
        let params: Vec<ValType> = found.param_types().collect();
        self.signature(expected, &params, found.result)
    }

    /// Compares a function type with one that has no parameter names, such as
    /// that of typed Rust.
    ///
    /// # Errors
    /// As [`Comparison::func`].
    pub fn signature(
        &mut self,
        expected: &FuncType,
        params: &[ValType],
        result: Option<ValType>,
    ) -> Result<()> {
        if expected.params.len() != params.len() {
            return Err(Error::mismatch(
                count(expected.params.len(), "parameter"),
                params.len().to_string(),
            ));
        }
        for (param, found) in expected.params.iter().zip(params) {
            self.value(param.ty, *found)
                .map_err(|error| error.within(name(&param.name)))?;
        }
        self.optional(expected.result, result)
            .map_err(|error| error.within_name("result"))
    }

    /// Compares two function types as [`Comparison::func`] does, and answers
    /// with one error for each parameter that differs, and for the result.
    pub fn func_differences(&mut self, expected: &FuncType, found: &FuncType) -> Vec<Error> {
        if expected.params.len() != found.params.len() {
            let mut differences = vec![Error::mismatch(
                name_params(&expected.params),
                name_params(&found.params),
            )];
            differences.extend(self.result_difference(expected, found.result));
            return differences;
        }
        let names = (1..).zip(expected.params.iter().zip(&found.params));
        let mut differences: Vec<Error> = names
            .filter(|(_, (a, b))| a.name != b.name)
            .map(|(n, (a, b))| {
                Error::mismatch(
                    format!("parameter {n} to be called `{}`", a.name),
                    format!("`{}`", b.name),
                )
            })
            .collect();
        let params: Vec<ValType> = found.param_types().collect();
        differences.extend(self.signature_differences(expected, &params, found.result));
        differences
    }

    /// As [`Comparison::func_differences`], for a type that has no parameter
    /// names.
    pub fn signature_differences(
        &mut self,
        expected: &FuncType,
        params: &[ValType],
        result: Option<ValType>,
    ) -> Vec<Error> {
        let mut differences = Vec::new();
        if expected.params.len() == params.len() {
            for (param, found) in expected.params.iter().zip(params) {
                let compared = self.value(param.ty, *found);
                differences.extend(compared.err().map(|e| e.within(name(&param.name))));
            }
        } else {
            differences.push(Error::mismatch(
                name_params(&expected.params),
                params.len().to_string(),
            ));
        }
        differences.extend(self.result_difference(expected, result));
        differences
    }

    fn result_difference(&mut self, expected: &FuncType, found: Option<ValType>) -> Option<Error> {
        let compared = self.optional(expected.result, found);
        compared.err().map(|error| error.within_name("result"))
    }

    #[expect(clippy::too_many_lines, reason = "one row for each kind of type")]
    fn defined(&mut self, a: TypeId, b: TypeId) -> Result<()> {
        match (self.expected.def(a), self.found.def(b)) {
            (TypeDef::List(a), TypeDef::List(b)) => self
                .value(*a, *b)
                .map_err(|error| error.within(Step::Element)),
            (TypeDef::FixedLengthList(a, n), TypeDef::FixedLengthList(b, m)) => {
                if n != m {
                    return Err(Error::mismatch(
                        count(*n as usize, "element"),
                        m.to_string(),
                    ));
                }
                self.value(*a, *b)
                    .map_err(|error| error.within(Step::Element))
            }
            (TypeDef::Map(a_key, a_value), TypeDef::Map(b_key, b_value)) => self
                .value(*a_key, *b_key)
                .map_err(|error| error.within_position(0))
                .and_then(|()| {
                    self.value(*a_value, *b_value)
                        .map_err(|error| error.within_position(1))
                })
                .map_err(|error| error.within(Step::Element)),
            (TypeDef::Record(a), TypeDef::Record(b)) => {
                let names = |fields: &[super::Named<ValType>]| -> Vec<Box<str>> {
                    fields.iter().map(|field| field.name.clone()).collect()
                };
                same_names(&names(a), &names(b), "field")?;
                for (a, b) in a.iter().zip(b) {
                    self.value(a.ty, b.ty)
                        .map_err(|error| error.within(name(&a.name)))?;
                }
                Ok(())
            }
            (TypeDef::Tuple(a), TypeDef::Tuple(b)) => {
                if a.len() != b.len() {
                    return Err(Error::mismatch(count(a.len(), "type"), b.len().to_string()));
                }
                for (i, (a, b)) in (0..).zip(a.iter().zip(b)) {
                    self.value(*a, *b)
                        .map_err(|error| error.within_position(i))?;
                }
                Ok(())
            }
            (TypeDef::Variant(a), TypeDef::Variant(b)) => {
                let names = |cases: &[super::Named<Option<ValType>>]| -> Vec<Box<str>> {
                    cases.iter().map(|case| case.name.clone()).collect()
                };
                same_names(&names(a), &names(b), "case")?;
                for (a, b) in a.iter().zip(b) {
                    self.optional(a.ty, b.ty)
                        .map_err(|error| error.within(name(&a.name)))?;
                }
                Ok(())
            }
            (TypeDef::Enum(a), TypeDef::Enum(b)) => same_names(a, b, "case"),
            (TypeDef::Flags(a), TypeDef::Flags(b)) => same_names(a, b, "flag"),
            (TypeDef::Option(a), TypeDef::Option(b)) => self
                .value(*a, *b)
                .map_err(|error| error.within_name("some")),
            (
                TypeDef::Result {
                    ok: a_ok,
                    err: a_err,
                },
                TypeDef::Result {
                    ok: b_ok,
                    err: b_err,
                },
            ) => {
                self.optional(*a_ok, *b_ok)
                    .map_err(|error| error.within_name("ok"))?;
                self.optional(*a_err, *b_err)
                    .map_err(|error| error.within_name("error"))
            }
            (TypeDef::Own(x), TypeDef::Own(y)) | (TypeDef::Borrow(x), TypeDef::Borrow(y)) => {
                if (self.same_resource)(*x, *y) {
                    Ok(())
                } else {
                    Err(self.other_resource(a, b))
                }
            }
            (TypeDef::Stream(a), TypeDef::Stream(b)) | (TypeDef::Future(a), TypeDef::Future(b)) => {
                self.optional(*a, *b)
                    .map_err(|error| error.within(Step::Element))
            }
            (TypeDef::ErrorContext, TypeDef::ErrorContext) => Ok(()),
            (
                TypeDef::List(_)
                | TypeDef::FixedLengthList(..)
                | TypeDef::Map(..)
                | TypeDef::Record(_)
                | TypeDef::Tuple(_)
                | TypeDef::Variant(_)
                | TypeDef::Enum(_)
                | TypeDef::Flags(_)
                | TypeDef::Option(_)
                | TypeDef::Result { .. }
                | TypeDef::Own(_)
                | TypeDef::Borrow(_)
                | TypeDef::Stream(_)
                | TypeDef::Future(_)
                | TypeDef::ErrorContext,
                _,
            ) => Err(self.differ(ValType::Defined(a), ValType::Defined(b))),
        }
    }

    fn optional(&mut self, expected: Option<ValType>, found: Option<ValType>) -> Result<()> {
        let none = || "no type".to_owned();
        match (expected, found) {
            (Some(a), Some(b)) => self.value(a, b),
            (None, None) => Ok(()),
            (Some(a), None) => Err(Error::mismatch(
                self.expected.display(a).to_string(),
                none(),
            )),
            (None, Some(b)) => Err(Error::mismatch(none(), self.found.display(b).to_string())),
        }
    }

    #[cold]
    fn differ(&self, a: ValType, b: ValType) -> Error {
        Error::mismatch(
            self.expected.display(a).to_string(),
            self.found.display(b).to_string(),
        )
    }

    #[cold]
    fn other_resource(&self, a: TypeId, b: TypeId) -> Error {
        let expected = self.expected.display(ValType::Defined(a)).to_string();
        let found = self.found.display(ValType::Defined(b)).to_string();
        let found = if expected == found {
            format!("{found} of another resource")
        } else {
            found
        };
        Error::mismatch(expected, found)
    }
}

fn name(name: &str) -> Step {
    Step::Name(Cow::Owned(name.to_owned()))
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `2 parameters (a, b)`
fn name_params(params: &[super::Named<ValType>]) -> String {
    let names: Vec<&str> = params.iter().map(|param| &*param.name).collect();
    match names.as_slice() {
        [] => "no parameters".to_owned(),
        names => format!("{} ({})", count(names.len(), "parameter"), names.join(", ")),
    }
}

fn same_names(a: &[Box<str>], b: &[Box<str>], what: &str) -> Result<()> {
    for (a, b) in a.iter().zip(b) {
        if a != b {
            return Err(Error::mismatch(
                format!("{what} `{a}`"),
                format!("{what} `{b}`"),
            ));
        }
    }
    if a.len() == b.len() {
        Ok(())
    } else {
        Err(Error::mismatch(count(a.len(), what), b.len().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: (&TypeTable, ValType), b: (&TypeTable, ValType)) -> Result<()> {
        Comparison::new(a.0, b.0, &mut |x, y| x == y).value(a.1, b.1)
    }

    fn request(types: &mut TypeTable, body: ValType) -> ValType {
        let pair = types.tuple([ValType::String, body]).unwrap();
        let headers = types.list(pair).unwrap();
        types
            .record([("url", ValType::String), ("headers", headers)])
            .unwrap()
    }

    #[test]
    fn the_path_leads_to_the_difference() {
        let (mut a, mut b) = (TypeTable::new(), TypeTable::new());
        let bytes = a.list(ValType::U8).unwrap();
        let expected = request(&mut a, bytes);
        let found = request(&mut b, ValType::String);
        let expected = FuncType::new([("req", expected)], None);
        let found = FuncType::new([("req", found)], None);
        let error = Comparison::new(&a, &b, &mut |_, _| true)
            .func(&expected, &found)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "req.headers[].1: expected list<u8>, found string"
        );
    }

    #[test]
    fn every_parameter_that_differs_is_told() {
        let types = TypeTable::new();
        let text = |expected: &FuncType, found: &FuncType| -> Vec<String> {
            Comparison::new(&types, &types, &mut |_, _| true)
                .func_differences(expected, found)
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        let expected = FuncType::new(
            [
                ("a", ValType::U8),
                ("b", ValType::Bool),
                ("c", ValType::Char),
            ],
            Some(ValType::F32),
        );
        let found = FuncType::new(
            [
                ("a", ValType::U16),
                ("b", ValType::Bool),
                ("x", ValType::String),
            ],
            None,
        );
        assert_eq!(
            text(&expected, &found),
            [
                "expected parameter 3 to be called `c`, found `x`",
                "a: expected u8, found u16",
                "c: expected char, found string",
                "result: expected f32, found no type",
            ]
        );
        let found = FuncType::new([("a", ValType::U16)], Some(ValType::F32));
        assert_eq!(
            text(&expected, &found),
            ["expected 3 parameters (a, b, c), found 1 parameter (a)"]
        );
        assert!(text(&expected, &expected).is_empty());
    }

    #[test]
    fn kinds_names_and_counts() {
        let (mut a, mut b) = (TypeTable::new(), TypeTable::new());
        let text = |a: (&TypeTable, ValType), b: (&TypeTable, ValType)| {
            compare(a, b).unwrap_err().to_string()
        };
        let x = a.enumeration(["red", "green"]).unwrap();
        let y = b.enumeration(["red", "blue"]).unwrap();
        let z = b.enumeration(["red"]).unwrap();
        assert_eq!(
            text((&a, x), (&b, y)),
            "expected case `green`, found case `blue`"
        );
        assert_eq!(text((&a, x), (&b, z)), "expected 2 cases, found 1");
        assert_eq!(
            text((&a, x), (&b, ValType::U8)),
            "expected enum { red, green }, found u8"
        );
        let x = a.fixed_length_list(x, 3).unwrap();
        let four = b.fixed_length_list(y, 4).unwrap();
        let three = b.fixed_length_list(y, 3).unwrap();
        assert_eq!(text((&a, x), (&b, four)), "expected 3 elements, found 4");
        assert_eq!(
            text((&a, x), (&b, three)),
            "[]: expected case `green`, found case `blue`"
        );
        let x = a.map(ValType::U8, x).unwrap();
        let y = b.map(ValType::U8, ValType::Bool).unwrap();
        assert_eq!(
            text((&a, x), (&b, y)),
            "[].1: expected list<enum { red, green }, 3>, found bool"
        );
        let x = a.result(Some(ValType::U8), None).unwrap();
        let y = b.result(Some(ValType::U8), Some(ValType::Char)).unwrap();
        assert_eq!(
            text((&a, x), (&b, y)),
            "error: expected no type, found char"
        );
    }

    #[test]
    fn resources_are_equal_when_the_caller_says_so() {
        let (mut a, mut b) = (TypeTable::new(), TypeTable::new());
        let x = a.own(ResourceTypeId(1)).unwrap();
        let y = b.own(ResourceTypeId(7)).unwrap();
        b.name_resource(ResourceTypeId(7), "acme:net/sockets.conn");
        assert_eq!(
            compare((&a, x), (&b, y)).unwrap_err().to_string(),
            "expected own<resource 1>, found own<acme:net/sockets.conn>"
        );
        let mut pairs = |x: ResourceTypeId, y: ResourceTypeId| (x.0, y.0) == (1, 7);
        Comparison::new(&a, &b, &mut pairs).value(x, y).unwrap();
    }

    /// Two fields of one type, a hundred levels deep: 2^99 paths, 99 pairs.
    #[test]
    fn shared_types_are_compared_once() {
        let build = || {
            let mut types = TypeTable::new();
            let mut ty = ValType::U8;
            for _ in 0..24 {
                ty = types.tuple([ty, ty]).unwrap();
            }
            for _ in 0..60 {
                let list = types.list(ty).unwrap();
                ty = types.tuple([list, list]).unwrap();
                if types.facts(ty).depth > 97 {
                    break;
                }
            }
            (types, ty)
        };
        let ((a, x), (b, y)) = (build(), build());
        compare((&a, x), (&b, y)).unwrap();
    }
}
