//! Where the macro finds WIT, and which of its tokens an error of the WIT is about.

use std::path::{Path, PathBuf};

use linkspan_wit::bindgen::Generator;
use linkspan_wit::{Diagnostic, Error, ErrorKind, Label, Loader};
use proc_macro::Span;

use crate::cursor::Text;
use crate::error::{Place, SpannedError};
use crate::input::Input;
use crate::wit_tokens::WitTokens;

/// The sources of an input.
pub(crate) struct Sources<'a> {
    input: &'a Input,
    /// Paths that were given to the loader, and the literals that named them.
    paths: Vec<(PathBuf, Span)>,
    world: Option<&'a Text>,
}

impl<'a> Sources<'a> {
    /// Finds the sources, and the world if one is to be chosen.
    pub(crate) fn new(input: &'a Input) -> Result<(Self, Generator), SpannedError> {
        let root = manifest_folder()?;
        let mut this = Self {
            input,
            paths: Vec::new(),
            world: input.world.as_ref(),
        };
        for path in &input.paths {
            this.add(&root, &path.value, path.span)?;
        }
        if let Some(path) = &input.component {
            this.add(&root, &path.value, path.span)?;
            this.expect_component()?;
        }
        if input.inline.is_none() && input.wit.is_none() && this.paths.is_empty() {
            this.add_default(&root)?;
        }
        let mut loader = Loader::new().all_features(input.all_features);
        loader = loader.features(input.features.iter().map(|f| f.value.as_str()));
        for (path, _) in &this.paths {
            loader = loader.path(path);
        }
        if let Some(inline) = &input.inline {
            loader = loader.text(inline.name.as_str(), inline.text.as_str());
        }
        if let Some(wit) = &input.wit {
            loader = loader.text(wit.name.as_str(), wit.text.as_str());
        }
        let mut generator = Generator::new(loader).options(input.options.clone());
        if let Some(world) = this.world {
            generator = generator.world(world.value.as_str());
        }
        Ok((this, generator))
    }

    /// `wit/hello.wit` beats the folder: the short form names a world or a file.
    fn add_default(&mut self, root: &Path) -> Result<(), SpannedError> {
        let span = self.world.map_or_else(Span::call_site, |world| world.span);
        let file = self.world.map(|world| format!("wit/{}.wit", world.value));
        match file.filter(|file| root.join(file).is_file()) {
            Some(file) => {
                self.world = None;
                self.add(root, &file, span)
            }
            None => self.add(root, "wit", span),
        }
    }

    /// Adds `path` from `root`, if it is there.
    fn add(&mut self, root: &Path, path: &str, span: Span) -> Result<(), SpannedError> {
        let full = root.join(path);
        if !full.exists() {
            let message = format!("there is no file or folder `{}`", from_here(full).display());
            return Err(SpannedError::new(span, message));
        }
        self.paths.push((from_here(full), span));
        Ok(())
    }

    /// Checks that the path added last is no text: it would be taken as WIT.
    fn expect_component(&self) -> Result<(), SpannedError> {
        let Some((path, span)) = self.paths.last() else {
            return Ok(());
        };
        let is_text = std::fs::File::open(path).and_then(|mut file| {
            let mut magic = [0; 4];
            std::io::Read::read_exact(&mut file, &mut magic)?;
            Ok(&magic != b"\0asm")
        });
        if is_text.unwrap_or(true) {
            let message = format!(
                "`{}` is no component in binary form; WIT is given with `path`",
                path.display()
            );
            return Err(SpannedError::new(*span, message));
        }
        Ok(())
    }

    /// What `error` says, on the tokens it is about.
    pub(crate) fn blame(&self, error: &Error) -> SpannedError {
        let diagnostic = error.diagnostic();
        if let Some((option, key)) = error.option()
            && let Some(span) = self.input.option_place(option, key)
        {
            return SpannedError::new(span, message(diagnostic, false));
        }
        // An error in choosing the world stands on its name, any other on the sources.
        let selects = error.kind() == ErrorKind::Select;
        if let Some(world) = self.world.filter(|_| selects) {
            return SpannedError::new(world.span, message(diagnostic, false));
        }
        self.blame_diagnostic(diagnostic)
    }

    /// What `diagnostic` says, on the WIT's tokens or on what led to the WIT.
    pub(crate) fn blame_diagnostic(&self, diagnostic: &Diagnostic) -> SpannedError {
        let label = diagnostic.labels.first();
        let wit = self.input.wit.as_ref();
        if let Some(place) = label.and_then(|label| wit?.place(label)) {
            return SpannedError::new(place, message(diagnostic, true));
        }
        let place = label.and_then(|label| self.literal(label));
        let place = place.unwrap_or_else(|| self.any_source());
        SpannedError::new(place, message(diagnostic, false))
    }

    /// The literal that led to the source of a label.
    fn literal(&self, label: &Label) -> Option<Place> {
        let file = Path::new(&label.location.file);
        let named = self.paths.iter().find(|(path, _)| file.starts_with(path));
        let inline = self.input.inline.as_ref();
        let inline = inline.filter(|inline| label.location.file == inline.name);
        let span = named
            .map(|(_, span)| *span)
            .or(inline.map(|text| text.span));
        span.map(Place::from)
    }

    fn any_source(&self) -> Place {
        let Input { inline, wit, .. } = self.input;
        let inline = inline.as_ref().map(|text| text.span);
        let wit = wit.as_ref().map(WitTokens::first);
        let path = self.paths.first().map(|(_, span)| *span);
        let world = self.world.map(|world| world.span);
        let span = wit.or(inline).or(path).or(world);
        span.unwrap_or_else(Span::call_site).into()
    }
}

/// The text of an error; without the lines of WIT if the compiler shows them.
fn message(diagnostic: &Diagnostic, shown: bool) -> String {
    if !shown && !diagnostic.labels.is_empty() {
        let report = diagnostic.render();
        // The compiler says that it is an error.
        let report = report.strip_prefix("error: ").unwrap_or(&report);
        return report.trim_end().to_owned();
    }
    // Tokens are no file.
    let mut text = diagnostic
        .message
        .replace("the end of the file", "the end of the WIT");
    for label in diagnostic.labels.iter().skip(1) {
        let about = match label.message.as_str() {
            "" => "see also",
            message => message,
        };
        text += &format!("\nnote: {about}: {}", label.location);
    }
    for note in &diagnostic.notes {
        text += &format!("\nnote: {note}");
    }
    for help in &diagnostic.help {
        text += &format!("\nhelp: {help}");
    }
    text
}

/// The folder at which paths start.
pub(crate) fn manifest_folder() -> Result<PathBuf, SpannedError> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    folder.ok_or_else(|| {
        SpannedError::new(
            Span::call_site(),
            "paths start at the folder in `CARGO_MANIFEST_DIR`, which is not set: build with cargo",
        )
    })
}

/// `path` from the folder that the compiler runs in, from which it names files as well.
pub(crate) fn from_here(path: PathBuf) -> PathBuf {
    let Ok(here) = std::env::current_dir() else {
        return path;
    };
    match path.strip_prefix(here) {
        Ok(short) if !short.as_os_str().is_empty() => short.to_owned(),
        Ok(_) | Err(_) => path,
    }
}
