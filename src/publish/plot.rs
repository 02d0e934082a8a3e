//! Small pictures of numbers as inline SVG, coloured by the page's style and told in words beside them.
//! Pure; whole numbers in, text out.

use std::fmt::Write;

use super::markdown::escape;

/// One grading in the plot of points.
#[derive(Clone, Debug)]
pub struct Dot {
    /// What it is: shown when pointed at.
    pub told: String,
    /// Of 100.
    pub points: u32,
    /// Points from which it would be passed.
    pub mark: u32,
    pub passed: bool,
}

/// So many gradings fit side by side; the newest are shown.
pub const MOST_DOTS: usize = 60;

/// The points of gradings, the oldest at the left: a stem up to a dot, full where the lab was passed, and a short
/// line at the mark.
pub fn points(dots: &[Dot]) -> String {
    const WIDTH: usize = 640;
    const HEIGHT: usize = 220;
    const LEFT: usize = 48;
    const TOP: usize = 10;
    const BOTTOM: usize = 12;
    let dots = &dots[dots.len().saturating_sub(MOST_DOTS)..];
    let passed = dots.iter().filter(|dot| dot.passed).count();
    let height = |points: u32| TOP + (HEIGHT - TOP - BOTTOM) * (100 - points.min(100) as usize) / 100;
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Points of {} gradings in the \
         order of time, {passed} of them passed; each attempt's page has its figures\">\n",
        dots.len()
    );
    for line in [0, 25, 50, 75, 100] {
        let y = height(line);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{line}</text>",
            LEFT - 6,
            y + 4
        )
        .expect("strings take it");
    }
    for (nth, dot) in dots.iter().enumerate() {
        let x = LEFT + (WIDTH - LEFT) * (2 * nth + 1) / (2 * dots.len());
        let (y, mark) = (height(dot.points), height(dot.mark));
        let class = if dot.passed { "dot passed" } else { "dot" };
        writeln!(
            svg,
            "<g class=\"{class}\"><title>{}</title><line x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{y}\"/>\
             <line class=\"mark\" x1=\"{}\" x2=\"{}\" y1=\"{mark}\" y2=\"{mark}\"/>\
             <circle cx=\"{x}\" cy=\"{y}\" r=\"5\"/></g>",
            escape(&dot.told),
            height(0),
            x.saturating_sub(6),
            x + 6
        )
        .expect("strings take it");
    }
    svg.push_str("</svg>");
    svg
}

/// How a share moved, in hundredths of a percent: a line, as wide as a word or two.
pub fn line(shares: &[u32]) -> String {
    const WIDTH: usize = 120;
    const HEIGHT: usize = 28;
    let last = shares.len().saturating_sub(1).max(1);
    let mut way = String::new();
    for (nth, share) in shares.iter().enumerate() {
        let x = 3 + (WIDTH - 6) * nth / last;
        let y = 3 + (HEIGHT - 6) * (10_000 - (*share).min(10_000) as usize) / 10_000;
        write!(way, "{}{x},{y}", if nth == 0 { "" } else { " " }).expect("strings take it");
    }
    let end = way.rsplit(' ').next().and_then(|last| last.split_once(','));
    let (x, y) = end.unwrap_or(("3", "25"));
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\"><polyline points=\"{way}\"/>\
         <circle cx=\"{x}\" cy=\"{y}\" r=\"2.5\"/></svg>"
    )
}

/// A bar, so long as a share of 100.
pub fn bar(percent: u32) -> String {
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"all\" width=\"100\" height=\"8\"/><rect width=\"{}\" height=\"8\"/></svg>",
        percent.min(100)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_escaped_and_points_stay_inside() {
        let dot = |points| Dot { told: "<b>&".into(), points, mark: 70, passed: points >= 70 };
        let svg = points(&[dot(0), dot(100), dot(4_000_000_000)]);
        assert!(svg.contains("&lt;b&gt;&amp;") && !svg.contains("<b>"), "{svg}");
        assert!(svg.contains("cy=\"208\"") && svg.contains("cy=\"10\""), "{svg}");
        assert!(svg.contains("3 gradings") && svg.contains("2 of them passed"), "{svg}");
    }

    #[test]
    fn only_the_newest_gradings_are_drawn() {
        let dots: Vec<Dot> =
            (0..90).map(|n| Dot { told: format!("n{n}"), points: n, mark: 70, passed: false }).collect();
        let svg = points(&dots);
        assert!(!svg.contains(">n29<") && svg.contains(">n30<"), "{svg}");
    }

    #[test]
    fn a_line_of_one_point_is_a_dot() {
        assert!(line(&[5_000]).contains("points=\"3,14\""));
        assert!(line(&[0, 10_000]).contains("points=\"3,25 117,3\""));
    }
}
