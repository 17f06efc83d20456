//! `linkspan invoke --core`: functions of core modules, on numbers.

use std::io::Write;

use linkspan::core::{self, ExternType, FuncType, Instance, Linker, Module, Store, Val, ValType};
use linkspan_wit::nearest;

use super::Invoke;
use crate::failure::{Failure, Kind, Result};

/// Calls a function of the module in `binary`, or lists its functions.
pub(super) fn invoke(out: &mut dyn Write, options: &Invoke, name: &str, binary: &[u8]) -> Result {
    let engine = options.run.engine()?;
    let module = Module::new(&engine, binary).map_err(linkspan::Error::from)?;
    let Some(call) = &options.call else {
        return list(out, &module);
    };
    let (function, arguments) = split(call, &options.arguments)?;
    let ty = function_type(&module, name, function)?;
    let params = parse_all(function, &ty, &arguments)?;

    let mut store = Store::<()>::new(&engine, ());
    let _timer = options.run.limit(&mut store)?;
    let results = call_in(&mut store, &module, function, &ty, &params);
    let results = results.map_err(linkspan::Error::from)?;
    if options.json {
        let json: serde_json::Value = results.iter().map(json).collect();
        writeln!(out, "{json}")?;
        return Ok(());
    }
    for result in &results {
        writeln!(out, "{}", text(result))?;
    }
    Ok(())
}

fn call_in(
    store: &mut Store<()>,
    module: &Module,
    function: &str,
    ty: &FuncType,
    params: &[Val],
) -> core::Result<Vec<Val>> {
    let engine = store.engine().clone();
    let instance: Instance = Linker::new(&engine).instantiate(&mut *store, module)?;
    let mut results: Vec<Val> = ty
        .results()
        .iter()
        .map(|ty| Val::default_for(*ty))
        .collect();
    if let Some(func) = instance.get_func(&mut *store, function) {
        func.call(&mut *store, params, &mut results)?;
    }
    Ok(results)
}

fn functions(module: &Module) -> Vec<(String, FuncType)> {
    let exports = module.exports();
    let functions = exports.filter_map(|export| match export.ty {
        ExternType::Func(ty) => Some((export.name.to_owned(), ty)),
        _ => None,
    });
    functions.collect()
}

fn list(out: &mut dyn Write, module: &Module) -> Result {
    let functions = functions(module);
    if functions.is_empty() {
        writeln!(out, "nothing can be called: the module exports no function")?;
    }
    for (name, ty) in functions {
        writeln!(out, "{name} {ty}")?;
    }
    Ok(())
}

/// The name and the arguments, from `f(1, 2)` or from `f`, `1` and `2`.
fn split<'a>(call: &'a str, arguments: &'a [String]) -> Result<(&'a str, Vec<&'a str>)> {
    let Some((name, rest)) = call.split_once('(') else {
        return Ok((call, arguments.iter().map(String::as_str).collect()));
    };
    let inner = rest.trim_end().strip_suffix(')');
    let (Some(inner), []) = (inner, arguments) else {
        let message = format!("`{call}` is not a call\n  = help: write `f(1, 2)` or `f 1 2`");
        return Err(Failure::new(Kind::Usage, message));
    };
    if inner.trim().is_empty() {
        return Ok((name.trim(), Vec::new()));
    }
    Ok((name.trim(), inner.split(',').map(str::trim).collect()))
}

fn function_type(module: &Module, file: &str, name: &str) -> Result<FuncType> {
    let functions = functions(module);
    if let Some((_, ty)) = functions.iter().find(|(found, _)| found == name) {
        return Ok(ty.clone());
    }
    let mut message = format!("`{file}` exports no function `{name}`");
    let names = functions.iter().map(|(name, _)| name.as_str());
    if let Some(near) = nearest(name, names) {
        message.push_str(&format!("\n  = help: did you mean `{near}`?"));
    }
    Err(Failure::new(Kind::Usage, message))
}

fn parse_all(function: &str, ty: &FuncType, arguments: &[&str]) -> Result<Vec<Val>> {
    if arguments.len() != ty.params().len() {
        let message = format!(
            "expected {} arguments, found {}\n  = help: the type is {function} {ty}",
            ty.params().len(),
            arguments.len()
        );
        return Err(Failure::new(Kind::Usage, message));
    }
    let params = ty.params().iter().zip(arguments).map(|(ty, text)| {
        parse(*ty, text).ok_or_else(|| {
            let message = format!("expected a number of type {ty}, found `{text}`");
            Failure::new(Kind::Usage, message)
        })
    });
    params.collect()
}

