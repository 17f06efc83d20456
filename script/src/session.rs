//! Goes through a script directive by directive and keeps the account.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::{self, Scope, ScopedJoinHandle};

use linkspan::Val;
use linkspan_engine::{Engine, Error, ErrorKind};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Span;
use wast::{
    QuoteWat, QuoteWatTest, Wast, WastDirective, WastExecute, WastInvoke, WastRet, WastThread, Wat,
};

use crate::component::Components;
use crate::core::Modules;
use crate::message;
use crate::options::{Options, Reach};
use crate::report::{Failure, Report};
use crate::watchdog::Watchdog;

/// Stack of the threads that a script starts: host and guest calls nest, and
/// unoptimised frames are large.
const STACK_BYTES: usize = 16 << 20;

/// Runs the script in the file at `path`.
///
/// # Errors
///
/// When the file cannot be read or the engine refuses the options. What goes
/// wrong inside the script is in the report.
pub fn run_file(path: &Path, options: &Options) -> Result<Report, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => run(&text, options),
        Err(error) => {
            let message = format!("failed to read {}: {error}", path.display());
            Err(Error::new(ErrorKind::Io, message))
        }
    }
}

/// Runs the script `text`.
///
/// # Errors
///
/// When the engine refuses the options. What goes wrong inside the script is in
/// the report; a script that cannot be parsed has one failure.
pub fn run(text: &str, options: &Options) -> Result<Report, Error> {
    let engine = Engine::new(&options.config())?;
    let parsed = tokens(text).and_then(|buffer| {
        let script: Wast<'_> = parser::parse(&buffer)?;
        Ok(thread::scope(|scope| {
            let mut session = Session::new(text, options, &engine, scope)?;
            session.run(script.directives);
            Ok(session.end())
        }))
    });
    parsed.unwrap_or_else(|error: wast::Error| {
        let (title, expected) = ("script".to_owned(), "a script that can be parsed");
        let mut report = Report::default();
        let failure = failure(text, error.span(), title, expected, error.message());
        report.failures.push(failure);
        Ok(report)
    })
}

/// The tokens of a script. The suites test names with every character there
/// is.
fn tokens(text: &str) -> Result<ParseBuffer<'_>, wast::Error> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    ParseBuffer::new_with_lexer(lexer)
}

/// The modules and components that the script `text` defines, each with its
/// line, in binary form: material for whoever wants many of them.
///
/// # Errors
///
/// When the script cannot be parsed.
pub fn binaries(text: &str) -> Result<Vec<(u32, Vec<u8>)>, String> {
    let buffer = tokens(text).map_err(|error| error.message())?;
    let script: Wast<'_> = parser::parse(&buffer).map_err(|error| error.message())?;
    let mut binaries = Vec::new();
    for directive in script.directives {
        let (line, _) = directive.span().linecol_in(text);
        if let WastDirective::Module(mut wat) | WastDirective::ModuleDefinition(mut wat) = directive
        {
            binaries.push((
                u32::try_from(line + 1).unwrap_or(u32::MAX),
                encode(&mut wat)?,
            ));
        }
    }
    Ok(binaries)
}

/// What a directive without a name is about.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Module,
    Component,
}

