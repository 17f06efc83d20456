//! The plan as text, for people and snapshots: `linkspan explain` prints it.
//! Nothing parses it again.

use std::fmt;

use linkspan_canon_abi::PointerSize;

use super::{
    ComponentItem, CoreInstance, CoreItem, CoreSet, FuncItem, FuncSource, FuncTypeId, Import,
    ImportKind, Item, Items, LiftId, ModuleRef, ModuleSlot, OptionsId, OwnerId, Plan, ReasonId,
    ResourceDef, Step, Stub, TypeItem, ValueSource,
};

/// How deeply exported instances are printed.
const NESTING_MAX: usize = 16;

/// How many items are printed before the text ends with `…`: a small binary
/// can make an instance that names itself over and over.
const ITEMS_MAX: usize = 10_000;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "plan: {} steps, {} core modules, {} component instances",
            self.steps.len(),
            self.modules.len(),
            self.owners.len()
        )?;
        self.print_owners(f)?;
        if !self.imports.is_empty() {
            f.write_str("imports\n")?;
        }
        for (i, import) in self.imports.iter().enumerate() {
            write!(f, "  import {i} = {} ", import.path)?;
            self.print_import(f, import)?;
        }
        if !self.resources.is_empty() {
            f.write_str("resources\n")?;
        }
        for (i, resource) in self.resources.iter().enumerate() {
            let id = linkspan_canon_abi::ResourceTypeId(u32::try_from(i).unwrap_or(u32::MAX));
            write!(f, "  resource {i}")?;
            if let Some(name) = self.types.resource_name(id) {
                write!(f, " {name:?}")?;
            }
            match resource {
                ResourceDef::Import(import) => writeln!(f, " = import {}", import.0)?,
                ResourceDef::Defined(owner, rep) => {
                    writeln!(f, " of instance {}{}", owner.0, width(*rep))?;
                }
                ResourceDef::Outer => f.write_str(" of the outer component\n")?,
            }
        }
        if !self.values.is_empty() {
            f.write_str("values\n")?;
        }
        for (i, value) in self.values.iter().enumerate() {
            write!(f, "  value {i}: ")?;
            self.print_value_type(f, value.ty)?;
            match value.source {
                ValueSource::Import(import) => writeln!(f, " = import {}", import.0)?,
                ValueSource::Start => f.write_str("\n")?,
                ValueSource::Unknown => f.write_str(" of a component that is not provided\n")?,
            }
        }
        f.write_str("steps\n")?;
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "  {i:>3}  ")?;
            self.print_step(f, step)?;
        }
        f.write_str("exports\n")?;
        self.print_items(f, &self.root_exports, 1, &mut 0)
    }
}

impl Plan {
    fn print_owners(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.owners.len() < 2 {
            return Ok(());
        }
        f.write_str("component instances\n")?;
        for (i, owner) in self.owners.iter().enumerate() {
            write!(f, "  instance {i} = component {}", owner.component.1.0)?;
            if owner.component.0.0 != 0 {
                write!(f, " of binary {}", owner.component.0.0)?;
            }
            if let Some(parent) = owner.parent {
                write!(f, " in instance {}", parent.0)?;
            }
            f.write_str(if owner.uses_handles {
                "\n"
            } else {
                ", no handles\n"
            })?;
        }
        Ok(())
    }

    fn print_import(&self, f: &mut fmt::Formatter<'_>, import: &Import) -> fmt::Result {
        match &import.kind {
            ImportKind::Func(ty) => writeln!(f, "{}", self.func(*ty)),
            ImportKind::Resource(resource) => writeln!(f, "resource {}", resource.0),
            ImportKind::Module(ty) => writeln!(
                f,
                "core module of {} imports and {} exports",
                ty.imports.len(),
                ty.exports.len()
            ),
            ImportKind::Component => f.write_str("component\n"),
            ImportKind::Value(value) => writeln!(f, "value {}", value.0),
        }
    }

    fn print_step(&self, f: &mut fmt::Formatter<'_>, step: &Step) -> fmt::Result {
        match step {
            Step::Instantiate {
                slot,
                module,
                args,
                owner,
            } => {
                write!(f, "core instance {} = ", slot.0)?;
                self.print_module(f, *module)?;
                self.print_owner(f, *owner)?;
                for (name, from) in args {
                    write!(f, "         with {name:?} = ")?;
                    self.print_core_instance(f, *from)?;
                }
                Ok(())
            }
            Step::BindMemory { slot, export } => writeln!(
                f,
                "memory {} = core instance {} {:?}",
                slot.0, export.instance.0, export.name
            ),
            Step::BindFunc { slot, export } => writeln!(
                f,
                "func {} = core instance {} {:?}",
                slot.0, export.instance.0, export.name
            ),
            Step::DefineResource {
                resource,
                owner,
                dtor,
            } => {
                write!(f, "resource {}", resource.0)?;
                if let Some(dtor) = dtor {
                    write!(f, " with destructor func {}", dtor.0)?;
                }
                self.print_owner(f, *owner)
            }
            Step::Lift(id) => {
                write!(f, "lift {} = ", id.0)?;
                self.print_lift(f, *id)
            }
            Step::Stub { slot, stub, owner } => {
                write!(f, "func {} = ", slot.0)?;
                self.print_stub(f, *stub)?;
                self.print_owner(f, *owner)
            }
            Step::Start { func, args, result } => {
                if let Some(result) = result {
                    write!(f, "value {} = ", result.0)?;
                }
                f.write_str("start ")?;
                self.print_func(f, *func)?;
                for (i, arg) in args.iter().enumerate() {
                    write!(f, "{} value {}", if i == 0 { " with" } else { "," }, arg.0)?;
                }
                f.write_str("\n")
            }
            Step::Unsupported { what, .. } => writeln!(f, "stop: {what} not supported yet"),
        }
    }

