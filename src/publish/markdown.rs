//! Markdown as people write it to HTML as the site shows it: headings with anchors, tables and code that scroll by
//! themselves, links as whoever asks resolves them. HTML in a text is shown as text; comments are left out.
//!
//! Pure. Knows no files and no pages: where a link leads is [`render`]'s caller's business.

use std::collections::BTreeMap;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// What a text is made of, before it is written out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The heading that it begins with, when that was to be taken as its title.
    pub title: Option<String>,
    /// The title's anchor.
    pub title_id: Option<String>,
    pub headings: Vec<Heading>,
    /// Its first paragraph, as plain text.
    pub opening: String,
}

/// One heading of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// As written: the number of `#`.
    pub level: usize,
    /// Its anchor.
    pub id: String,
    pub text: String,
}

/// The anchors of one page: each is given out once.
#[derive(Debug, Default)]
pub struct Anchors(BTreeMap<String, u32>);

impl Anchors {
    /// The anchor of a heading, as GitHub makes it, so that links work in both places.
    fn make(&mut self, heading: &str) -> String {
        let plain: String = heading
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let seen = self.0.entry(plain.clone()).or_insert(0);
        *seen += 1;
        match *seen {
            1 => plain,
            nth => format!("{plain}-{}", nth - 1),
        }
    }
}

/// Whether a text's first heading is the title of its page, and so no part of what is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    IsTitle,
    Stays,
}

fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

/// Finds headings and the first paragraph.
pub fn outline(text: &str, first: First, anchors: &mut Anchors) -> Outline {
    let mut outline = Outline::default();
    let mut heading: Option<String> = None;
    let mut paragraph: Option<String> = None;
    let mut begun = false;
    for event in parser(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(level)) => {
                let text = heading.take().unwrap_or_default().trim().to_owned();
                if first == First::IsTitle && !begun {
                    outline.title_id = Some(anchors.make(&text));
                    outline.title = Some(text);
                } else {
                    outline.headings.push(Heading { level: level as usize, id: anchors.make(&text), text });
                }
                begun = true;
            }
            Event::Start(Tag::Paragraph) if outline.opening.is_empty() => paragraph = Some(String::new()),
            Event::End(TagEnd::Paragraph) => {
                if let Some(text) = paragraph.take() {
                    outline.opening = text.trim().to_owned();
                }
                begun = true;
            }
            Event::Text(text) | Event::Code(text) => {
                for kept in [&mut heading, &mut paragraph].into_iter().flatten() {
                    kept.push_str(&text);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                for kept in [&mut heading, &mut paragraph].into_iter().flatten() {
                    kept.push(' ');
                }
            }
            // A comment above the title does not count as the beginning.
            Event::Html(_) | Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => {}
            Event::Start(_) if heading.is_none() && paragraph.is_none() => begun = true,
            _ => {}
        }
    }
    outline
}

/// Where each section of a level begins and ends, in bytes, with its heading's text. What stands before the first
/// is not in it.
pub fn sections(text: &str, level: usize) -> Vec<(String, Range<usize>)> {
    let mut found: Vec<(String, Range<usize>)> = Vec::new();
    let mut inside = false;
    for (event, range) in parser(text).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level: this, .. }) if this as usize == level => {
                if let Some((_, last)) = found.last_mut() {
                    last.end = range.start;
                }
                found.push((String::new(), range.start..text.len()));
                inside = true;
            }
            Event::End(TagEnd::Heading(_)) => inside = false,
            Event::Text(part) | Event::Code(part) if inside => {
                if let Some((heading, _)) = found.last_mut() {
                    heading.push_str(&part);
                }
            }
            _ => {}
        }
    }
    found
}

/// A link as written, and where.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    pub to: &'a str,
    /// Counted from 1, within the text.
    pub line: usize,
    /// It shows a picture.
    pub picture: bool,
}

