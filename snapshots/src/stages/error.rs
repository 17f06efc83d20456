//! What a user is told when something is wrong: with WIT, with a module or
//! component, with its imports, or while it runs.
//!
//! A `.wat` case may hold several components. The last one is what the case is
//! about; those before it are instantiated in the same store and define what
//! they export. Options in the first lines say what else the host does:
//!
//! | option | what it does |
//! |---|---|
//! | `define = a:b/c#f` | defines a func on dynamic values |
//! | `answer = a:b/c#f string` | as `define`; it answers a value of that type |
//! | `rust = a:b/c#f` | defines `(String, Vec<u16>) -> Result<u64, String>` |
//! | `resource = a:b/c#r` | defines a resource type |
//! | `module = m (module …)` | defines a core module |
//! | `component = c (component …)` | defines a component |
//! | `stubs = traps` | stands in for what is unknown; or `defaults` |
//! | `memory = 65536` | bytes that the guest's memories may have |
//! | `call = f(1)` | calls an export, in WAVE; each call is tried |
//! | `give = f bool` | calls an export with a value of that type |
//!
//! Without a call, the export `run` is called if there is one.

use linkspan::wave::Call;
use linkspan::{
    Component, Config, Engine, Error, Instance, Linker, LinkerInstance, ResourceType, Store,
    StoreContextMut, Val, core,
};
use linkspan_wit::PackageSet;

use crate::Case;

/// The message for a case that must be refused.
///
/// # Errors
///
/// When the case is accepted and everything that it calls returns.
pub fn message(case: &Case) -> Result<String, String> {
    let outcome = if case.name().ends_with(".wit") {
        wit(case)
    } else if case.text.contains("(component") {
        component(case)
    } else {
        module(case).map_err(|error| format!("{:?}: {error:#}", error.kind()))
    };
    match outcome {
        Err(text) => Ok(format!("{}\n", text.trim_end())),
        Ok(()) => Err("expected a case that is refused, found one that is accepted".to_owned()),
    }
}

fn wit(case: &Case) -> Result<(), String> {
    let set = PackageSet::from_text(case.name(), case.text.clone());
    set.map(drop).map_err(|error| error.render())
}

fn text(error: &Error) -> String {
    format!("{:?}: {error:#}", error.kind())
}

fn component(case: &Case) -> Result<(), String> {
    let mut config = Config::default();
    if let Some(bytes) = case.option("memory") {
        let mut limits = core::Limits::default();
        limits.memory_size_bytes_max = bytes.parse().map_err(|_| "expected bytes".to_owned())?;
        config.limits(limits);
    }
    let engine = Engine::new(&config).map_err(|error| error.to_string())?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    host(case, &mut linker)?;
    let mut forms = forms(&case.text);
    let subject = forms.pop().ok_or("expected a component")?;
    for form in forms {
        // A helper that fails would make a picture of the wrong thing.
        let helper = Component::new(&engine, form)
            .and_then(|helper| linker.instantiate(&mut store, &helper))
            .and_then(|helper| linker.root().reexport_all(&store, &helper).map(drop));
        if let Err(error) = helper {
            panic!("a helper of the case fails: {error}");
        }
    }
    let component = Component::new(&engine, subject).map_err(|error| text(&error))?;
    match case.option("stubs") {
        Some("traps") => linker.define_unknown_imports_as_traps(&component),
        Some("defaults") => linker.define_unknown_imports_as_default_values(&component),
        Some(_) | None => Ok(()),
    }
    .map_err(|error| text(&error))?;
    let instance = linker
        .instantiate(&mut store, &component)
        .map_err(|error| text(&error))?;
    run(case, &mut store, &component, &instance)
}

/// Defines what the case's options ask for.
fn host(case: &Case, linker: &mut Linker<()>) -> Result<(), String> {
    let engine = linker.engine().clone();
    for path in case.options("define") {
        let (mut level, name) = place(linker, path)?;
        defined(level.func_new(name, |_, _, _| Ok(())))?;
    }
    for option in case.options("answer") {
        let (path, ty) = option.split_once(' ').ok_or("expected a path and a type")?;
        let value = sample(ty)?;
        let (mut level, name) = place(linker, path)?;
        defined(level.func_new(name, move |_, _, results| {
            results.fill(value.clone());
            Ok(())
        }))?;
    }
    for path in case.options("rust") {
        let (mut level, name) = place(linker, path)?;
        type Params = (String, Vec<u16>);
        defined(
            level.func_wrap(name, |_: StoreContextMut<'_, ()>, _: Params| {
                Ok::<Result<u64, String>, _>(Ok(1))
            }),
        )?;
    }
    for path in case.options("resource") {
        let (mut level, name) = place(linker, path)?;
        defined(level.resource(name, ResourceType::unique(), |_, _| Ok(())))?;
    }
    for option in case.options("module") {
        let (name, module) = option
            .split_once(' ')
            .ok_or("expected a name and a module")?;
        let module = core::Module::new(&engine, module).map_err(|error| error.to_string())?;
        defined(linker.root().module(name, &module))?;
    }
    for option in case.options("component") {
        let (name, text) = option
            .split_once(' ')
            .ok_or("expected a name and a component")?;
        let component = Component::new(&engine, text).map_err(|error| error.to_string())?;
        defined(linker.root().component(name, &component))?;
    }
    Ok(())
}

