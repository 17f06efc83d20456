//! Types and functions as text.
//!
//! Recursion follows types composed in place; their depth was limited when they were loaded.

use wit_parser::{
    Docs, Function, FunctionKind, Handle, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner,
};

use super::names::escaped;
use super::{Shape, Text};

/// The types of one `use`: where from, how gated, and the pairs of foreign and own label.
struct Use<'a> {
    path: String,
    like: &'a TypeDef,
    names: Vec<String>,
}

impl<'a> Text<'a> {
    /// Writes the `use`s among `types` and returns those that are to be declared.
    pub(super) fn uses(&mut self, owner: TypeOwner, types: &[TypeId]) -> Vec<TypeId> {
        let mut uses: Vec<Use<'a>> = Vec::new();
        let mut declared = Vec::new();
        for id in types {
            let ty = &self.resolve.types[*id];
            match self.used(owner, ty) {
                Some((path, name)) => match uses.last_mut() {
                    Some(last)
                        if last.path == path
                            && last.like.stability == ty.stability
                            && last.like.external_id == ty.external_id =>
                    {
                        last.names.push(name);
                    }
                    _ => uses.push(Use {
                        path,
                        like: ty,
                        names: vec![name],
                    }),
                },
                None => declared.push(*id),
            }
        }
        for used in &uses {
            self.item(|text| {
                text.gate(&used.like.stability, used.like.external_id.as_deref());
                let names = used.names.join(", ");
                text.line(&format!("use {}.{{{names}}};", used.path));
            });
        }
        if !uses.is_empty() {
            self.previous = Shape::Block;
        }
        declared
    }

    /// If `ty` is used from another interface: that interface, and `name` or `name as other`.
    fn used(&self, owner: TypeOwner, ty: &TypeDef) -> Option<(String, String)> {
        let TypeDefKind::Type(Type::Id(foreign)) = ty.kind else {
            return None;
        };
        let foreign = &self.resolve.types[foreign];
        let TypeOwner::Interface(from) = foreign.owner else {
            return None;
        };
        if foreign.owner == owner {
            return None;
        }
        let theirs = foreign.name.as_deref()?;
        let ours = ty.name.as_deref()?;
        let name = if ours == theirs {
            escaped(ours)
        } else {
            format!("{} as {}", escaped(theirs), escaped(ours))
        };
        Some((self.interface_path(from), name))
    }

    /// Declares a type; `functions` are those of a resource.
    pub(super) fn declaration(&mut self, id: TypeId, functions: &[&Function]) {
        let ty = &self.resolve.types[id];
        let resolve = self.resolve;
        let name = escaped(ty.name.as_deref().unwrap_or_default());
        self.docs(&ty.docs);
        self.gate(&ty.stability, ty.external_id.as_deref());
        match &ty.kind {
            TypeDefKind::Record(record) => {
                let field = |f: &'a wit_parser::Field| {
                    let ty = type_name(resolve, &f.ty);
                    (&f.docs, format!("{}: {ty}", escaped(&f.name)))
                };
                self.members(&format!("record {name}"), record.fields.iter().map(field));
            }
            TypeDefKind::Variant(variant) => {
                let case = |c: &'a wit_parser::Case| {
                    let label = escaped(&c.name);
                    let text = match &c.ty {
                        Some(ty) => format!("{label}({})", type_name(resolve, ty)),
                        None => label,
                    };
                    (&c.docs, text)
                };
                self.members(&format!("variant {name}"), variant.cases.iter().map(case));
            }
            TypeDefKind::Enum(cases) => {
                let cases = cases.cases.iter().map(|c| (&c.docs, escaped(&c.name)));
                self.members(&format!("enum {name}"), cases);
            }
            TypeDefKind::Flags(flags) => {
                let flags = flags.flags.iter().map(|f| (&f.docs, escaped(&f.name)));
                self.members(&format!("flags {name}"), flags);
            }
            TypeDefKind::Resource if functions.is_empty() => {
                self.line(&format!("resource {name};"));
            }
            TypeDefKind::Resource => self.block(&format!("resource {name}"), |text| {
                for f in functions {
                    text.item(|text| text.function("", f));
                }
            }),
            kind => {
                let kind = kind_text(resolve, kind);
                self.line(&format!("type {name} = {kind};"));
            }
        }
    }

    /// A block of fields, cases or flags.
    fn members<'d>(&mut self, head: &str, members: impl Iterator<Item = (&'d Docs, String)>) {
        self.block(head, |text| {
            for (docs, member) in members {
                text.docs(docs);
                text.line(&format!("{member},"));
            }
        });
    }

    /// A function with what stands before it; `direction` is `import `, `export ` or nothing.
    pub(super) fn function(&mut self, direction: &str, f: &Function) {
        self.docs(&f.docs);
        self.gate(&f.stability, f.external_id.as_deref());
        self.line(&format!("{direction}{};", function(self.resolve, f)));
    }
}