/// Writes a text out as HTML. Its headings, which `outline` found in it, are moved so that the highest is an `h2`.
/// `resolve` says what stands in the place of a link; of one that leads nowhere it makes a note for itself, and
/// says nothing.
pub fn render(text: &str, outline: &Outline, resolve: &mut dyn FnMut(Link<'_>) -> Option<String>) -> String {
    let highest = outline.headings.iter().map(|heading| heading.level).min().unwrap_or(2);
    let mut headings = outline.headings.iter();
    let mut skipping = outline.title.is_some();
    let mut out: Vec<Event<'_>> = Vec::new();
    let mut here: Option<&Heading> = None;
    let mut events = parser(text).into_offset_iter().peekable();
    let mut head = false;
    while let Some((event, range)) = events.next() {
        match event {
            Event::Start(Tag::Heading { .. }) if skipping => {
                while !matches!(events.next(), Some((Event::End(TagEnd::Heading(_)), _)) | None) {}
                skipping = false;
            }
            Event::Start(Tag::Heading { .. }) => {
                here = headings.next();
                let (level, id) =
                    here.map_or((2, ""), |found| (found.level + 2 - highest, found.id.as_str()));
                out.push(raw(format!("<h{} id=\"{}\">", level.clamp(2, 6), escape(id))));
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some(found) = here.take() {
                    let level = (found.level + 2 - highest).clamp(2, 6);
                    out.push(raw(format!(
                        " <a class=\"anchor\" href=\"#{}\" aria-label=\"Link to: {}\">#</a></h{level}>\n",
                        escape(&found.id),
                        escape(&found.text)
                    )));
                }
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().unwrap_or_default(),
                    CodeBlockKind::Indented => "",
                };
                let class = match language {
                    "" => String::new(),
                    language => format!(" class=\"language-{}\"", escape(language)),
                };
                // It may be wider than a phone: whoever has no mouse scrolls it by keyboard.
                out.push(raw(format!("<pre tabindex=\"0\"><code{class}>")));
            }
            Event::End(TagEnd::CodeBlock) => out.push(raw("</code></pre>\n")),
            Event::Start(Tag::Table(columns)) => {
                out.push(raw("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Table\">"));
                // Alignment would be written as `style`, which the pages' own policy forbids.
                let columns = columns.iter().map(|_| pulldown_cmark::Alignment::None).collect();
                out.push(Event::Start(Tag::Table(columns)));
            }
            Event::End(TagEnd::Table) => {
                out.push(Event::End(TagEnd::Table));
                out.push(raw("</div>\n"));
            }
            Event::Start(Tag::TableHead) => {
                head = true;
                out.push(Event::Start(Tag::TableHead));
            }
            Event::End(TagEnd::TableHead) => {
                head = false;
                out.push(Event::End(TagEnd::TableHead));
            }
            // A heading cell without a word says nothing to whoever has it read out.
            Event::Start(Tag::TableCell)
                if head && matches!(events.peek(), Some((Event::End(TagEnd::TableCell), _))) =>
            {
                events.next();
                out.push(raw("<td></td>"));
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest = match link_type {
                    pulldown_cmark::LinkType::Email => format!("mailto:{dest_url}"),
                    _ => dest_url.to_string(),
                };
                let link = Link { to: &dest, line: line_of(text, range.start), picture: false };
                let to = resolve(link).unwrap_or_default();
                out.push(Event::Start(Tag::Link {
                    // An address in angle brackets has its scheme by now.
                    link_type: pulldown_cmark::LinkType::Inline,
                    dest_url: CowStr::from(to),
                    title,
                    id,
                }));
            }
            Event::Start(Tag::Image { dest_url, title, id, .. }) => {
                let link = Link { to: &dest_url, line: line_of(text, range.start), picture: true };
                let to = resolve(link).unwrap_or_default();
                let link_type = pulldown_cmark::LinkType::Inline;
                out.push(Event::Start(Tag::Image { link_type, dest_url: CowStr::from(to), title, id }));
            }
            Event::Start(Tag::HtmlBlock) => {
                let mut block = String::new();
                for (inner, _) in events.by_ref() {
                    match inner {
                        Event::Html(part) | Event::Text(part) => block.push_str(&part),
                        Event::End(TagEnd::HtmlBlock) => break,
                        _ => {}
                    }
                }
                if !is_comment(&block) {
                    out.push(raw(format!("<p>{}</p>\n", escape(block.trim_end()))));
                }
            }
            Event::Html(part) | Event::InlineHtml(part) => {
                if !is_comment(&part) {
                    out.push(Event::Text(part));
                }
            }
            other => out.push(other),
        }
    }
    let mut page = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut page, out.into_iter());
    page
}

