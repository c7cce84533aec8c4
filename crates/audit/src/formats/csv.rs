//! A report as a table for spreadsheets (RFC 4180, UTF-8 with a byte order mark, which Excel wants).

use crate::report::{Report, Said};

const HEADINGS: [&str; 10] = [
    "id",
    "view",
    "status",
    "title_ja",
    "title_en",
    "reason_ja",
    "reason_en",
    "fix_ja",
    "fix_en",
    "evidence",
];

/// The table.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut out = String::from("\u{feff}");
    row(&mut out, &HEADINGS.map(str::to_owned));
    for said in &report.results {
        row(&mut out, &fields(said));
    }
    for found in &report.contradictions {
        let (id, ja, en) = (found.id.clone(), found.text_ja.clone(), found.text.clone());
        let none = String::new;
        row(
            &mut out,
            &[id, none(), "contradiction".to_owned(), none(), none(), ja, en, none(), none(), none()],
        );
    }
    out
}

fn fields(said: &Said) -> [String; 10] {
    let evidence: Vec<String> =
        said.evidence.iter().map(|one| format!("{}: {} ({})", one.source, one.value, one.at)).collect();
    [
        said.id.clone(),
        said.view.to_string(),
        said.status.as_str().to_owned(),
        said.title.ja.clone(),
        said.title.en.clone(),
        said.reason_ja.clone(),
        said.reason.clone(),
        said.fix_ja.clone(),
        said.fix.clone(),
        evidence.join("; "),
    ]
}

fn row(out: &mut String, fields: &[String]) {
    let quoted: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
    out.push_str(&quoted.join(","));
    out.push_str("\r\n");
}

/// A field in quotation marks. What a spreadsheet would take for a formula begins with an apostrophe, which makes it text.
fn quoted(field: &str) -> String {
    let is_formula = field.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || field.starts_with(['\t', '\r', '\n']);
    let safe = if is_formula { "'" } else { "" };
    format!("\"{safe}{}\"", field.replace('"', "\"\""))
}