/// What happened instead of what a directive expects.
pub(crate) struct Mismatch {
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Mismatch {
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Mismatch {
        Mismatch {
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// Of a guest's call or of an instantiation: what it answered, as text.
pub(crate) type Outcome<T> = Result<T, String>;

/// One thread of a script: the main one, or one that a directive started.
struct Session<'scope, 'env, 'a> {
    text: &'a str,
    options: &'a Options,
    watchdog: Watchdog,
    engine: &'a Engine,
    modules: Modules,
    components: Components,
    latest: Kind,
    report: Report,
    scope: &'scope Scope<'scope, 'env>,
    /// Threads that nobody has waited for, by name, and where each began.
    threads: BTreeMap<String, (Span, ScopedJoinHandle<'scope, Report>)>,
}

impl<'scope, 'a: 'scope> Session<'scope, '_, 'a> {
    fn new<'env>(
        text: &'a str,
        options: &'a Options,
        engine: &'a Engine,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Result<Session<'scope, 'env, 'a>, Error> {
        Ok(Session {
            text,
            options,
            watchdog: Watchdog::new(options.directive_time_max),
            engine,
            modules: Modules::new(engine)?,
            components: Components::new(engine),
            latest: Kind::Module,
            report: Report::default(),
            scope,
            threads: BTreeMap::new(),
        })
    }

    fn run(&mut self, directives: Vec<WastDirective<'a>>) {
        for directive in directives {
            let (span, title, kind) = (directive.span(), title(&directive), word(&directive));
            if self.is_left_out(&directive) || self.is_beyond_reach(&directive) {
                continue;
            }
            *self.report.judged.entry(kind).or_default() += 1;
            let outcome = catch_unwind(AssertUnwindSafe(|| self.directive(directive)));
            let outcome = outcome.unwrap_or_else(|panic| {
                let found = format!("a panic: {}", panic_text(panic.as_ref()));
                Err(Mismatch::new("an answer", found))
            });
            match outcome {
                Ok(()) => self.report.passed += 1,
                Err(Mismatch { expected, found }) => self.fail(span, title, &expected, found),
            }
        }
    }

    /// Waits for the threads that the script did not wait for.
    fn end(mut self) -> Report {
        while let Some((name, (span, thread))) = self.threads.pop_first() {
            if let Err(Mismatch { expected, found }) = self.join(thread) {
                self.fail(span, format!("thread ${name}"), &expected, found);
            }
        }
        self.report
    }

    fn fail(&mut self, span: Span, directive: String, expected: &str, found: String) {
        let failure = failure(self.text, span, directive, expected, found);
        self.report.failures.push(failure);
    }

    /// Whether only another line's assertions are wanted.
    fn is_left_out(&self, directive: &WastDirective<'_>) -> bool {
        let (line, _) = directive.span().linecol_in(self.text);
        let here = u32::try_from(line + 1).ok();
        let wanted = self.options.only_line.is_none_or(|only| here == Some(only));
        !wanted && title(directive).starts_with("assert_")
    }

    /// Whether a directive asks for more of components than is wanted.
    fn is_beyond_reach(&self, directive: &WastDirective<'_>) -> bool {
        let instances = match self.options.reach {
            Reach::All | Reach::Called => return false,
            Reach::Instances => false,
            Reach::Definitions => true,
        };
        match directive {
            WastDirective::Module(_)
            | WastDirective::ModuleDefinition(_)
            | WastDirective::AssertMalformed { .. }
            | WastDirective::AssertMalformedCustom { .. }
            | WastDirective::AssertInvalid { .. }
            | WastDirective::AssertInvalidCustom { .. } => false,
            WastDirective::ModuleInstance { .. }
            | WastDirective::Register { .. }
            | WastDirective::AssertUnlinkable { .. }
            | WastDirective::Thread(_)
            | WastDirective::Wait { .. } => instances,
            WastDirective::Invoke(_)
            | WastDirective::AssertExhaustion { .. }
            | WastDirective::AssertTrap { .. }
            | WastDirective::AssertReturn { .. }
            | WastDirective::AssertException { .. }
            | WastDirective::AssertSuspension { .. } => true,
        }
    }

    fn directive(&mut self, directive: WastDirective<'a>) -> Result<(), Mismatch> {
        match directive {
            WastDirective::Module(wat) => self.module(wat),
            WastDirective::ModuleDefinition(wat) => self.definition(wat),
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                let (instance, module) = (instance.map(|id| id.name()), module.map(|id| id.name()));
                self.instance(instance, module)
            }
            WastDirective::AssertMalformed {
                span,
                module,
                message,
            }
            | WastDirective::AssertMalformedCustom {
                span,
                module,
                message,
            }
            | WastDirective::AssertInvalid {
                span,
                module,
                message,
            }
            | WastDirective::AssertInvalidCustom {
                span,
                module,
                message,
            } => self.assert_refused(span, module, message),
            WastDirective::Register { name, module, .. } => {
                let registered = self.modules.register(name, module.map(|id| id.name()));
                registered.map_err(|found| Mismatch::new("an instance to register", found))
            }
            WastDirective::Invoke(invoke) => self
                .invoke_any(invoke)
                .map_err(|found| Mismatch::new("a return", found)),
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => self.assert_trap(exec, message),
            WastDirective::AssertExhaustion { call, message, .. } => {
                self.assert_trap(WastExecute::Invoke(call), message)
            }
            WastDirective::AssertUnlinkable {
                module, message, ..
            } => self.assert_unlinkable(module, message),
            WastDirective::AssertException { exec, .. } => {
                let outcome = self.execute_any(exec);
                match &outcome {
                    Err(found) if message::is_exception(found) => Ok(()),
                    Ok(()) | Err(_) => Err(Mismatch::new("an exception", ended(outcome))),
                }
            }
            WastDirective::AssertSuspension { exec, message, .. } => {
                self.assert_trap(exec, message)
            }
            WastDirective::Thread(thread) => self.thread(thread),
            WastDirective::Wait { thread, .. } => match self.threads.remove(thread.name()) {
                Some((_, running)) => self.join(running),
                None => Err(Mismatch::new("a thread to wait for", "none of this name")),
            },
        }
    }

    /// Starts a thread of the system with a store of its own. Of the instance
    /// that it shares with this one it knows the shared memories alone.
    fn thread(&mut self, thread: WastThread<'a>) -> Result<(), Mismatch> {
        let fail = |found| Mismatch::new("a thread", found);
        let (text, options, engine, scope) = (self.text, self.options, self.engine, self.scope);
        let mut session =
            Session::new(text, options, engine, scope).map_err(|error| fail(error.to_string()))?;
        if let Some(id) = thread.shared_module {
            let shared = self.modules.share(id.name()).map_err(fail)?;
            let adopted = session.modules.adopt(id.name(), &shared);
            adopted.map_err(fail)?;
        }
        let directives = thread.directives;
        let running = thread::Builder::new()
            .name(thread.name.name().to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, move || {
                session.run(directives);
                session.end()
            });
        let running = running.map_err(|error| fail(error.to_string()))?;
        let name = thread.name.name().to_owned();
        match self.threads.insert(name, (thread.span, running)) {
            None => Ok(()),
            Some((_, earlier)) => self.join(earlier),
        }
    }

    /// Waits for a thread and adds its account to this one.
    fn join(&mut self, thread: ScopedJoinHandle<'scope, Report>) -> Result<(), Mismatch> {
        let report = thread.join().map_err(|panic| {
            let found = format!("a panic: {}", panic_text(panic.as_ref()));
            Mismatch::new("the end of a thread", found)
        })?;
        self.report.passed += report.passed;
        self.report.failures.extend(report.failures);
        self.report.differing_texts.extend(report.differing_texts);
        for (kind, count) in report.judged {
            *self.report.judged.entry(kind).or_default() += count;
        }
        Ok(())
    }

    /// Defines and instantiates a module or component.
    fn module(&mut self, mut wat: QuoteWat<'_>) -> Result<(), Mismatch> {
        let (kind, name) = (kind_of(&wat), wat.name().map(|id| id.name().to_owned()));
        let fail = |found| Mismatch::new("a module that is accepted", found);
        let bytes = encode(&mut wat).map_err(fail)?;
        self.latest = kind;
        let reach = self.options.reach;
        let Session {
            watchdog,
            engine,
            modules,
            components,
            ..
        } = self;
        let done = match kind {
            Kind::Module => modules
                .define(engine, name.as_deref(), &bytes)
                .and_then(|()| modules.instantiate(watchdog, name.as_deref(), name.as_deref())),
            Kind::Component => {
                components
                    .define(name.as_deref(), &bytes)
                    .and_then(|()| match reach {
                        Reach::All | Reach::Instances => {
                            components.instantiate(watchdog, name.as_deref(), name.as_deref())
                        }
                        Reach::Called | Reach::Definitions => {
                            if let Some(name) = &name {
                                components.release(name);
                            }
                            Ok(())
                        }
                    })
            }
        };
        done.map_err(fail)
    }

    fn definition(&mut self, mut wat: QuoteWat<'_>) -> Result<(), Mismatch> {
        let (kind, name) = (kind_of(&wat), wat.name().map(|id| id.name().to_owned()));
        let fail = |found| Mismatch::new("a definition that is accepted", found);
        let bytes = encode(&mut wat).map_err(fail)?;
        self.latest = kind;
        let done = match kind {
            Kind::Module => self.modules.define(self.engine, name.as_deref(), &bytes),
            Kind::Component => self.components.define(name.as_deref(), &bytes),
        };
        done.map_err(fail)
    }

    /// Instantiates an earlier definition; whether it is a module or a
    /// component, its name tells, or the latest definition.
    fn instance(&mut self, name: Option<&str>, definition: Option<&str>) -> Result<(), Mismatch> {
        if let Some(definition) = definition {
            self.latest = if self.components.defines(definition) {
                Kind::Component
            } else {
                Kind::Module
            };
        }
        let done = match self.latest {
            Kind::Module => self.modules.instantiate(&self.watchdog, name, definition),
            Kind::Component => self
                .components
                .instantiate(&self.watchdog, name, definition),
        };
        done.map_err(|found| Mismatch::new("an instance", found))
    }

    fn assert_refused(
        &mut self,
        span: Span,
        mut wat: QuoteWat<'_>,
        text: &str,
    ) -> Result<(), Mismatch> {
        let kind = kind_of(&wat);
        let refusal = match encode(&mut wat) {
            Err(refusal) => refusal,
            Ok(bytes) => {
                let validated = match kind {
                    Kind::Module => Modules::validate(self.engine, &bytes),
                    Kind::Component => self.components.validate(&bytes),
                };
                match validated {
                    Err(refusal) => refusal,
                    Ok(()) => {
                        return Err(Mismatch::new(format!("the refusal {text:?}"), "acceptance"));
                    }
                }
            }
        };
        if !message::is_refusal(text, &refusal) {
            let title = "refusal".to_owned();
            let difference = failure(self.text, span, title, &format!("{text:?}"), refusal);
            self.report.differing_texts.push(difference);
        }
        Ok(())
    }

    fn assert_unlinkable(&mut self, mut wat: Wat<'_>, text: &str) -> Result<(), Mismatch> {
        let expected = || format!("the link error {text:?}");
        let bytes = wat
            .encode()
            .map_err(|error| Mismatch::new(expected(), error.message()))?;
        // What is invalid was never linked.
        let validated = match &wat {
            Wat::Module(_) => Modules::validate(self.engine, &bytes),
            Wat::Component(_) => self.components.validate(&bytes),
        };
        validated.map_err(|refusal| Mismatch::new(expected(), refusal))?;
        let outcome = match &wat {
            Wat::Module(_) => self.modules.try_out(self.engine, &self.watchdog, &bytes),
            Wat::Component(_) => self.components.try_out(&self.watchdog, &bytes),
        };
        match outcome {
            Ok(()) => Err(Mismatch::new(expected(), "an instance")),
            // Which of several mismatches is told first is not standardised.
            Err(_) => Ok(()),
        }
    }

    fn assert_trap(&mut self, exec: WastExecute<'_>, text: &str) -> Result<(), Mismatch> {
        let outcome = self.execute_any(exec);
        match &outcome {
            Err(found) if message::is_trap(text, found) => Ok(()),
            Ok(()) | Err(_) => Err(Mismatch::new(format!("the trap {text:?}"), ended(outcome))),
        }
    }

    fn assert_return(
        &mut self,
        exec: WastExecute<'_>,
        expected: &[WastRet<'_>],
    ) -> Result<(), Mismatch> {
        let fail = |found| Mismatch::new("a return", found);
        let core = match exec {
            WastExecute::Invoke(invoke) if self.is_component(&invoke) => {
                let found = self.invoke_component(&invoke).map_err(fail)?;
                return self.components.compare(&invoke, expected, found.as_ref());
            }
            WastExecute::Invoke(invoke) => self.modules.invoke(&self.watchdog, &invoke),
            WastExecute::Get { module, global, .. } => self
                .modules
                .global(module.map(|id| id.name()), global)
                .map(|value| vec![value]),
            WastExecute::Wat(wat) => self.try_out(wat).map(|()| Vec::new()),
        };
        Modules::compare(expected, &core.map_err(fail)?)
    }

    fn execute_any(&mut self, exec: WastExecute<'_>) -> Outcome<()> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke_any(invoke),
            WastExecute::Wat(wat) => self.try_out(wat),
            WastExecute::Get { module, global, .. } => self
                .modules
                .global(module.map(|id| id.name()), global)
                .map(drop),
        }
    }

    fn invoke_any(&mut self, invoke: WastInvoke<'_>) -> Outcome<()> {
        if self.is_component(&invoke) {
            self.invoke_component(&invoke).map(drop)
        } else {
            self.modules.invoke(&self.watchdog, &invoke).map(drop)
        }
    }

    fn invoke_component(&mut self, invoke: &WastInvoke<'_>) -> Outcome<Option<Val>> {
        if self.options.reach == Reach::Called {
            let name = invoke.module.map(|id| id.name());
            self.components.ensure(&self.watchdog, name)?;
        }
        self.components.invoke(&self.watchdog, invoke)
    }

    /// Instantiates a module or component that no later directive can name.
    fn try_out(&mut self, mut wat: Wat<'_>) -> Outcome<()> {
        let bytes = wat.encode().map_err(|error| error.message())?;
        match &wat {
            Wat::Module(_) => self.modules.try_out(self.engine, &self.watchdog, &bytes),
            Wat::Component(_) => self.components.try_out(&self.watchdog, &bytes),
        }
    }

    fn is_component(&self, invoke: &WastInvoke<'_>) -> bool {
        match (invoke.module, self.latest) {
            (Some(id), _) => {
                let name = id.name();
                self.components.instantiates(name)
                    || (self.options.reach == Reach::Called && self.components.defines(name))
            }
            (None, Kind::Component) => true,
            (None, Kind::Module) => false,
        }
    }
}

fn failure(text: &str, span: Span, directive: String, expected: &str, found: String) -> Failure {
    let (line, column) = span.linecol_in(text);
    let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    Failure {
        line: number(line),
        column: number(column),
        directive,
        expected: expected.to_owned(),
        found,
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        panic
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("without a text")
    }
}

fn ended(outcome: Outcome<()>) -> String {
    match outcome {
        Ok(()) => "a return".to_owned(),
        Err(text) => text,
    }
}

fn kind_of(wat: &QuoteWat<'_>) -> Kind {
    match wat {
        QuoteWat::Wat(Wat::Module(_)) | QuoteWat::QuoteModule(..) => Kind::Module,
        QuoteWat::Wat(Wat::Component(_)) | QuoteWat::QuoteComponent(..) => Kind::Component,
    }
}

/// The bytes of a module; quoted text is parsed as leniently as the script.
fn encode(wat: &mut QuoteWat<'_>) -> Outcome<Vec<u8>> {
    let text = match wat.to_test().map_err(|error| error.message())? {
        QuoteWatTest::Binary(bytes) => return Ok(bytes),
        QuoteWatTest::Text(text) => text,
    };
    let text = String::from_utf8(text).map_err(|_| "malformed UTF-8 encoding".to_owned())?;
    let bytes = tokens(&text).and_then(|buffer| parser::parse::<Wat<'_>>(&buffer)?.encode());
    bytes.map_err(|error| error.message())
}

/// The word for what a directive does.
fn word(directive: &WastDirective<'_>) -> &'static str {
    match directive {
        WastDirective::Module(wat) => match kind_of(wat) {
            Kind::Module => "module",
            Kind::Component => "component",
        },
        WastDirective::ModuleDefinition(wat) => match kind_of(wat) {
            Kind::Module => "module definition",
            Kind::Component => "component definition",
        },
        WastDirective::ModuleInstance { .. } => "instance",
        WastDirective::AssertMalformed { .. } => "assert_malformed",
        WastDirective::AssertMalformedCustom { .. } => "assert_malformed_custom",
        WastDirective::AssertInvalid { .. } => "assert_invalid",
        WastDirective::AssertInvalidCustom { .. } => "assert_invalid_custom",
        WastDirective::Register { .. } => "register",
        WastDirective::Invoke(_) => "invoke",
        WastDirective::AssertTrap { .. } => "assert_trap",
        WastDirective::AssertReturn { .. } => "assert_return",
        WastDirective::AssertExhaustion { .. } => "assert_exhaustion",
        WastDirective::AssertUnlinkable { .. } => "assert_unlinkable",
        WastDirective::AssertException { .. } => "assert_exception",
        WastDirective::AssertSuspension { .. } => "assert_suspension",
        WastDirective::Thread(_) => "thread",
        WastDirective::Wait { .. } => "wait",
    }
}

/// Names a directive and what it is about.
fn title(directive: &WastDirective<'_>) -> String {
    let word = word(directive);
    let of = |exec: &WastExecute<'_>| match exec {
        WastExecute::Invoke(invoke) => format!("{word} {:?}", invoke.name),
        WastExecute::Get { global, .. } => format!("{word} {global:?}"),
        WastExecute::Wat(_) => format!("{word} of a module"),
    };
    match directive {
        WastDirective::Register { name, .. } => format!("{word} {name:?}"),
        WastDirective::Invoke(invoke) => format!("{word} {:?}", invoke.name),
        WastDirective::AssertTrap { exec, .. }
        | WastDirective::AssertReturn { exec, .. }
        | WastDirective::AssertException { exec, .. }
        | WastDirective::AssertSuspension { exec, .. } => of(exec),
        WastDirective::AssertExhaustion { call, .. } => format!("{word} {:?}", call.name),
        WastDirective::Thread(thread) => format!("{word} ${}", thread.name.name()),
        WastDirective::Wait { thread, .. } => format!("{word} ${}", thread.name()),
        WastDirective::Module(_)
        | WastDirective::ModuleDefinition(_)
        | WastDirective::ModuleInstance { .. }
        | WastDirective::AssertMalformed { .. }
        | WastDirective::AssertMalformedCustom { .. }
        | WastDirective::AssertInvalid { .. }
        | WastDirective::AssertInvalidCustom { .. }
        | WastDirective::AssertUnlinkable { .. } => word.to_owned(),
    }
}
