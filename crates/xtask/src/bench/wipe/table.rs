//! Figures becoming medians and ratios, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

/// Something measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure {
    pub(super) what: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
}

struct Row {
    contender: &'static str,
    test: String,
    unit: &'static str,
    values: Vec<f64>,
}

/// Everything that was measured.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

/// What is compared: figures in which less is better.
const COMPARED: [&str; 2] = ["time", "per-file"];

impl Table {
    pub(super) fn add(&mut self, contender: &'static str, test: &str, figure: Figure) {
        let test = format!("{test}/{}", figure.what);
        if let Some(row) = self.rows.iter_mut().find(|row| row.contender == contender && row.test == test) {
            row.values.push(figure.value);
        } else {
            self.rows.push(Row { contender, test, unit: figure.unit, values: vec![figure.value] });
        }
    }

    /// The document of `--json`.
    pub(super) fn json(&self) -> String {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let (median, min, max) = row.spread();
                json!({
                    "impl": row.contender, "test": row.test, "unit": row.unit,
                    "median": median, "min": min, "max": max, "rounds": row.values.len(),
                })
            })
            .collect();
        let ratios: Vec<Value> = self
            .ratios()
            .into_iter()
            .map(|((test, contender), median)| json!({"test": test, "impl": contender, "to": "hanare", "median": median}))
            .collect();
        json!({"schema": "hanare.bench.wipe/1", "rows": rows, "ratios": ratios}).to_string()
    }

    /// A table in Markdown.
    pub(super) fn text(&self) -> String {
        let ratios = self.ratios();
        let mut text = String::from(
            "| test | implementation | median | min | max | unit | times hanare |\n|---|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            let (median, min, max) = row.spread();
            let ratio = ratios
                .get(&(row.test.clone(), row.contender))
                .map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {} | {} | {median:.3} | {min:.3} | {max:.3} | {} | {ratio} |",
                row.test, row.contender, row.unit
            );
        }
        text
    }

    /// How many times as long the others take, by test and implementation.
    fn ratios(&self) -> BTreeMap<(String, &'static str), f64> {
        let mut ratios = BTreeMap::new();
        for row in &self.rows {
            let ours = self.rows.iter().find(|ours| ours.test == row.test && ours.contender == "hanare");
            let is_compared = COMPARED.iter().any(|what| row.test.ends_with(&format!("/{what}")));
            if let Some(ours) = ours.filter(|ours| is_compared && ours.contender != row.contender) {
                ratios.insert((row.test.clone(), row.contender), row.spread().0 / ours.spread().0);
            }
        }
        ratios
    }
}

impl Row {
    /// Median, least, most.
    fn spread(&self) -> (f64, f64, f64) {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        (at(values.len() / 2), at(0), at(values.len().saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_others_are_compared_by_time() {
        let mut table = Table::default();
        for (contender, value) in [("hanare", 2.0), ("shred", 400.0)] {
            table.add(contender, "small", Figure { what: "time", value, unit: "s" });
            table.add(contender, "small", Figure { what: "remnants", value, unit: "canaries" });
        }
        let document: Value = serde_json::from_str(&table.json()).unwrap();
        assert_eq!(
            document["ratios"],
            json!([{"test": "small/time", "impl": "shred", "to": "hanare", "median": 200.0}])
        );
        assert_eq!(table.text().lines().count(), 6);
    }
}
