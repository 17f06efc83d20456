//! The driver of one world: Rust text around its bindings.
//!
//! The bindings are read as text, line by line, because they are formatted as
//! rustfmt would: the names in them are those that the generator gave, which a
//! second look at the WIT could only guess. After each trait stands its
//! implementation for the mirror's host; a list of functions calls each export.

use std::collections::{BTreeMap, BTreeSet};

/// Bindings with an implementation of each trait, and a list of calls.
pub(super) struct Driver {
    /// The module of the bindings.
    pub(super) bindings: String,
    /// The module of the calls.
    pub(super) calls: String,
    /// How many functions are called.
    pub(super) functions: usize,
}

/// The driver for the bindings `code`, which stand in the module `module`.
pub(super) fn driver(module: &str, code: &str) -> Driver {
    let code = code.replace("::linkspan::", "crate::kit::");
    let mut weaver = Weaver {
        module: module.to_owned(),
        ..Weaver::default()
    };
    let lines: Vec<&str> = code.lines().collect();
    let mut next = 0;
    while next < lines.len() {
        next = weaver.item(&lines, next);
    }
    weaver.finish()
}

#[derive(Default)]
struct Weaver {
    module: String,
    bindings: String,
    /// The modules around the line at hand, with their indentation.
    path: Vec<(usize, String)>,
    /// The type of the world.
    world: String,
    /// The world's methods that lead to exported interfaces, by path.
    accessors: BTreeMap<String, String>,
    /// The handle types of guest resources, by path.
    resources: BTreeSet<String>,
    calls: Vec<Call>,
}

/// Who implements a function.
enum Side {
    Import,
    Export,
}

/// One exported function.
struct Call {
    label: String,
    /// What stands before the arguments, with an open parenthesis.
    callee: String,
    /// The type of the handle that the function is called on.
    this: Option<String>,
    arguments: usize,
    /// The handle type that the function makes, and whether it may fail.
    makes: Option<(String, bool)>,
}

/// A signature in the bindings.
struct Signature {
    /// As it stands there, without what ends it.
    text: String,
    name: String,
    params: Vec<(String, String)>,
    result: String,
}

impl Weaver {
    /// Takes the item that begins at a line; answers the line after it.
    fn item(&mut self, lines: &[&str], at: usize) -> usize {
        let line = lines[at];
        let (indent, text) = (indent(line), line.trim());
        if self
            .path
            .last()
            .is_some_and(|(depth, _)| text == "}" && indent == *depth)
        {
            self.path.pop();
        }
        if let Some(name) = text
            .strip_prefix("pub mod ")
            .and_then(|t| t.strip_suffix(" {"))
        {
            self.path.push((indent, name.to_owned()));
        }
        if let Some(names) = text.strip_prefix("crate::kit::bindings! { ") {
            self.world = names.split('<').next().unwrap_or_default().to_owned();
        }
        if let Some(export) = text.strip_prefix("export [")
            && let Some((path, accessor)) = export.split_once("] as ")
        {
            let name = accessor.split([' ', ';']).next().unwrap_or_default();
            self.accessors.insert(path.to_owned(), name.to_owned());
        }
        let handle = text.strip_suffix("(crate::kit::GuestResource);");
        if let Some(name) = handle.and_then(|text| text.strip_prefix("pub struct ")) {
            let path = format!("crate::{}::{}::{name}", self.module, self.here());
            self.resources.insert(path);
        }
        let exported = self.path.first().is_none_or(|(_, name)| name == "exports");
        let methods = text.starts_with("impl") && !text.contains(" for ") && exported;
        if !text.starts_with("pub trait ") && !methods {
            self.push(line);
            return at + 1;
        }
        let mut end = at;
        while !(lines[end].ends_with('}') && (end == at || self::indent(lines[end]) == indent)) {
            end += 1;
        }
        for line in &lines[at..=end] {
            self.push(line);
        }
        let body = &lines[at..=end];
        if methods {
            self.exports(body);
        } else {
            self.implement(body);
        }
        end + 1
    }

    fn push(&mut self, line: &str) {
        self.bindings.push_str(line);
        self.bindings.push('\n');
    }

    /// The path of the module at hand within the world's.
    fn here(&self) -> String {
        let names: Vec<&str> = self.path.iter().map(|(_, name)| &**name).collect();
        names.join("::")
    }