fn defined(result: linkspan::Result<&mut LinkerInstance<'_, ()>>) -> Result<(), String> {
    result.map(drop).map_err(|error| error.to_string())
}

/// The level and the name of a path: `a:b/c#f`, or only `f`.
fn place<'l, 'p>(
    linker: &'l mut Linker<()>,
    path: &'p str,
) -> Result<(LinkerInstance<'l, ()>, &'p str), String> {
    match path.split_once('#') {
        None => Ok((linker.root(), path)),
        Some((interface, name)) => {
            let level = linker.instance(interface);
            level
                .map(|level| (level, name))
                .map_err(|error| error.to_string())
        }
    }
}

/// A value of a type.
fn sample(ty: &str) -> Result<Val, String> {
    Ok(match ty {
        "bool" => Val::Bool(true),
        "u32" => Val::U32(7),
        "string" => Val::String("seven".into()),
        "tuple" => Val::Tuple([Val::U32(1), Val::U32(2)].into()),
        "list" => Val::from(vec![1_u8, 2]),
        _ => return Err(format!("there is no sample of type {ty}")),
    })
}

/// Makes the calls of a case, all of them, and says how they fail.
fn run(
    case: &Case,
    store: &mut Store<()>,
    component: &Component,
    instance: &Instance,
) -> Result<(), String> {
    let mut failures = Vec::new();
    let mut calls: Vec<&str> = case.options("call").collect();
    let gives: Vec<&str> = case.options("give").collect();
    if calls.is_empty() && gives.is_empty() && component.exports().get("run").is_some() {
        calls.push("run()");
    }
    for call in calls {
        failures.extend(wave(store, component, instance, call).err());
    }
    for give in gives {
        let (name, types) = give.split_once(' ').unwrap_or((give, ""));
        let values = types.split_whitespace().map(sample);
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let func = instance.get_func(&*store, name).ok_or("no such export")?;
        let has_result = func.with_type(&*store, |ty| ty.result().is_some());
        let has_result = has_result.map_err(|error| text(&error))?;
        let mut results = vec![Val::Bool(false); usize::from(has_result)];
        let called = func.call(&mut *store, &values, &mut results);
        failures.extend(called.err().map(|error| text(&error)));
    }
    match failures.as_slice() {
        [] => Ok(()),
        failures => Err(failures.join("\n\n")),
    }
}

fn wave(
    store: &mut Store<()>,
    component: &Component,
    instance: &Instance,
    call: &str,
) -> Result<(), String> {
    let name = call.split('(').next().unwrap_or_default();
    let Some(linkspan::types::Item::Func(ty)) = component.exports().get(name) else {
        return Err(format!("the component exports no func {name:?}"));
    };
    let ty = (ty.table(), ty.func_type().ok_or("an unsupported type")?);
    let parsed = Call::parse(call).and_then(|call| call.args(ty.0, ty.1));
    let params = parsed.map_err(|error| text(&error.into()))?;
    let func = instance.get_func(&*store, name).ok_or("no such export")?;
    let mut results = vec![Val::Bool(false); usize::from(ty.1.result.is_some())];
    func.call(store, &params, &mut results)
        .map_err(|error| text(&error))
}

fn module(case: &Case) -> core::Result<()> {
    let engine = Engine::default();
    let module = core::Module::new(&engine, &case.text)?;
    let mut store: core::Store<()> = core::Store::new(&engine, ());
    let linker: core::Linker<()> = core::Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &module)?;
    if let Some(run) = instance.get_func(&store, "run") {
        run.call(&mut store, &[], &mut [])?;
    }
    Ok(())
}

/// The outermost parentheses of a text, without what stands between them.
fn forms(text: &str) -> Vec<&str> {
    let (mut forms, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    let (mut in_string, mut in_comment, mut escaped) = (false, false, false);
    for (at, character) in text.char_indices() {
        match character {
            '\n' => in_comment = false,
            _ if in_comment => {}
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ if in_string => {}
            ';' if text[at..].starts_with(";;") => in_comment = true,
            '(' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    forms.push(&text[start..=at]);
                }
            }
            _ => {}
        }
    }
    // What is not closed is the parser's to refuse.
    if depth > 0 {
        forms.push(&text[start..]);
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        let text = ";; (no)\n(a \")\" (b)) ;; )\n(c\\28 \"\\\"(\")";
        assert_eq!(forms(text), ["(a \")\" (b))", "(c\\28 \"\\\"(\")"]);
        assert_eq!(forms("(a (b)"), ["(a (b)"]);
    }
}
