//! A report as one page for people: both languages, no script, nothing fetched; for a phone, a desk and A4.

use std::fmt::Write as _;

use hanare_audit::formats::escaped;
use hanare_audit::{BothTexts, Grade, Report, Said, Status};
use hanare_facts::Origin;
use hanare_ledger::Hash;

use super::super::words::{self, Voices};

const STYLE: &str = include_str!("report.css");
/// How many blockers page one shows; the rest are among the items.
const BLOCKERS: usize = 12;
/// The width of the chart in its own units.
const CHART: usize = 1000;

/// Texts in the page's two languages.
struct Page {
    voices: Voices,
}

/// The page. `bytes` are the signed JSON's, whose hash it names.
pub(super) fn page(report: &Report, bytes: &[u8]) -> String {
    let page = Page { voices: Voices::new() };
    let title = page.voices.say("audit-report-title");
    let mut out = String::from("<!DOCTYPE html>\n<html lang=\"ja\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    let _infallible = writeln!(out, "<title>{} / {}</title>", escaped(&title.ja), escaped(&title.en));
    let _infallible = writeln!(out, "<style>\n{STYLE}</style>\n</head>\n<body>");
    out.push_str(&page.switch());
    out.push_str("<main>\n");
    out.push_str(&page.first(report, &title));
    out.push_str(&page.contradictions(report));
    for status in Status::ALL {
        out.push_str(&page.section(report, status));
    }
    out.push_str(&page.basis(report, bytes));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

impl Page {
    /// A message of the catalogue in both languages, as text.
    fn say(&self, id: &str) -> String {
        both(&self.voices.say(id))
    }

    /// The choice of language: a choice of style, so that no script is needed.
    fn switch(&self) -> String {
        let legend = self.say("audit-report-language");
        format!(
            "<input type=\"radio\" name=\"language\" id=\"show-ja\" checked>\
             <label for=\"show-ja\" lang=\"ja\" class=\"always\">日本語</label>\n\
             <input type=\"radio\" name=\"language\" id=\"show-en\">\
             <label for=\"show-en\" lang=\"en\" class=\"always\">English</label>\n\
             <span class=\"hint\">{legend}</span>\n"
        )
    }

    /// What it is, of what, how it stands, what stands before the next grade.
    fn first(&self, report: &Report, title: &BothTexts) -> String {
        let mut out = format!("<section id=\"first\">\n<h1>{}</h1>\n", both(title));
        let _infallible = writeln!(out, "<p class=\"notice\">{}</p>\n<dl>", both(&report.notice));
        let names = report.names.join(" / ");
        let office = report.office.as_deref().unwrap_or_default();
        let grade = |grade: Grade| self.say(words::grade(grade));
        for (label, value) in [
            ("label-office", escaped(office)),
            ("label-name", escaped(&names)),
            ("label-at", escaped(&report.at.to_string())),
            ("label-grade", grade(report.grade.without_waivers)),
            ("label-grade-waived", grade(report.grade.with_waivers)),
            ("label-score", format!("{} / {}", report.score.points, report.score.most)),
            ("label-next-grade", grade(report.grade.next)),
            ("label-blockers", self.blockers(report)),
        ] {
            if !value.is_empty() {
                let _infallible = writeln!(out, "<dt>{}</dt><dd>{value}</dd>", self.say(label));
            }
        }
        out + "</dl>\n" + &self.chart(report) + "</section>\n"
    }

    fn blockers(&self, report: &Report) -> String {
        let all = &report.grade.blockers;
        let links = all.iter().take(BLOCKERS).map(|blocker| {
            let id = escaped(&blocker.id);
            let is_there = report.results.iter().any(|said| said.id == blocker.id);
            if is_there { format!("<a href=\"#{id}\">{id}</a>") } else { id }
        });
        let mut out = links.collect::<Vec<_>>().join(", ");
        let more = all.len().saturating_sub(BLOCKERS);
        if more > 0 {
            out.push_str(&both(&self.voices.say_count("audit-more", more)));
        }
        out
    }

    /// One bar of all results by status, and the same as a list: colour alone tells nothing.
    fn chart(&self, report: &Report) -> String {
        let total: usize = report.counts.values().sum();
        if total == 0 {
            return String::new();
        }
        let label = self.voices.say("label-results");
        let mut out = format!(
            "<figure>\n<svg viewBox=\"0 0 {CHART} 40\" role=\"img\" aria-label=\"{} / {}\" preserveAspectRatio=\"none\">\n",
            escaped(&label.ja),
            escaped(&label.en),
        );
        let (mut before, mut legend) = (0, String::new());
        for (status, count) in report.counts.iter().filter(|(_, count)| **count > 0) {
            let at = |count: usize| count.saturating_mul(CHART).checked_div(total).unwrap_or_default();
            let (left, word) = (at(before), status.as_str());
            before = before.saturating_add(*count);
            let _infallible = writeln!(
                out,
                "<rect class=\"{word}\" x=\"{left}\" y=\"0\" width=\"{}\" height=\"40\"/>",
                at(before).saturating_sub(left),
            );
            let said = self.say(words::status(*status));
            let _infallible = writeln!(legend, "<li><span class=\"mark {word}\"></span>{said} {count}</li>");
        }
        out + &format!("</svg>\n<figcaption><ul>\n{legend}</ul></figcaption>\n</figure>\n")
    }

    fn contradictions(&self, report: &Report) -> String {
        if report.contradictions.is_empty() {
            return String::new();
        }
        let mut out = format!("<section>\n<h2>{}</h2>\n", self.say("audit-contradiction"));
        for found in &report.contradictions {
            let text = BothTexts { ja: found.text_ja.clone(), en: found.text.clone() };
            let id = escaped(&found.id);
            let _infallible =
                writeln!(out, "<article class=\"fail\"><h3>{id}</h3><p>{}</p></article>", both(&text));
        }
        out + "</section>\n"
    }

    fn section(&self, report: &Report, status: Status) -> String {
        let mut items = report.results.iter().filter(|said| said.status == status).peekable();
        if items.peek().is_none() {
            return String::new();
        }
        let mut out = format!("<section>\n<h2>{}</h2>\n", self.say(words::status(status)));
        for said in items {
            let is_first = report.results.iter().find(|other| other.id == said.id) == Some(said);
            out.push_str(&self.item(said, is_first));
        }
        out + "</section>\n"
    }

    fn item(&self, said: &Said, is_first: bool) -> String {
        let id = escaped(&said.id);
        let anchor = if is_first { format!(" id=\"{id}\"") } else { String::new() };
        let reason = BothTexts { ja: said.reason_ja.clone(), en: said.reason.clone() };
        let fix = BothTexts { ja: said.fix_ja.clone(), en: said.fix.clone() };
        let mut out = format!(
            "<article{anchor} class=\"{}\"><h3>{id} {} <small>({})</small></h3><p>{}</p>\n",
            said.status.as_str(),
            both(&said.title),
            self.say(words::view(said.view)),
            both(&reason),
        );
        if !fix.ja.is_empty() {
            let _infallible =
                writeln!(out, "<p class=\"fix\"><b>{}</b> {}</p>", self.say("label-remedy"), both(&fix));
        }
        if !said.evidence.is_empty() {
            out.push_str("<ul class=\"evidence\">\n");
            for one in &said.evidence {
                let (source, value) = (escaped(&one.source), escaped(&one.value));
                let _infallible = writeln!(
                    out,
                    "<li><code>{source}</code> {value} <small>{} {}</small></li>",
                    one.at,
                    self.say(words::trust(one.trust))
                );
            }
            out.push_str("</ul>\n");
        }
        out + "</article>\n"
    }

    /// What it rests on, and how it is verified.
    fn basis(&self, report: &Report, bytes: &[u8]) -> String {
        let mut out = format!("<section>\n<h2>{}</h2>\n<dl>\n", self.say("audit-report-basis"));
        let mut add = |label: &str, value: String| {
            let _infallible = writeln!(out, "<dt>{}</dt><dd>{value}</dd>", self.say(label));
        };
        add(
            "label-checklist",
            format!("{} <code>{}</code>", escaped(&report.checklist), report.checklist_hash),
        );
        for (view, basis) in &report.facts {
            let replayed = if basis.replayed { self.say("audit-report-replayed") } else { String::new() };
            let origin = match basis.origin {
                Origin::Live => "audit-report-live",
                Origin::Files => "audit-report-files",
            };
            let (view, origin) = (self.say(words::view(*view)), self.say(origin));
            add("label-facts", format!("{view} {} {origin} {replayed}", basis.at));
        }
        add("label-tool", escaped(&report.tool));
        add("label-hash", format!("<code>report.json sha256 {}</code>", Hash::of(bytes)));
        if let Some(earlier) = report.chain.as_ref().and_then(|chain| chain.0.last()) {
            add("label-earlier", format!("<code>{earlier}</code>"));
        }
        out + "</dl>\n</section>\n"
    }
}

/// A text in both languages, of which the page shows one.
fn both(texts: &BothTexts) -> String {
    let (ja, en) = (escaped(&texts.ja), escaped(&texts.en));
    format!("<span lang=\"ja\">{ja}</span><span lang=\"en\">{en}</span>")
}