    /// The name by which both sides know a function.
    fn label(&self, side: Side, resource: &str, name: &str) -> String {
        let here = self.here();
        // A package of the host's side may be called so, too.
        let here = match side {
            Side::Import => &here,
            Side::Export => here.strip_prefix("exports").unwrap_or(&here),
        };
        let here = here.strip_prefix("::").unwrap_or(here);
        // A handle type has another name than its trait if one of them is taken.
        let resource = resource.trim_start_matches("Host").trim_end_matches('_');
        format!("{here}/{resource}.{name}")
    }

    /// Implements a trait: a mirror's host shows what it gets and answers
    /// anything.
    fn implement(&mut self, body: &[&str]) {
        let head = body[0].trim().trim_start_matches("pub trait ");
        let name: &str = head.split(['<', ':']).next().unwrap_or_default();
        let generic = head.strip_prefix(&format!("{name}<"));
        let generic = generic.and_then(|rest| rest.split(':').next());
        let resource = generic.map_or("", |_| name);
        let mut text = match generic {
            Some(_) => format!("impl {name}<crate::kit::Mirror> for crate::kit::Thing {{\n"),
            None => format!("impl {name} for crate::kit::Mirror {{\n"),
        };
        for line in body {
            let Some(associated) = line.trim().strip_prefix("type ") else {
                continue;
            };
            let associated = associated.split(':').next().unwrap_or_default();
            text += &format!("type {associated} = crate::kit::Thing;\n");
        }
        for signature in signatures(body, "fn ") {
            let whole = match generic {
                Some(generic) => concrete(&signature.text, generic),
                None => signature.text.clone(),
            };
            let label = self.label(Side::Import, resource, &signature.name);
            text += &format!("{whole} {{\ncrate::kit::enter({label:?});\n");
            for (name, _) in &signature.params {
                match &**name {
                    "&mut self" if generic.is_none() => {}
                    "&mut self" => text += "crate::kit::arg(&*self);\n",
                    "host" if generic.is_some() => {}
                    name => text += &format!("crate::kit::arg(&{name});\n"),
                }
            }
            text += "crate::kit::answer()\n}\n";
        }
        text += "}\n";
        self.bindings += &text;
    }

    /// Takes down the functions of an `impl` block.
    fn exports(&mut self, body: &[&str]) {
        let head = body[0].trim();
        let root = self.path.is_empty();
        let guest = head.ends_with("Guest<'_, A> {") || head.contains(" Guest<'_, ");
        let ty = head.trim_start_matches("impl ").trim_end_matches(" {");
        for signature in signatures(body, "pub fn ") {
            let Signature { name, params, .. } = &signature;
            let here = format!("crate::{}::{}", self.module, self.here());
            let mut call = Call {
                label: self.label(Side::Export, if root || guest { "" } else { ty }, name),
                callee: String::new(),
                this: None,
                arguments: params.len() - 1,
                makes: None,
            };
            if root {
                call.callee = format!("app.{name}(");
            } else if guest {
                let accessor = self.accessors.get(&self.here());
                let accessor = accessor.map_or("no_accessor", |name| name);
                call.callee = format!("app.{accessor}().{name}(");
            } else {
                let ty = format!("{here}::{ty}");
                call.callee = format!("{ty}::{name}(app, ");
                if params[0].0 == "&self" {
                    call.arguments -= 1;
                    call.callee = format!("{ty}::{name}(this, app, ");
                    call.this = Some(ty);
                }
            }
            call.makes = self.made(&signature, ty);
            self.calls.push(call);
        }
    }

    /// The guest resource that a function makes out of nothing but values, if
    /// none before it makes that, and whether it may fail.
    fn made(&self, signature: &Signature, this: &str) -> Option<(String, bool)> {
        let result = signature.result.strip_prefix("crate::kit::Result<")?;
        let (made, fallible) = match result.strip_prefix("Result<") {
            Some(result) => (result.split_once(',')?.0, true),
            None => (result.strip_suffix('>')?, false),
        };
        let made = if made == "Self" { this } else { made };
        let path = format!("crate::{}::{}::{made}", self.module, self.here());
        let known = self.calls.iter().filter_map(|call| call.makes.as_ref());
        let mut takes = signature
            .params
            .iter()
            .filter(|(name, ty)| name == "&self" || ty.contains(made));
        let first = !known.into_iter().any(|(known, _)| *known == path);
        let wanted = first && takes.next().is_none() && self.resources.contains(&path);
        wanted.then_some((path, fallible))
    }

