//! Reports: a table for people, JSON for programs. Neither leaves a row out.

use std::fmt::Write;

use crate::row::{Outcome, Row, geometric_mean};

/// What the numbers of a report are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A whole run, printed in milliseconds.
    Run,
    /// One operation of a run, printed in nanoseconds.
    Operation,
}

impl Unit {
    fn show(self, nanoseconds: f64) -> String {
        match self {
            Self::Run => format!("{:.2} ms", nanoseconds / 1e6),
            Self::Operation => format!("{nanoseconds:.1} ns"),
        }
    }
}

/// The peer that the bars of [`Bars`](crate::row::Bars) are about.
const MEASURE: &str = "wasmtime";

/// Which columns stand beside the times: they are left out where no row fills them.
#[derive(Clone, Copy)]
struct Columns {
    /// The peer behind whose ratio the bars stand.
    bars_of: Option<usize>,
    /// Whether rows are compared with a copy of their bytes.
    copy: bool,
}

impl Columns {
    fn new(engines: &[String], rows: &[Row]) -> Self {
        let barred = rows.iter().any(|row| row.job.bars.peer.is_some());
        Self {
            bars_of: peer(engines).filter(|_| barred),
            copy: rows.iter().any(|row| row.copy_nanoseconds().is_some()),
        }
    }
}

/// The engine that the bars are about, if it runs.
fn peer(engines: &[String]) -> Option<usize> {
    engines.iter().position(|engine| engine == MEASURE)
}

/// The rows that need more than they may, with what they need and what they may.
pub(crate) fn missed(engines: &[String], rows: &[Row]) -> Vec<String> {
    let mut missed = Vec::new();
    for row in rows {
        let bars = row.job.bars;
        let ratio = peer(engines).and_then(|index| row.ratio(index));
        for (what, ratio, bar) in [
            (MEASURE, ratio, bars.peer),
            ("a copy", row.copy_ratio(), bars.copy),
        ] {
            if let (Some(ratio), Some(bar)) = (ratio, bar)
                && ratio > bar
            {
                let name = row.job.name;
                missed.push(format!("{name}: {ratio:.3} of {what}, at most {bar}"));
            }
        }
    }
    missed
}

/// The rows as a table: a time for each engine, and for each peer the ratio of the
/// first engine's time to it. An exclamation mark stands at a bar that is missed.
pub(crate) fn table(engines: &[String], rows: &[Row], unit: Unit) -> String {
    let columns = Columns::new(engines, rows);
    let mut lines = vec![heading(engines, columns)];
    lines.extend(
        rows.iter()
            .map(|row| cells(row, engines.len(), columns, unit)),
    );
    lines.push(means(engines.len(), columns, rows));
    let mut text = align(&lines);
    for row in rows {
        for (engine, outcome) in engines.iter().zip(&row.outcomes) {
            if let Outcome::Failed(why) = outcome {
                let _infallible = writeln!(text, "{engine} failed in {}: {why}", row.job.name);
            }
        }
    }
    text
}

fn heading(engines: &[String], columns: Columns) -> Vec<String> {
    let mut cells = vec![String::new()];
    for (index, engine) in engines.iter().enumerate() {
        cells.push(engine.clone());
        if index > 0 {
            cells.push("ratio".to_owned());
        }
        if columns.bars_of == Some(index) {
            cells.push("bar".to_owned());
        }
    }
    if columns.copy {
        cells.extend(["copy", "ratio", "bar"].map(str::to_owned));
    }
    cells
}

