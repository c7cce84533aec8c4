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
#[derive(Debug, Default)]
pub(super) struct Table {
    samples: Vec<Sample>,
}

/// Whom others are compared with.
const BASES: [&str; 2] = ["boringtun-cli", "ceiling"];

struct Row<'t> {
    contender: &'t str,
    test: &'t str,
    unit: &'static str,
    by_round: BTreeMap<u32, f64>,
}

impl Table {
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
        let ratios: Vec<_> = ratios(&rows)
            .into_iter()
            .map(|(test, contender, base, median)| json!({"test": test, "impl": contender, "to": base, "median": median}))
            .collect();
        json!({"schema": "hanare.bench.tunnel/1", "rows": figures, "ratios": ratios}).to_string()
    }

    /// A table in Markdown.
    pub(super) fn text(&self) -> String {
        let rows = self.rows();
        let ratios = ratios(&rows);
        let mut text = String::from(
            "| test | implementation | median | min | max | unit | to boringtun-cli | to ceiling |\n|---|---|---|---|---|---|---|---|\n",
        );
        let mut tests: Vec<&str> = Vec::new();
        for row in &rows {
            if !tests.contains(&row.test) {
                tests.push(row.test);
            }
        }
        for row in tests.iter().flat_map(|test| rows.iter().filter(move |row| row.test == *test)) {
            let (median, min, max) = spread(row.by_round.values());
            let to = |base: &str| {
                ratios
                    .iter()
                    .find(|(test, contender, to, _)| {
                        *test == row.test && *contender == row.contender && *to == base
                    })
                    .map_or_else(String::new, |(.., ratio)| format!("{ratio:.2}"))
            };
            let [boringtun, ceiling] = BASES.map(to);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {} | {} | {median:.3} | {min:.3} | {max:.3} | {} | {boringtun} | {ceiling} |",
                row.test, row.contender, row.unit
            );
        }
        text
    }
}

/// The median over rounds of the quotient within each round: what disturbs a round disturbs both.
fn ratios<'t>(rows: &[Row<'t>]) -> Vec<(&'t str, &'t str, &'t str, f64)> {
    let mut ratios = Vec::new();
    for row in rows {
        for base in rows.iter().filter(|base| base.test == row.test && BASES.contains(&base.contender)) {
            let quotients: Vec<f64> = row
                .by_round
                .iter()
                .filter_map(|(round, value)| Some(value / base.by_round.get(round).filter(|to| **to > 0.0)?))
                .collect();
            if !quotients.is_empty() && row.contender != base.contender {
                ratios.push((row.test, row.contender, base.contender, spread(quotients.iter()).0));
            }
        }
    }
    ratios
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

    fn table() -> Table {
        let mut table = Table::default();
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
        let document: serde_json::Value = serde_json::from_str(&table().json()).unwrap();
        assert_eq!(document["ratios"][0]["median"], 3.5);
        assert_eq!(document["rows"][1]["median"], 6.0);
        assert_eq!(document["rows"][1]["rounds"], 3);
    }

    #[test]
    fn the_table_has_a_line_for_each_implementation() {
        assert_eq!(table().text().lines().count(), 4);
        assert!(table().text().contains("| tcp1 | a | 6.000 | 4.000 | 9.000 | Gb/s | 3.50 |  |"));
    }
}