    fn print_owner(&self, f: &mut fmt::Formatter<'_>, owner: OwnerId) -> fmt::Result {
        if self.owners.len() < 2 {
            return f.write_str("\n");
        }
        writeln!(f, " for instance {}", owner.0)
    }

    fn print_module(&self, f: &mut fmt::Formatter<'_>, slot: ModuleSlot) -> fmt::Result {
        match self.modules.get(slot.index()) {
            Some(ModuleRef::Embedded(source, id)) if source.0 == 0 => {
                write!(f, "core module {}", id.0)
            }
            Some(ModuleRef::Embedded(source, id)) => {
                write!(f, "core module {} of binary {}", id.0, source.0)
            }
            Some(ModuleRef::Import(import)) => write!(f, "import {}", import.0),
            Some(ModuleRef::Captured(_, import)) => {
                write!(f, "import {} of the outer component", import.0)
            }
            None => f.write_str("?"),
        }
    }

    fn print_core_instance(
        &self,
        f: &mut fmt::Formatter<'_>,
        instance: CoreInstance,
    ) -> fmt::Result {
        match instance {
            CoreInstance::Real(slot) => writeln!(f, "core instance {}", slot.0),
            CoreInstance::Set(set) => {
                f.write_str("{")?;
                let set = self.core_sets.get(set.index());
                for (i, (name, item)) in set.into_iter().flat_map(CoreSet::iter).enumerate() {
                    write!(f, "{} {name:?}: ", if i == 0 { "" } else { "," })?;
                    match item {
                        CoreItem::Export(e) => {
                            write!(f, "core instance {} {:?}", e.instance.0, e.name)?;
                        }
                        CoreItem::Func(slot) => write!(f, "func {}", slot.0)?,
                        CoreItem::Unsupported(what, _) => write!(f, "({what} not supported)")?,
                    }
                }
                f.write_str(" }\n")
            }
        }
    }

    fn print_lift(&self, f: &mut fmt::Formatter<'_>, id: LiftId) -> fmt::Result {
        let Some(lift) = self.lifts.get(id.index()) else {
            return f.write_str("?\n");
        };
        write!(f, "func {} as {}", lift.func.0, self.func(lift.ty))?;
        self.print_options(f, lift.options)?;
        self.print_owner(f, lift.owner)
    }

    fn print_stub(&self, f: &mut fmt::Formatter<'_>, stub: Stub) -> fmt::Result {
        match stub {
            Stub::LowerImport {
                import,
                ty,
                options,
            } => {
                write!(f, "lower import {}", import.0)?;
                if let Some(import) = self.imports.get(import.index()) {
                    write!(f, " {}", import.path)?;
                }
                write!(f, " {}", self.func(ty))?;
                self.print_options(f, options)
            }
            Stub::Adapter { lift, ty, options } => {
                write!(f, "lower lift {} {}", lift.0, self.func(ty))?;
                self.print_options(f, options)
            }
            Stub::ResourceNew(resource, _) => write!(f, "resource.new {}", resource.0),
            Stub::ResourceDrop(resource) => write!(f, "resource.drop {}", resource.0),
            Stub::ResourceRep(resource, _) => write!(f, "resource.rep {}", resource.0),
            Stub::ContextGet(slot, size) => write!(f, "context.get {slot}{}", width(size)),
            Stub::ContextSet(slot, size) => write!(f, "context.set {slot}{}", width(size)),
            Stub::BackpressureInc => f.write_str("backpressure.inc"),
            Stub::BackpressureDec => f.write_str("backpressure.dec"),
            Stub::Unbuilt(id) => match self.unbuilt.get(id.index()) {
                Some(unbuilt) => {
                    write!(f, "{} ({} not supported yet)", unbuilt.name, unbuilt.needs)
                }
                None => f.write_str("?"),
            },
        }
    }