fn cells(row: &Row, count: usize, columns: Columns, unit: Unit) -> Vec<String> {
    let mut cells = vec![row.job.name.to_owned()];
    for index in 0..count {
        cells.push(match row.nanoseconds(index) {
            Some(time) => unit.show(time),
            None if row.outcomes.get(index) == Some(&Outcome::Unsupported) => "-".to_owned(),
            None => "failed".to_owned(),
        });
        let ratio = row.ratio(index);
        if index > 0 {
            cells.push(show_ratio(ratio));
        }
        if columns.bars_of == Some(index) {
            cells.push(show_bar(ratio, row.job.bars.peer));
        }
    }
    if columns.copy {
        let time = row.copy_nanoseconds();
        cells.push(time.map_or_else(String::new, |time| unit.show(time)));
        let ratio = row.copy_ratio();
        cells.push(ratio.map_or_else(String::new, |ratio| show_ratio(Some(ratio))));
        cells.push(show_bar(ratio, row.job.bars.copy));
    }
    cells
}

fn show_ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"))
}

fn show_bar(ratio: Option<f64>, bar: Option<f64>) -> String {
    match (ratio, bar) {
        (_, None) => String::new(),
        (Some(ratio), Some(bar)) if ratio > bar => format!("! {bar}"),
        (_, Some(bar)) => bar.to_string(),
    }
}

fn means(count: usize, columns: Columns, rows: &[Row]) -> Vec<String> {
    let mut cells = vec!["geometric mean".to_owned(), String::new()];
    for index in 1..count {
        cells.push(String::new());
        cells.push(match geometric_mean(rows, index) {
            Some((mean, _)) => format!("{mean:.3}"),
            None => "-".to_owned(),
        });
        if columns.bars_of == Some(index) {
            cells.push(String::new());
        }
    }
    cells
}

/// What programs noted beside their whole time: when they were compiled, and when
/// they first wrote something.
pub(crate) fn first_outputs(engines: &[String], rows: &[Row]) -> String {
    let mut heading = vec!["compiled, first output".to_owned()];
    heading.extend_from_slice(engines);
    let mut lines = vec![heading];
    for row in rows {
        let mut cells = vec![row.job.name.to_owned()];
        for index in 0..engines.len() {
            let note = |key| {
                let note = *row.best(index)?.notes.get(key)?;
                Some(Unit::Run.show(note as f64))
            };
            let show = |key| note(key).unwrap_or_else(|| "-".to_owned());
            cells.push(format!("{}, {}", show("compile"), show("first-output")));
        }
        lines.push(cells);
    }
    align(&lines)
}

/// The first column to the left, the others to the right.
pub(crate) fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(column))
            .map(String::len)
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            if column == 0 {
                row.push_str(&format!("{cell:<width$}"));
            } else {
                row.push_str(&format!("  {cell:>width$}"));
            }
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// The rows as JSON: times in nanoseconds for a run, `null` where there is none.
pub(crate) fn json(mode: &str, engines: &[String], rows: &[Row]) -> String {
    let names = join(engines.iter().map(|engine| quote(engine)));
    let rows_text = join(rows.iter().map(|row| json_row(engines, row)));
    let means = join(engines.iter().enumerate().skip(1).map(|(index, engine)| {
        let mean = geometric_mean(rows, index);
        let (value, count) = mean.map_or(("null".to_owned(), 0), |(mean, count)| {
            (mean.to_string(), count)
        });
        format!("{}:{{\"ratio\":{value},\"rows\":{count}}}", quote(engine))
    }));
    format!(
        "{{\"mode\":{},\"engines\":[{names}],\"rows\":[{rows_text}],\"geometric_mean\":{{{means}}}}}\n",
        quote(mode)
    )
}

