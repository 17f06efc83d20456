//! The driver of one world: Rust text around its bindings.
//!
//! The bindings are read as text, line by line, because they are formatted as
//! rustfmt would: the names in them are those that the generator gave, which a
//! second look at the WIT could only guess. After each trait stands its
//! implementation for the mirror's host; a list of functions calls each export.

use std::collections::{BTreeMap, BTreeSet};

/// Calls that keep handles of one resource ready.
const MAKERS: usize = 2;

/// Bindings with an implementation of each trait, and a list of calls.
pub(super) struct Driver {
    /// The module of the bindings.
    pub(super) bindings: String,
    /// The module of the calls.
    pub(super) calls: String,
    /// How many functions are called.
    pub(super) functions: usize,
}

/// The driver for the bindings `code`, which stand in the module `module`; all
/// exports are optional or none.
pub(super) fn driver(module: &str, code: &str, optional: bool) -> Driver {
    let code = code.replace("::linkspan::", "crate::kit::");
    let mut weaver = Weaver {
        module: module.to_owned(),
        optional,
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
    /// Whether a guest may lack what it exports.
    optional: bool,
    bindings: String,
    /// The modules around the line at hand, with their indentation.
    path: Vec<(usize, String)>,
    /// The type of the world.
    world: String,
    /// The calls that lead to exported interfaces, by path.
    accessors: BTreeMap<String, String>,
    /// The handle types of guest resources, by path.
    resources: BTreeSet<String>,
    /// Other names of types, and what they stand for, by path.
    aliases: BTreeMap<String, String>,
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
    /// Whether the answer is that of a function which may be missing.
    optional: bool,
    /// The paths of the types that it takes, and of those that it answers; some
    /// of them are none.
    takes: Vec<String>,
    gives: Vec<String>,
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
            let call = format!("{name}(){}", unwrap(self.optional));
            self.accessors.insert(path.to_owned(), call);
        }
        let handle = text.strip_suffix("(crate::kit::GuestResource);");
        if let Some(name) = handle.and_then(|text| text.strip_prefix("pub struct ")) {
            self.resources.insert(self.path_of(name));
        }
        let alias = text
            .strip_prefix("pub type ")
            .and_then(|t| t.strip_suffix(';'));
        if let Some((name, target)) = alias.and_then(|alias| alias.split_once(" = ")) {
            self.aliases
                .insert(self.path_of(name), self.path_of(target));
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

    /// The path of what a module calls so.
    fn path_of(&self, name: &str) -> String {
        let supers = name.matches("super::").count();
        let mut path = format!("crate::{}", self.module);
        for (_, module) in &self.path[..self.path.len().saturating_sub(supers)] {
            path += "::";
            path += module;
        }
        format!("{path}::{}", name.trim_start_matches("super::"))
    }

    /// The paths of all names in the text of a type.
    fn paths_in(&self, ty: &str, this: &str) -> Vec<String> {
        let words = ty.split(|c: char| !is_word(c) && c != ':');
        let words = words.map(|word| if word == "Self" { this } else { word });
        words.map(|word| self.path_of(word)).collect()
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
            let answer = match &*signature.result {
                result if result.starts_with("crate::kit::Result<") => "trapping",
                result if result.contains("crate::kit::HostError<") => "failing",
                _ => "answer",
            };
            text += &format!("{whole} {{\ncrate::kit::enter({label:?});\n");
            for (name, ty) in &signature.params {
                match &**name {
                    "&mut self" if generic.is_none() => {}
                    "&mut self" => text += "crate::kit::arg(&*self);\n",
                    "host" if generic.is_some() => {}
                    "store" if ty.starts_with("crate::kit::StoreContextMut<") => {}
                    name => text += &format!("crate::kit::arg(&{name});\n"),
                }
            }
            text += &format!("crate::kit::{answer}()\n}}\n");
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
            let Signature {
                name,
                params,
                result,
                ..
            } = &signature;
            let here = format!("crate::{}::{}", self.module, self.here());
            let mut call = Call {
                label: self.label(Side::Export, if root || guest { "" } else { ty }, name),
                callee: String::new(),
                this: None,
                arguments: params.len() - 1,
                // Functions of an interface are missing with it.
                optional: root && self.optional,
                takes: Vec::new(),
                gives: self.paths_in(result, ty),
            };
            if root {
                call.callee = format!("app.{name}(");
            } else if guest {
                let accessor = self.accessors.get(&self.here());
                let accessor = accessor.map_or("no_accessor()", |name| name);
                call.callee = format!("app.{accessor}.{name}(");
            } else {
                let ty = format!("{here}::{ty}");
                call.callee = format!("{ty}::{name}(app, ");
                if params[0].0 == "&self" {
                    call.arguments -= 1;
                    call.callee = format!("{ty}::{name}(this, app, ");
                    call.this = Some(ty);
                }
            }
            for (name, param) in params {
                let this = if name == "&self" { "Self" } else { "" };
                call.takes
                    .extend(self.paths_in(&format!("{param} {this}"), ty));
            }
            self.calls.push(call);
        }
    }

    /// The guest resource behind a path.
    fn resource(&self, path: &String) -> Option<&String> {
        let mut path = self
            .resources
            .get(path)
            .or_else(|| self.aliases.get(path))?;
        while let Some(target) = self.aliases.get(path) {
            path = target;
        }
        self.resources.get(path)
    }

    /// For some calls the guest resources that are kept when they come out of it:
    /// a few calls for each, which need no other resource if there are such.
    fn makers(&self) -> BTreeMap<usize, Vec<&String>> {
        let mut calls: Vec<(bool, usize, BTreeSet<&String>)> = Vec::new();
        for (index, call) in self.calls.iter().enumerate() {
            let all = |paths: &'_ [String]| -> BTreeSet<&String> {
                paths
                    .iter()
                    .filter_map(|path| self.resource(path))
                    .collect()
            };
            let (taken, given) = (all(&call.takes), all(&call.gives));
            let made = given.difference(&taken).copied().collect();
            calls.push((!taken.is_empty(), index, made));
        }
        calls.sort();
        let mut known: BTreeMap<&String, (usize, bool)> = BTreeMap::new();
        let mut makers: BTreeMap<usize, Vec<&String>> = BTreeMap::new();
        for (takes, index, made) in calls {
            for path in made {
                let (count, others) = known.entry(path).or_insert((0, takes));
                if *count < MAKERS && *others == takes {
                    *count += 1;
                    makers.entry(index).or_default().push(path);
                }
            }
        }
        makers
    }

    fn finish(self) -> Driver {
        let Self { module, world, .. } = &self;
        let mut text = format!("pub type App = crate::{module}::{world}<crate::kit::Mirror>;\n");
        let (mut all, mut makers) = (String::new(), String::new());
        let made = self.makers();
        for (index, call) in self.calls.iter().enumerate() {
            let Call {
                label,
                callee,
                this,
                arguments,
                optional,
                ..
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
                "let back = {callee}{})?{};\ncrate::kit::back(&back);\n",
                names.join(", "),
                unwrap(*optional)
            );
            let end = "Ok(())\n}\n";
            text += &format!("fn call_{index}({head}{body}{end}");
            all += &format!("({label:?}, call_{index}),\n");
            let Some(made) = made.get(&index) else {
                continue;
            };
            let ready = made
                .iter()
                .map(|path| format!("crate::kit::is_ready::<{path}>()"));
            let ready = ready.collect::<Vec<_>>().join(" && ");
            text += &format!(
                "fn make_{index}({head}if {ready} {{ return Ok(()); }}\n\
                 {body}crate::kit::Seed::keep(back);\n{end}"
            );
            makers += &format!("({label:?}, make_{index}),\n");
        }
        let list = "&[(&str, crate::kit::Call<App>)]";
        text += &format!("pub const CALLS: {list} = &[\n{all}];\n");
        text += &format!("pub const MAKERS: {list} = &[\n{makers}];\n");
        Driver {
            bindings: self.bindings,
            calls: text,
            functions: self.calls.len(),
        }
    }
}

/// What takes a value that is there out of its option.
fn unwrap(optional: bool) -> &'static str {
    if optional { ".unwrap()" } else { "" }
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