/// Reads a number: decimal or hexadecimal, signed or not; floats as Rust reads them.
fn parse(ty: ValType, text: &str) -> Option<Val> {
    Some(match ty {
        ValType::I32 => {
            let wide = integer(text)?;
            let signed = i32::try_from(wide).ok();
            Val::I32(signed.or_else(|| Some(u32::try_from(wide).ok()?.cast_signed()))?)
        }
        ValType::I64 => {
            let wide = integer(text)?;
            let signed = i64::try_from(wide).ok();
            Val::I64(signed.or_else(|| Some(u64::try_from(wide).ok()?.cast_signed()))?)
        }
        ValType::F32 => Val::F32(text.parse::<f32>().ok()?.to_bits()),
        ValType::F64 => Val::F64(text.parse::<f64>().ok()?.to_bits()),
        // As it is printed: sixteen bytes in hexadecimal, lane 0 last.
        ValType::V128 => Val::V128(u128::from_str_radix(text.strip_prefix("0x")?, 16).ok()?),
        // References cannot be written as text.
        _ => return None,
    })
}

fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let number = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse::<u64>().ok()?,
    };
    let number = i128::from(number);
    Some(if negative { -number } else { number })
}

fn text(value: &Val) -> String {
    match value {
        Val::I32(v) => v.to_string(),
        Val::I64(v) => v.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(bits) => format!("0x{bits:032x}"),
        Val::FuncRef(None) | Val::AnyRef(None) | Val::ExternRef(None) | Val::ExnRef(None) => {
            "null".to_owned()
        }
        Val::FuncRef(Some(_)) => "<function>".to_owned(),
        Val::AnyRef(Some(_)) => "<object>".to_owned(),
        Val::ExternRef(Some(_)) => "<extern>".to_owned(),
        Val::ExnRef(Some(_)) => "<exception>".to_owned(),
    }
}

/// Numbers that a double cannot hold exactly, and those that JSON does not know, are strings.
fn json(value: &Val) -> serde_json::Value {
    match value {
        Val::I32(v) => (*v).into(),
        Val::I64(v) if v.unsigned_abs() <= 1 << 53 => (*v).into(),
        Val::F32(bits) if f32::from_bits(*bits).is_finite() => f32::from_bits(*bits).into(),
        Val::F64(bits) if f64::from_bits(*bits).is_finite() => f64::from_bits(*bits).into(),
        Val::FuncRef(None) | Val::AnyRef(None) | Val::ExternRef(None) | Val::ExnRef(None) => {
            serde_json::Value::Null
        }
        Val::I64(_)
        | Val::F32(_)
        | Val::F64(_)
        | Val::V128(_)
        | Val::FuncRef(_)
        | Val::AnyRef(_)
        | Val::ExternRef(_)
        | Val::ExnRef(_) => text(value).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_signed_or_not() {
        let i32_of = |text| match parse(ValType::I32, text) {
            Some(Val::I32(v)) => Some(v),
            _ => None,
        };
        assert_eq!(i32_of("4294967295"), Some(-1));
        assert_eq!(i32_of("-2147483648"), Some(i32::MIN));
        assert_eq!(i32_of("0xff"), Some(255));
        assert_eq!(i32_of("4294967296"), None);
        assert_eq!(i32_of("1.5"), None);
        assert!(matches!(
            parse(ValType::I64, "18446744073709551615"),
            Some(Val::I64(-1))
        ));
        assert!(parse(ValType::FUNCREF, "null").is_none());
    }

    #[test]
    fn calls_have_two_forms() {
        let arguments = ["1".to_owned(), "2".to_owned()];
        assert_eq!(split("f", &arguments).unwrap(), ("f", vec!["1", "2"]));
        assert_eq!(split("f(1, 2)", &[]).unwrap(), ("f", vec!["1", "2"]));
        assert_eq!(split("f()", &[]).unwrap(), ("f", vec![]));
        assert!(split("f(1", &[]).is_err());
        assert!(split("f(1)", &arguments).is_err());
    }
}