    fn print_options(&self, f: &mut fmt::Formatter<'_>, id: OptionsId) -> fmt::Result {
        let Some(options) = self.options.get(id.index()) else {
            return Ok(());
        };
        if let Some(memory) = options.memory {
            write!(f, " (memory {})", memory.0)?;
        }
        if let Some(realloc) = options.realloc {
            write!(f, " (realloc func {})", realloc.0)?;
        }
        if let Some(post_return) = options.post_return {
            write!(f, " (post-return func {})", post_return.0)?;
        }
        if options.is_async {
            f.write_str(" async")?;
        }
        if let Some(callback) = options.callback {
            write!(f, " (callback func {})", callback.0)?;
        }
        match options.encoding {
            linkspan_canon_abi::Encoding::Utf8 => Ok(()),
            linkspan_canon_abi::Encoding::Utf16 => f.write_str(" utf16"),
            linkspan_canon_abi::Encoding::Latin1Utf16 => f.write_str(" latin1+utf16"),
        }
    }

    /// A function type as text, or why it cannot be called.
    pub(crate) fn func(&self, id: FuncTypeId) -> DisplayFunc<'_> {
        DisplayFunc { plan: self, id }
    }

    fn print_items(
        &self,
        f: &mut fmt::Formatter<'_>,
        items: &Items,
        level: usize,
        printed: &mut usize,
    ) -> fmt::Result {
        let indent = "  ".repeat(level);
        for (name, item) in items.iter() {
            *printed += 1;
            if *printed > ITEMS_MAX {
                return if *printed == ITEMS_MAX + 1 {
                    writeln!(f, "{indent}…")
                } else {
                    Ok(())
                };
            }
            write!(f, "{indent}{name:?} = ")?;
            self.print_item(f, item, level, printed)?;
        }
        Ok(())
    }

    fn print_func(&self, f: &mut fmt::Formatter<'_>, func: FuncItem) -> fmt::Result {
        match func.source {
            FuncSource::Import(import) => write!(f, "import {}", import.0),
            FuncSource::Lift(lift) => write!(f, "lift {}", lift.0),
            FuncSource::Unsupported(what, _) => write!(f, "({what} not supported yet)"),
        }
    }

    fn print_value_type(
        &self,
        f: &mut fmt::Formatter<'_>,
        ty: Result<linkspan_canon_abi::ValType, ReasonId>,
    ) -> fmt::Result {
        match ty {
            Ok(ty) => write!(f, "{}", self.types.display(ty)),
            Err(reason) => match self.reasons.get(reason.index()) {
                Some(what) => write!(f, "({what} not supported yet)"),
                None => f.write_str("?"),
            },
        }
    }

    fn print_item(
        &self,
        f: &mut fmt::Formatter<'_>,
        item: Item,
        level: usize,
        printed: &mut usize,
    ) -> fmt::Result {
        match item {
            Item::Func(func) => {
                self.print_func(f, func)?;
                match func.source {
                    FuncSource::Import(_) | FuncSource::Lift(_) => {
                        writeln!(f, " {}", self.func(func.ty))
                    }
                    FuncSource::Unsupported(..) => f.write_str("\n"),
                }
            }
            Item::Instance(id) => match self.instances.get(id.index()) {
                Some(items) if level < NESTING_MAX => {
                    f.write_str("instance\n")?;
                    self.print_items(f, items, level + 1, printed)
                }
                Some(_) | None => f.write_str("instance …\n"),
            },
            Item::Type(TypeItem::Value(ty)) => writeln!(f, "type {}", self.types.display(ty)),
            Item::Type(TypeItem::Unusable(reason)) => match self.reasons.get(reason.index()) {
                Some(what) => writeln!(f, "type ({what} not supported yet)"),
                None => f.write_str("type\n"),
            },
            Item::Type(TypeItem::Func(ty)) => writeln!(f, "type {}", self.func(ty)),
            Item::Type(TypeItem::Resource(resource)) => writeln!(f, "resource {}", resource.0),
            Item::Type(TypeItem::Instance(_)) => f.write_str("instance type\n"),
            Item::Type(TypeItem::Component(_)) => f.write_str("component type\n"),
            Item::Module(slot) => {
                self.print_module(f, slot)?;
                f.write_str("\n")
            }
            Item::Component(ComponentItem::Closure { component, .. }) => {
                writeln!(f, "component {}", component.0)
            }
            Item::Component(ComponentItem::Import(declared)) => {
                writeln!(f, "import {}", declared.import.0)
            }
            Item::Value(value) => writeln!(f, "value {}", value.0),
        }
    }
}

/// See [`Plan::func`].
pub(crate) struct DisplayFunc<'a> {
    plan: &'a Plan,
    id: FuncTypeId,
}

impl fmt::Display for DisplayFunc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.plan.func_types.get(self.id.index()) {
            Some(Ok(ty)) => write!(f, "{}", self.plan.types.display_func(ty)),
            Some(Err(reason)) => match self.plan.reasons.get(reason.index()) {
                Some(what) => write!(f, "({what} not supported yet)"),
                None => f.write_str("?"),
            },
            None => f.write_str("?"),
        }
    }
}

/// Says so of what is 64 bits wide.
fn width(size: PointerSize) -> &'static str {
    match size {
        PointerSize::P32 => "",
        PointerSize::P64 => " i64",
    }
}