fn json_row(engines: &[String], row: &Row) -> String {
    let each = |value: &dyn Fn(usize) -> Option<String>| {
        join(engines.iter().enumerate().map(|(index, engine)| {
            format!(
                "{}:{}",
                quote(engine),
                value(index).unwrap_or_else(|| "null".to_owned())
            )
        }))
    };
    let times = each(&|index| match row.outcomes.get(index)? {
        Outcome::Time(time) => Some(time.to_string()),
        Outcome::Unsupported | Outcome::Failed(_) => None,
    });
    let notes = each(&|index| {
        let notes = &row.best(index)?.notes;
        let fields = notes.iter().map(|(key, x)| format!("{}:{x}", quote(key)));
        Some(format!("{{{}}}", join(fields)))
    });
    let errors = each(&|index| match row.outcomes.get(index)? {
        Outcome::Failed(why) => Some(quote(why)),
        Outcome::Time(_) | Outcome::Unsupported => None,
    });
    let number = |value: Option<f64>| value.map_or("null".to_owned(), |x| x.to_string());
    let copy = format!(
        "{{\"nanoseconds\":{},\"bar\":{}}}",
        number(row.copy_nanoseconds()),
        number(row.job.bars.copy)
    );
    let bar = number(row.job.bars.peer);
    let ratios = each(&|index| row.ratio(index).map(|ratio| ratio.to_string()));
    format!(
        "{{\"name\":{},\"n\":{},\"operations\":{},\"nanoseconds\":{{{times}}},\"ratio\":{{{ratios}}},\"bar\":{bar},\"copy\":{copy},\"notes\":{{{notes}}},\"errors\":{{{errors}}}}}",
        quote(row.job.name),
        row.job.n,
        row.job.operations
    )
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Bars, Job};
    use bench_protocol::Case;
    use std::path::PathBuf;

    fn rows() -> Vec<Row> {
        let job = |name| Job {
            name,
            case: Case::Kernel,
            guest: PathBuf::new(),
            n: 3,
            operations: 1,
            checksum: None,
            bars: Bars::NONE,
        };
        vec![
            Row {
                job: job("fib"),
                outcomes: vec![Outcome::Time(1_500_000), Outcome::Time(3_000_000)],
                runs: Vec::new(),
            },
            Row {
                job: job("lists"),
                outcomes: vec![Outcome::Failed("a \"b\"".to_owned()), Outcome::Unsupported],
                runs: Vec::new(),
            },
        ]
    }

    fn engines() -> Vec<String> {
        vec!["ours".to_owned(), "peer".to_owned()]
    }

    #[test]
    fn a_table_has_every_row_and_the_mean() {
        let expected = concat!(
            "                   ours     peer  ratio\n",
            "fib             1.50 ms  3.00 ms  0.500\n",
            "lists            failed        -      -\n",
            "geometric mean                    0.500\n",
            "ours failed in lists: a \"b\"\n",
        );
        assert_eq!(table(&engines(), &rows(), Unit::Run), expected);
    }

    #[test]
    fn json_keeps_what_failed() {
        let text = json("kernels", &engines(), &rows());
        assert!(text.contains(r#"{"name":"fib","n":3,"operations":1,"nanoseconds":{"ours":1500000,"peer":3000000},"ratio":{"ours":1,"peer":0.5},"bar":null,"copy":{"nanoseconds":null,"bar":null},"notes":{"ours":null,"peer":null},"errors":{"ours":null,"peer":null}}"#));
        assert!(text.contains(r#""nanoseconds":{"ours":null,"peer":null}"#));
        assert!(text.contains(r#""errors":{"ours":"a \"b\"","peer":null}"#));
        assert!(text.ends_with("\"geometric_mean\":{\"peer\":{\"ratio\":0.5,\"rows\":1}}}\n"));
    }
    #[test]
    fn missed_bars_are_marked_and_listed() {
        let engines = vec!["ours".to_owned(), "wasmtime".to_owned()];
        let mut rows = rows();
        rows.truncate(1);
        rows[0].job.bars = Bars {
            peer: Some(0.25),
            copy: None,
        };
        let expected = concat!(
            "                   ours  wasmtime  ratio     bar\n",
            "fib             1.50 ms   3.00 ms  0.500  ! 0.25\n",
            "geometric mean                     0.500\n",
        );
        assert_eq!(table(&engines, &rows, Unit::Run), expected);
        assert_eq!(
            missed(&engines, &rows),
            ["fib: 0.500 of wasmtime, at most 0.25"]
        );
        rows[0].job.bars.peer = Some(0.5);
        assert!(missed(&engines, &rows).is_empty());
    }
}
