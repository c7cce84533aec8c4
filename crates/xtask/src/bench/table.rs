//! Samples becoming medians, and medians becoming ratios, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::measure::Figure;

/// One figure of one implementation in one round.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) contender: String,
    pub(super) round: u32,
    pub(super) figure: Figure,
}

/// Everything that was measured, in order.
#[derive(Debug)]
pub(super) struct Table {
    subject: Subject,
    samples: Vec<Sample>,
}

/// What is measured, as far as a table is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    /// The document's schema.
    pub(super) schema: &'static str,
    /// Whom others are compared with.
    pub(super) bases: &'static [&'static str],
    /// Which tests are compared.
    pub(super) is_compared: fn(&str) -> bool,
}

struct Row<'t> {
    contender: &'t str,
    test: &'t str,
    unit: &'static str,
    by_round: BTreeMap<u32, f64>,
}

impl Table {
    pub(super) const fn new(subject: Subject) -> Self {
        Self { subject, samples: Vec::new() }
    }

    pub(super) fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// One row per test and implementation, in the order of their first samples.
    fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        for Sample { contender, round, figure } in &self.samples {
            let known = rows.iter_mut().find(|row| row.contender == contender && row.test == figure.test);
            match known {
                Some(row) => {
                    row.by_round.insert(*round, figure.value);
                }
                None => rows.push(Row {
                    contender,
                    test: &figure.test,
                    unit: figure.unit,
                    by_round: BTreeMap::from([(*round, figure.value)]),
                }),
            }
        }
        rows
    }

    /// The document of `--json`.
    pub(super) fn json(&self) -> String {
        let rows = self.rows();
        let figures: Vec<_> = rows
            .iter()
            .map(|row| {
                let (median, min, max) = spread(row.by_round.values());
                json!({
                    "impl": row.contender, "test": row.test, "unit": row.unit,
                    "median": median, "min": min, "max": max, "rounds": row.by_round.len(),
                })
            })
            .collect();
        let ratios: Vec<_> = self
            .ratios(&rows)
            .into_iter()
            .map(|(test, contender, base, median)| json!({"test": test, "impl": contender, "to": base, "median": median}))
            .collect();
        json!({"schema": self.subject.schema, "rows": figures, "ratios": ratios}).to_string()
    }

    /// A table in Markdown.
    pub(super) fn text(&self) -> String {
        let rows = self.rows();
        let ratios = self.ratios(&rows);
        let bases = self.subject.bases;
        let mut text = String::from("| test | implementation | rounds | median | min | max | unit |");
        for base in bases {
            // Writing to a string cannot fail.
            let _ = write!(text, " to {base} |");
        }
        let _ = writeln!(text, "\n|{}", "---|".repeat(7 + bases.len()));
        let mut tests: Vec<&str> = Vec::new();
        for row in &rows {
            if !tests.contains(&row.test) {
                tests.push(row.test);
            }
        }
        for row in tests.iter().flat_map(|test| rows.iter().filter(move |row| row.test == *test)) {
            let (median, min, max) = spread(row.by_round.values());
            let _ = write!(
                text,
                "| {} | {} | {} | {median:.3} | {min:.3} | {max:.3} | {} |",
                row.test,
                row.contender,
                row.by_round.len(),
                row.unit
            );
            for base in bases {
                let ratio = ratios.iter().find(|(test, contender, to, _)| {
                    *test == row.test && *contender == row.contender && to == base
                });
                let ratio = ratio.map_or_else(String::new, |(.., ratio)| format!("{ratio:.2}"));
                let _ = write!(text, " {ratio} |");
            }
            text.push('\n');
        }
        text
    }

    /// The median over rounds of the quotient within each round: what disturbs a round disturbs both.
    fn ratios<'t>(&self, rows: &[Row<'t>]) -> Vec<(&'t str, &'t str, &'t str, f64)> {
        let Subject { bases, is_compared, .. } = self.subject;
        let mut ratios = Vec::new();
        for row in rows.iter().filter(|row| is_compared(row.test)) {
            for base in rows.iter().filter(|base| base.test == row.test && bases.contains(&base.contender)) {
                let quotients: Vec<f64> = row
                    .by_round
                    .iter()
                    .filter_map(|(round, value)| {
                        Some(value / base.by_round.get(round).filter(|to| **to > 0.0)?)
                    })
                    .collect();
                if !quotients.is_empty() && row.contender != base.contender {
                    ratios.push((row.test, row.contender, base.contender, spread(quotients.iter()).0));
                }
            }
        }
        ratios
    }
}

/// Median, least, most.
fn spread<'v>(values: impl Iterator<Item = &'v f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.copied().collect();
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    let count = values.len();
    let median = if count.is_multiple_of(2) && count > 0 {
        f64::midpoint(at(count / 2 - 1), at(count / 2))
    } else {
        at(count / 2)
    };
    (median, at(0), at(count.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject =
        Subject { schema: "hanare.bench.x/1", bases: &["boringtun-cli", "ceiling"], is_compared: |_| true };

    fn table(subject: Subject) -> Table {
        let mut table = Table::new(subject);
        for (contender, round, value) in [
            ("boringtun-cli", 0, 1.0),
            ("a", 0, 4.0),
            ("boringtun-cli", 1, 2.0),
            ("a", 1, 6.0),
            ("a", 2, 9.0),
        ] {
            let figure = Figure { test: "tcp1".into(), unit: "Gb/s", value };
            table.add(Sample { contender: contender.into(), round, figure });
        }
        table
    }

    #[test]
    fn a_ratio_is_taken_within_rounds_that_both_finished() {
        let document: serde_json::Value = serde_json::from_str(&table(SUBJECT).json()).unwrap();
        assert_eq!(document["schema"], "hanare.bench.x/1");
        assert_eq!(document["ratios"][0]["median"], 3.5);
        assert_eq!(document["rows"][1]["median"], 6.0);
        assert_eq!(document["rows"][1]["rounds"], 3);
    }

    #[test]
    fn the_table_has_a_line_for_each_implementation() {
        let text = table(SUBJECT).text();
        assert_eq!(text.lines().count(), 4);
        assert!(
            text.contains(
                "| unit | to boringtun-cli | to ceiling |\n|---|---|---|---|---|---|---|---|---|\n"
            )
        );
        assert!(text.contains("| tcp1 | a | 3 | 6.000 | 4.000 | 9.000 | Gb/s | 3.50 |  |"));
    }

    #[test]
    fn what_says_nothing_when_divided_has_no_ratio() {
        let table = table(Subject { is_compared: |test| test != "tcp1", ..SUBJECT });
        let document: serde_json::Value = serde_json::from_str(&table.json()).unwrap();
        assert_eq!(document["ratios"], json!([]));
    }
}