/// HTML of our own.
fn raw<'a>(text: impl Into<String>) -> Event<'a> {
    Event::Html(CowStr::from(text.into()))
}

fn is_comment(html: &str) -> bool {
    let html = html.trim();
    html.starts_with("<!--") && html.ends_with("-->") && html.matches("-->").count() == 1
}

/// The line that a byte is on, counted from 1.
pub fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes()[..byte.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// A text in the place of HTML, in an element or in an attribute with quotes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        let outline = outline(text, First::Stays, &mut Anchors::default());
        render(text, &outline, &mut |link| Some(format!("to:{}", link.to)))
    }

    #[test]
    fn html_in_a_text_is_shown_and_not_done() {
        let text = "A <script>alert(1)</script> & <b onclick=x>bold</b>\n\n<img src=x onerror=y>\n\n`<i>`\n";
        let html = html(text);
        for tag in ["<script", "<b ", "<img", "<i>"] {
            assert!(!html.contains(tag), "{html}");
        }
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; "), "{html}");
    }

    #[test]
    fn comments_are_left_out_and_what_only_looks_like_one_is_not() {
        assert_eq!(html("<!-- begin -->\nWords <!-- aside --> and more.\n"), "<p>Words  and more.</p>\n");
        let sly = html("<!-- a --><script>x</script><!-- b -->\n");
        assert!(sly.contains("&lt;script&gt;"), "{sly}");
    }

    #[test]
    fn headings_begin_at_the_second_level_and_are_found_by_the_anchors_that_github_gives() {
        let text = "# One\n\n## graders/LAB.toml\n\n## `read` it\n\n## One\n";
        let mut anchors = Anchors::default();
        let outline = outline(text, First::Stays, &mut anchors);
        let ids: Vec<&str> = outline.headings.iter().map(|heading| heading.id.as_str()).collect();
        assert_eq!(ids, ["one", "graderslabtoml", "read-it", "one-1"]);
        let html = html(text);
        assert!(html.starts_with("<h2 id=\"one\">One <a class=\"anchor\" href=\"#one\""), "{html}");
        assert!(html.contains("<h3 id=\"one-1\">"), "{html}");
    }

    #[test]
    fn the_title_is_taken_out_and_the_first_paragraph_is_known() {
        let text = "<!-- a note -->\n# A *title*\n\nFirst `words`\nhere.\n\nMore.\n\n## Part\n";
        let mut anchors = Anchors::default();
        let outline = outline(text, First::IsTitle, &mut anchors);
        assert_eq!(outline.title.as_deref(), Some("A title"));
        assert_eq!(outline.opening, "First words here.");
        assert_eq!(outline.headings.len(), 1);
        let html = render(text, &outline, &mut |_| None);
        assert!(!html.contains("title") && html.contains("<h2 id=\"part\">"), "{html}");
    }

    #[test]
    fn sections_are_parted_at_headings_and_not_in_code() {
        let text = "Before.\n\n## One\n\n```text\n## no heading\n```\n\n### Deeper\n\n## Two\n\nEnd.\n";
        let found = sections(text, 2);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["One", "Two"]);
        assert!(text[found[0].1.clone()].contains("### Deeper"));
        assert_eq!(&text[found[1].1.clone()], "## Two\n\nEnd.\n");
    }

    #[test]
    fn links_are_asked_for_with_their_line() {
        let mut seen = Vec::new();
        let text = "One\n[two](a.md#b) and\n\n<https://example.org/?a=1&b=2>, ![p](c.png)\n";
        let outline = outline(text, First::Stays, &mut Anchors::default());
        let html = render(text, &outline, &mut |link| {
            seen.push((link.to.to_owned(), link.line, link.picture));
            Some(link.to.to_owned())
        });
        let wanted = [("a.md#b", 2, false), ("https://example.org/?a=1&b=2", 4, false), ("c.png", 4, true)];
        assert_eq!(seen, wanted.map(|(to, line, picture)| (to.to_owned(), line, picture)));
        assert!(html.contains("href=\"https://example.org/?a=1&amp;b=2\""), "{html}");
    }

    #[test]
    fn tables_have_no_style_and_no_empty_headings() {
        let html = html("| a | |\n|--:|:-:|\n| 1 | 2 |\n");
        assert!(!html.contains("style="), "{html}");
        assert!(html.contains("<th>a</th><td></td>"), "{html}");
    }
}