/// `name: func(…) -> …`, or what the function's kind asks for.
pub(crate) fn function(resolve: &Resolve, f: &Function) -> String {
    let (word, skipped) = match f.kind {
        FunctionKind::Constructor(_) => ("constructor", 0),
        FunctionKind::Freestanding => ("func", 0),
        FunctionKind::AsyncFreestanding => ("async func", 0),
        FunctionKind::Method(_) => ("func", 1),
        FunctionKind::AsyncMethod(_) => ("async func", 1),
        FunctionKind::Static(_) => ("static func", 0),
        FunctionKind::AsyncStatic(_) => ("static async func", 0),
        FunctionKind::Getter => ("get", 0),
        FunctionKind::Setter => ("set", 0),
        FunctionKind::MethodGetter(_) => ("get", 1),
        FunctionKind::MethodSetter(_) => ("set", 1),
        FunctionKind::StaticGetter(_) => ("static get", 0),
        FunctionKind::StaticSetter(_) => ("static set", 0),
    };
    let mut out = String::new();
    if word != "constructor" {
        let label = f.name.rsplit(['.', ']']).next().unwrap_or(&f.name);
        out.push_str(&escaped(label));
        out.push_str(": ");
    }
    let params = f.params.iter().skip(skipped);
    let params = params.map(|p| format!("{}: {}", escaped(&p.name), type_name(resolve, &p.ty)));
    out.push_str(word);
    out.push('(');
    out.push_str(&params.collect::<Vec<_>>().join(", "));
    out.push(')');
    if let Some(result) = f
        .result
        .as_ref()
        .filter(|_| !f.is_constructor_shorthand(resolve))
    {
        out.push_str(" -> ");
        out.push_str(&type_name(resolve, result));
    }
    out
}

/// A type as it stands in a signature.
pub(crate) fn type_name(resolve: &Resolve, ty: &Type) -> String {
    let word = match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Id(id) => {
            let def = &resolve.types[*id];
            return match (&def.name, &def.kind) {
                (Some(name), _) => escaped(name),
                // A resource by itself means owning it.
                (None, TypeDefKind::Handle(Handle::Own(id))) => type_name(resolve, &Type::Id(*id)),
                (None, kind) => kind_text(resolve, kind),
            };
        }
    };
    word.to_owned()
}

/// A composed type as it stands after `type … =`.
fn kind_text(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let name = |ty: &Type| type_name(resolve, ty);
    let list = |types: Vec<String>| types.join(", ");
    match kind {
        TypeDefKind::Type(ty) => name(ty),
        TypeDefKind::Tuple(t) => format!("tuple<{}>", list(t.types.iter().map(name).collect())),
        TypeDefKind::Option(ty) => format!("option<{}>", name(ty)),
        TypeDefKind::Result(r) => match (&r.ok, &r.err) {
            (None, None) => "result".to_owned(),
            (Some(ok), None) => format!("result<{}>", name(ok)),
            (None, Some(err)) => format!("result<_, {}>", name(err)),
            (Some(ok), Some(err)) => format!("result<{}, {}>", name(ok), name(err)),
        },
        TypeDefKind::List(ty) => format!("list<{}>", name(ty)),
        TypeDefKind::FixedLengthList(ty, length) => format!("list<{}, {length}>", name(ty)),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", name(key), name(value)),
        TypeDefKind::Future(None) => "future".to_owned(),
        TypeDefKind::Future(Some(ty)) => format!("future<{}>", name(ty)),
        TypeDefKind::Stream(None) => "stream".to_owned(),
        TypeDefKind::Stream(Some(ty)) => format!("stream<{}>", name(ty)),
        TypeDefKind::Handle(Handle::Own(id)) => format!("own<{}>", name(&Type::Id(*id))),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", name(&Type::Id(*id))),
        // These can only be declared, and a declaration has a name; what follows is for messages
        // about a binary that has them without one.
        TypeDefKind::Record(r) => {
            let fields = r.fields.iter();
            let field = |f: &wit_parser::Field| format!("{}: {}", escaped(&f.name), name(&f.ty));
            format!("record {{ {} }}", list(fields.map(field).collect()))
        }
        TypeDefKind::Variant(v) => {
            let case = |c: &wit_parser::Case| match &c.ty {
                Some(ty) => format!("{}({})", escaped(&c.name), name(ty)),
                None => escaped(&c.name),
            };
            format!("variant {{ {} }}", list(v.cases.iter().map(case).collect()))
        }
        TypeDefKind::Enum(e) => {
            let cases = e.cases.iter().map(|c| escaped(&c.name));
            format!("enum {{ {} }}", list(cases.collect()))
        }
        TypeDefKind::Flags(f) => {
            let flags = f.flags.iter().map(|f| escaped(&f.name));
            format!("flags {{ {} }}", list(flags.collect()))
        }
        TypeDefKind::Resource | TypeDefKind::Unknown => "resource".to_owned(),
    }
}
