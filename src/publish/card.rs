//! A card of a grading to show to others, as text and as a picture. It names neither the cause nor a check, and carries
//! the digest of the record that it tells of. Pure.

use std::fmt::Write;

use serde::Serialize;

use super::markdown::escape;
use crate::grade::clean;
use crate::screen::{folded, plain};
use crate::units::spoken_duration;

/// Columns of a card as text.
const COLUMNS: usize = 60;
/// Most bytes of a title.
const TITLE_LIMIT: usize = 160;

/// What a card says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Card {
    pub lab: String,
    pub title: String,
    /// 1 to 5; none where the lab is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    pub passed: bool,
    pub earned: u32,
    pub max: u32,
    /// Points from which it is passed.
    pub mark: u32,
    /// Shown before the grading, and what they cost together, in percent of the points.
    pub hints: u32,
    pub hints_cost_percent: u32,
    /// The learner's time up to the grading.
    pub used_ms: u64,
    pub gradings: u32,
    /// Day of the grading, in UTC: `2026-11-22`.
    pub date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<CardRole>,
    pub attempt: String,
    /// Number of the grading's record, and its digest, which covers all records before it.
    pub record: u32,
    /// Lower-case hex.
    pub sha256: String,
}

/// What the grading means for a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CardRole {
    pub title: String,
    /// In hundredths of a percent; none where the role has no weight on this lab.
    pub score_bp: Option<u32>,
    /// Percent of the role's weight that the lab covers.
    pub covered: u32,
}

impl Card {
    fn verdict(&self) -> &'static str {
        if self.passed { "passed" } else { "not passed" }
    }

    fn title(&self) -> String {
        plain(&clean(&self.title, TITLE_LIMIT))
    }

    fn lab(&self) -> String {
        let lab = plain(&clean(&self.lab, TITLE_LIMIT));
        self.level.map_or_else(|| lab.clone(), |level| format!("{lab}, level {level}"))
    }

    fn points(&self) -> String {
        format!("{} of {} points (mark {})", self.earned, self.max, self.mark)
    }

    /// What the hints leave of the points.
    fn after_hints(&self) -> Option<String> {
        let hints = if self.hints == 1 { "1 hint".to_owned() } else { format!("{} hints", self.hints) };
        let left = u64::from(self.earned) * u64::from(100 - self.hints_cost_percent.min(100)) / 100;
        (self.hints > 0).then(|| format!("{left} after {hints} ({} %)", self.hints_cost_percent))
    }

    fn how(&self) -> String {
        let hints = match self.hints {
            0 => "no hint".to_owned(),
            1 => "1 hint".to_owned(),
            many => format!("{many} hints"),
        };
        let gradings = match self.gradings {
            0 | 1 => "at the first grading".to_owned(),
            many => format!("at grading {many}"),
        };
        format!("{} used, {hints}, {gradings}", spoken_duration(self.used_ms))
    }

    fn role(&self) -> Option<String> {
        let role = self.role.as_ref()?;
        let title = clean(&role.title, TITLE_LIMIT);
        let score = role.score_bp.map_or_else(String::new, |bp| format!("{} % ", bp / 100));
        Some(format!("{title}: {score}over {} % of the role", role.covered))
    }

    /// For a mail or a chat: at most 60 columns, and no colour.
    pub fn text(&self) -> String {
        let rule = "-".repeat(COLUMNS);
        let mut text = format!("{rule}\ncrashcart{:>width$}\n\n", self.verdict(), width = COLUMNS - 9);
        for line in folded(&self.title(), COLUMNS - 2, 3) {
            writeln!(text, "  {line}").expect("strings take it");
        }
        let mut lines = vec![self.lab(), String::new(), self.points()];
        lines.extend(self.after_hints());
        lines.push(self.how());
        lines.extend(self.role());
        lines.push(String::new());
        lines.push(format!("graded on {}; attempt {}, record {}", self.date, self.attempt, self.record));
        lines.push("SHA-256 of the record and all before it:".into());
        for line in lines {
            match line.is_empty() {
                true => text.push('\n'),
                false => folded(&line, COLUMNS - 2, 3).iter().for_each(|line| {
                    writeln!(text, "  {line}").expect("strings take it");
                }),
            }
        }
        let (first, second) = self.digest();
        writeln!(text, "  {first}\n  {second}\n{rule}").expect("strings take it");
        text
    }

    /// The digest in two halves, so that it fits.
    fn digest(&self) -> (&str, &str) {
        self.sha256.split_at_checked(32).unwrap_or((&self.sha256, ""))
    }

    /// A picture that needs nothing else, for light and dark pages.
    pub fn svg(&self) -> String {
        const WIDTH: u32 = 640;
        const BAR: u32 = 200;
        let title = self.title();
        let lines = folded(&title, 30, 2);
        let label = format!("{title}: {}, {}", self.verdict(), self.points());
        let of = |points: u32| BAR * points.min(self.max) / self.max.max(1);
        let verdict = if self.passed { "good" } else { "bad" };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} 340\" width=\"{WIDTH}\" height=\"340\" role=\"img\" \
             aria-label=\"{label}\">\n<title>{label}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"ground\" x=\"1\" y=\"1\" width=\"638\" height=\"338\" rx=\"14\"/>\n",
            label = xml(&label)
        );
        let mut text = |class: &str, x: u32, y: u32, words: &str| {
            writeln!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", xml(words))
                .expect("strings take it");
        };
        text("brand", 32, 48, "crashcart");
        text(&format!("verdict end {verdict}"), WIDTH - 32, 48, self.verdict());
        let mut y = 100;
        for line in &lines {
            text("title", 32, y, line);
            y += 32;
        }
        text("quiet", 32, y - 4, &short(&self.lab(), 50));
        text("score end", WIDTH - 32, 130, &self.earned.to_string());
        text("quiet end", WIDTH - 32, 158, &format!("of {} points, mark {}", self.max, self.mark));
        let mut y = 210;
        for line in [self.after_hints(), Some(self.how()), self.role()].into_iter().flatten() {
            text("fact", 32, y, &short(&line, 66));
            y += 26;
        }
        let (first, second) = self.digest();
        text(
            "small",
            32,
            290,
            &format!("graded on {}; attempt {}, record {}, SHA-256", self.date, self.attempt, self.record),
        );
        text("small mono", 32, 310, &format!("{first}{second}"));
        writeln!(
            svg,
            "<rect class=\"all\" x=\"{left}\" y=\"172\" width=\"{BAR}\" height=\"8\" rx=\"4\"/>\n\
             <rect class=\"{verdict}\" x=\"{left}\" y=\"172\" width=\"{}\" height=\"8\" rx=\"4\"/>\n\
             <rect class=\"mark\" x=\"{}\" y=\"168\" width=\"2\" height=\"16\"/>\n</svg>",
            of(self.earned),
            WIDTH - 32 - BAR + of(self.mark),
            left = WIDTH - 32 - BAR,
        )
        .expect("strings take it");
        svg
    }
}