    fn finish(self) -> Driver {
        let Self {
            module,
            bindings,
            world,
            calls,
            ..
        } = self;
        let world = format!("crate::{module}::{world}<crate::kit::Mirror>");
        let mut text = format!("pub type App = {world};\n");
        let (mut all, mut makers) = (String::new(), String::new());
        for (index, call) in calls.iter().enumerate() {
            let Call {
                label,
                callee,
                this,
                arguments,
                makes,
            } = call;
            let head = "app: &mut App) -> crate::kit::Result<()> {\n";
            let mut body = String::new();
            if let Some(this) = this {
                body += &format!(
                    "let this: &'static {this} = crate::kit::seed();\ncrate::kit::sent(this);\n"
                );
            }
            let names: Vec<String> = (0..*arguments).map(|i| format!("a{i}")).collect();
            for name in &names {
                body += &format!("let {name} = crate::kit::seed();\ncrate::kit::sent(&{name});\n");
            }
            body += &format!(
                "let back = {callee}{})?;\ncrate::kit::back(&back);\n",
                names.join(", ")
            );
            let end = "Ok(())\n}\n";
            text += &format!("fn call_{index}({head}{body}{end}");
            all += &format!("({label:?}, call_{index}),\n");
            if let Some((ty, fallible)) = makes {
                let keep = match fallible {
                    true => "if let Ok(back) = back { crate::kit::keep(back); }\n",
                    false => "crate::kit::keep(back);\n",
                };
                text += &format!(
                    "fn make_{index}({head}if crate::kit::is_ready::<{ty}>() {{ return Ok(()); }}\n\
                     {body}{keep}{end}"
                );
                makers += &format!("({label:?}, make_{index}),\n");
            }
        }
        let list = "&[(&str, crate::kit::Call<App>)]";
        text += &format!("pub const CALLS: {list} = &[\n{all}];\n");
        text += &format!("pub const MAKERS: {list} = &[\n{makers}];\n");
        Driver {
            bindings,
            calls: text,
            functions: calls.len(),
        }
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The signatures in a block that begin with `start`.
fn signatures(body: &[&str], start: &str) -> Vec<Signature> {
    let mut found = Vec::new();
    let mut lines = body.iter().map(|line| line.trim());
    while let Some(line) = lines.next() {
        if !line.starts_with(start) {
            continue;
        }
        let mut text = line.to_owned();
        while !text.ends_with([';', '{']) {
            let Some(line) = lines.next() else { break };
            text.push(' ');
            text.push_str(line);
        }
        let text = text.trim_end_matches([';', '{']).trim().to_owned();
        found.push(parse(text, start));
    }
    found
}

fn parse(text: String, start: &str) -> Signature {
    let rest = &text[start.len()..];
    let (name, rest) = rest.split_once('(').unwrap_or((rest, ")"));
    let (mut depth, mut from, mut end) = (0, 0, rest.len());
    let mut params = Vec::new();
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '[' | '<' => depth += 1,
            ')' if depth == 0 => {
                params.push(&rest[from..at]);
                end = at + 1;
                break;
            }
            ')' | ']' | '>' => depth -= 1,
            ',' if depth == 0 => {
                params.push(&rest[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    let param = |param: &str| {
        let (name, ty) = param.split_once(": ").unwrap_or((param, ""));
        (name.to_owned(), ty.to_owned())
    };
    let params = params.iter().map(|text| text.trim());
    let params = params.filter(|text| !text.is_empty()).map(param).collect();
    let result = rest[end..].trim().trim_start_matches("-> ").to_owned();
    let name = name.to_owned();
    Signature {
        text,
        name,
        params,
        result,
    }
}

/// A signature of a resource's trait for the mirror's host.
fn concrete(text: &str, generic: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    // A path through a trait: `<H as path::Host>::Conn`.
    let qualified = format!("<{generic} as ");
    while let Some(at) = rest.find(&qualified) {
        out.push_str(&rest[..at]);
        let after = &rest[at + qualified.len()..];
        let after = after.split_once(">::").map_or("", |(_, after)| after);
        let end = after.find(|c: char| !is_word(c)).unwrap_or(after.len());
        out.push_str("crate::kit::Thing");
        rest = &after[end..];
    }
    out.push_str(rest);
    let (mut result, mut rest) = (String::new(), &*out);
    while let Some(at) = rest.find(generic) {
        let (before, from) = rest.split_at(at);
        result.push_str(before);
        let after = &from[generic.len()..];
        let whole =
            !result.ends_with(|c: char| is_word(c) || c == ':') && !after.starts_with(is_word);
        rest = after;
        if !whole {
            result.push_str(generic);
        } else if let Some(name) = after.strip_prefix("::") {
            let end = name.find(|c: char| !is_word(c)).unwrap_or(name.len());
            result.push_str("crate::kit::Thing");
            rest = &name[end..];
        } else {
            result.push_str("crate::kit::Mirror");
        }
    }
    result + rest
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
