//! Tables: plain columns, as wide as they need to be, Japanese characters counted as two.

use comfy_table::{ContentArrangement, Table, presets};

use crate::voice::Voice;

/// Rows under headings from the catalogue; a line of its own if there are none.
pub(crate) fn rows(voice: &Voice, headings: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return voice.say("table-empty");
    }
    let mut table = plain();
    table.set_header(headings.iter().map(|id| voice.say(id)));
    table.add_rows(rows);
    drawn(table)
}

/// Labels from the catalogue with their values; empty values are left out.
pub(crate) fn fields(voice: &Voice, fields: Vec<(&str, String)>) -> String {
    let mut table = plain();
    for (label, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        table.add_row([voice.say(label), value]);
    }
    drawn(table)
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn drawn(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Values with commas between them.
pub(crate) fn list<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