/// Colours as the site's.
const STYLE: &str = "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif;\
fill:#1c2126}.ground{fill:#fff;stroke:#d5d9de;stroke-width:2}.brand{font-size:20px;font-weight:700;fill:#b3261e}\
.title{font-size:26px;font-weight:700}.quiet{font-size:15px;fill:#555e68}.fact{font-size:17px}\
.verdict{font-size:20px;font-weight:700}.score{font-size:64px;font-weight:700}.small{font-size:13px;fill:#555e68}\
.mono{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:12px}.end{text-anchor:end}\
.all{fill:#e3e6ea}.mark{fill:#1c2126}.good{fill:#1a6e34}.bad{fill:#a3281f}\
@media(prefers-color-scheme:dark){text{fill:#e4e7ea}.ground{fill:#14171a;stroke:#363c43}.brand{fill:#ff8a80}\
.quiet,.small{fill:#a7b0b9}.all{fill:#363c43}.mark{fill:#e4e7ea}.good{fill:#7ed597}.bad{fill:#ff9d94}}";

fn short(text: &str, columns: usize) -> String {
    let mut lines = folded(text, columns, 1);
    if lines.is_empty() { String::new() } else { lines.swap_remove(0) }
}

/// A text in the place of XML, without what XML may not hold.
fn xml(text: &str) -> String {
    let may = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    escape(&text.chars().filter(may).collect::<String>())
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn card() -> Card {
        Card {
            lab: "some-lab".into(),
            title: "Cannot allocate memory, with plenty of it free".into(),
            level: Some(2),
            passed: true,
            earned: 100,
            max: 100,
            mark: 70,
            hints: 3,
            hints_cost_percent: 30,
            used_ms: 16 * 60_000,
            gradings: 2,
            date: "2026-11-22".into(),
            role: Some(CardRole {
                title: "AI Infrastructure Architect".into(),
                score_bp: Some(10_000),
                covered: 38,
            }),
            attempt: "abcdef".into(),
            record: 17,
            sha256: "0123456789abcdef".repeat(4),
        }
    }

    #[test]
    fn a_card_as_text_says_what_was_done_and_fits() {
        insta::assert_snapshot!(card().text(), @r"
        ------------------------------------------------------------
        crashcart                                             passed

          Cannot allocate memory, with plenty of it free
          some-lab, level 2

          100 of 100 points (mark 70)
          70 after 3 hints (30 %)
          16 min used, 3 hints, at grading 2
          AI Infrastructure Architect: 100 % over 38 % of the role

          graded on 2026-11-22; attempt abcdef, record 17
          SHA-256 of the record and all before it:
          0123456789abcdef0123456789abcdef
          0123456789abcdef0123456789abcdef
        ------------------------------------------------------------
        ");
    }

    #[test]
    fn a_card_of_anything_fits_and_holds_nothing_but_text() {
        let hostile = "\u{1b}[31m<script>&\"'\u{fffe}\u{202e} 火".repeat(40);
        let card = Card {
            title: hostile.clone(),
            lab: hostile.clone(),
            passed: false,
            earned: u32::MAX,
            mark: u32::MAX,
            role: Some(CardRole { title: hostile, score_bp: Some(u32::MAX), covered: u32::MAX }),
            used_ms: u64::MAX,
            sha256: "short".into(),
            ..card()
        };
        for line in card.text().lines() {
            assert!(line.width() <= COLUMNS, "{line:?}");
        }
        let svg = card.svg();
        assert!(svg.len() < 10 * 1024, "{} bytes", svg.len());
        assert!(svg.contains("&lt;script&gt;&amp;&quot;&#39;"), "{svg}");
        for trick in ["<script", "\u{1b}", "\u{202e}", "\u{fffe}"] {
            assert!(!svg.contains(trick), "{trick:?} in {svg}");
        }
        assert!(card.text().contains("not passed") && svg.contains("not passed"));
    }

    #[test]
    fn a_picture_is_whole_and_small_and_asks_for_nothing() {
        let svg = card().svg();
        assert!(svg.len() < 5 * 1024, "{} bytes", svg.len());
        assert_eq!(svg.matches("://").count(), 1, "only the name of SVG: {svg}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(svg.contains("prefers-color-scheme:dark") && svg.ends_with("</svg>\n"), "{svg}");
    }
}
