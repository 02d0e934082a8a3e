//! Reads finished pages as a browser would, as far as anchors and links go, so that a build can see that each link
//! leads somewhere. Knows the HTML that our templates make: every `<` that begins no tag is escaped.

use std::collections::{BTreeMap, BTreeSet};

/// Anchors and links of a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub ids: BTreeSet<String>,
    /// Anchors that stand on the page more than once.
    pub twice: Vec<String>,
    pub links: Vec<String>,
}

/// Finds them.
pub fn find(html: &str) -> Found {
    let mut found = Found::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        // What stands in these is no HTML.
        for raw in ["script", "style"] {
            if rest.starts_with(raw) {
                let end = format!("</{raw}>");
                rest = rest.find(&end).map_or("", |at| &rest[at + end.len()..]);
            }
        }
        let Some(end) = rest.find('>') else { break };
        for (name, value) in attributes(&rest[..end]) {
            match name {
                "id" => {
                    let id = unescape(value);
                    if !found.ids.insert(id.clone()) {
                        found.twice.push(id);
                    }
                }
                "href" | "src" => found.links.push(unescape(value)),
                _ => {}
            }
        }
        rest = &rest[end..];
    }
    found
}

/// Names and values of a tag's attributes with values in double quotes.
fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = tag;
    std::iter::from_fn(move || {
        let at = rest.find("=\"")?;
        let name = rest[..at].rsplit(char::is_whitespace).next().unwrap_or_default();
        let value = &rest[at + 2..];
        let end = value.find('"')?;
        rest = &value[end + 1..];
        Some((name, &value[..end]))
    })
}

fn unescape(value: &str) -> String {
    value
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// Links of pages that lead to no page or no anchor: the page and the link. `pages` are those of one site by path.
pub fn dead(pages: &BTreeMap<String, Found>) -> Vec<(String, String)> {
    let leads = |page: &str, link: &str| {
        let outward =
            ["http://", "https://", "mailto:", "data:"].iter().any(|scheme| link.starts_with(scheme));
        if outward {
            return true;
        }
        let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
        let path = path.split('?').next().unwrap_or_default();
        let meant = if path.is_empty() { Some(page.to_owned()) } else { reached(page, path) };
        let target = meant.and_then(|meant| pages.get(&meant));
        target.is_some_and(|target| anchor.is_none_or(|anchor| target.ids.contains(anchor)))
    };
    let mut dead = Vec::new();
    for (page, found) in pages {
        dead.extend(
            found.links.iter().filter(|link| !leads(page, link)).map(|link| (page.clone(), link.clone())),
        );
    }
    dead
}

fn reached(page: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_anchors_are_found_in_tags_and_nowhere_else() {
        let html = "<style>a[href=\"no\"]{}</style><p id=\"one\">href=\"words\" <a class=\"b\" href=\"x.html?a=1&amp;b#c\">&lt;a href=\"y\"&gt;</a></p><p id=\"one\">";
        let found = find(html);
        assert_eq!(found.links, ["x.html?a=1&b#c"]);
        assert_eq!(found.twice, ["one"]);
    }

    #[test]
    fn a_link_to_a_missing_page_or_anchor_is_dead() {
        let page = |html: &str| find(html);
        let pages = BTreeMap::from([
            (
                "index.html".to_owned(),
                page("<a href=\"labs/a.html#b\"><a href=\"labs/c.html\"><a href=\"#d\">"),
            ),
            (
                "labs/a.html".to_owned(),
                page("<p id=\"b\"><a href=\"../index.html?q=1\"><a href=\"https://x\">"),
            ),
        ]);
        let dead = dead(&pages);
        let dead: Vec<(&str, &str)> =
            dead.iter().map(|(page, link)| (page.as_str(), link.as_str())).collect();
        assert_eq!(dead, [("index.html", "labs/c.html"), ("index.html", "#d")]);
    }
}
